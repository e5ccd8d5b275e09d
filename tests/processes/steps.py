"""Something happens between two steps of a server: before or after a statement or a commit."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar
from unittest import mock

from django.db import OperationalError, close_old_connections, connection

from tests.support.statements import TRANSACTION

T = TypeVar("T")


class Steps:
    """Counts from 1 the steps of what it surrounds, and does something at some of them."""

    def __init__(self, at: range, then: Callable[[], object]) -> None:
        self.at = at
        self.then = then
        self.names: list[str] = []
        commit = partial(self.around, "commit", connection._commit)  # type: ignore[attr-defined]
        self.hooks = (
            connection.execute_wrapper(self.execute),
            mock.patch.object(connection, "_commit", commit),
        )

    def __enter__(self) -> Self:
        for hook in self.hooks:
            hook.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self.hooks:
            hook.__exit__(*error)  # type: ignore[arg-type]

    def step(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) in self.at:
            self.then()

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        self.step(f"before {name}")
        result = act()
        self.step(f"after {name}")
        return result

    def execute(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        act = partial(execute, sql, params, many, context)
        # Nothing lies between them and the step before or after.
        return act() if sql.startswith(TRANSACTION) else self.around(sql[:20], act)


def killed_at(step: int, act: Callable[[], T]) -> tuple[T, list[str]]:
    """What ``act`` returns, and its steps, unless this process is killed at one of them.

    The last is when the answer is made and not sent.
    """
    kill = partial(signal.raise_signal, signal.SIGKILL)
    with Steps(range(step, step + 1), kill) as steps:
        result = act()
        steps.step("before the answer")
    return result, steps.names


def harmed_at(
    at: range, harm: Callable[[], object], act: Callable[[], T]
) -> tuple[T, T, list[str]]:
    """What ``act`` returns, and then again as the next request of this process; and its steps.

    ``harm`` is done ``at`` some of the first one's.
    """
    with Steps(at, harm) as steps:
        first = act()
    close_old_connections()
    return first, act(), steps.names


def fail() -> None:
    """The database answers with an error. After a statement or a commit: which it made."""
    raise OperationalError("out of order")


def lose() -> None:
    """The connection to the database is lost, where there is one."""
    with suppress(AttributeError):
        number = os.dup(connection.connection.fileno())
        with socket.socket(fileno=number) as double:
            double.shutdown(socket.SHUT_RDWR)
