"""Server processes: they share the database of the test run, and no memory.

A test that uses them needs ``django_db(transaction=True)``: what is not committed, no other
process sees. POSIX only.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as current
from pytest_django import Settings

from tests.support.lanes import sized

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = sized(8, 32)
ROUNDS = int(os.environ.get("RACE_ROUNDS", "4"))
"""Of a race; 50 at full size."""
FEW_ROUNDS = max(4, ROUNDS // 5)
"""Of a race that differs from another in its end alone, which comes at one of 4 points."""
FOR_RACES: dict[str, Any] = {
    "REFRESH_GRACE": timedelta(minutes=20),
    "LOGIN_RATE": None,
    "REFRESH_RATE": None,
}
"""No race, however slow the machine, outlasts the grace; ``rows.age`` does."""

Act = Callable[[], Any]


class Workers:
    """Processes that are there as soon as they are needed, and stay."""

    def __init__(self, control: socket.socket, gate: Any) -> None:
        self.control = control
        self.gate = gate
        self.all: list[Connection] = []
        self.idle: list[Connection] = []

    def race(self, acts: Sequence[Act]) -> list[Any]:
        """What comes of each of ``acts``, done at the same instant by as many processes.

        They run under the settings of the test. Raises what one of them raises, and ``EOFError``
        where one is lost.
        """
        racing = [self.idle.pop() if self.idle else self._start() for _ in acts]
        with self._closed_gate():
            for worker, act in zip(racing, acts, strict=True):
                worker.send((_settings(), act))
            for worker in racing:
                worker.recv()
        outcomes = [worker.recv() for worker in racing]
        self.idle += racing
        return [_raised(outcome) for outcome in outcomes]

    @contextmanager
    def one(self) -> Iterator[Callable[[Act], Any]]:
        """A process of its own, as a function of what it shall do.

        Raises ``EOFError`` when the process is killed.
        """
        with self._start() as worker:
            yield partial(_do, worker)

    @contextmanager
    def _closed_gate(self) -> Iterator[None]:
        fcntl.flock(self.gate, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.gate, fcntl.LOCK_UN)

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            socket.send_fds(self.control, [b"\0"], [theirs.fileno()])
        self.all.append(ours)
        return ours


@pytest.fixture(scope="session")
def workers(django_db_setup: None) -> Iterator[Workers]:
    """For all tests of the run; gone before the database is."""
    ours, theirs = socket.socketpair()
    with tempfile.NamedTemporaryFile() as gate:
        with theirs:
            main = f"from tests.processes.serving import main; main({gate.name!r})"
            command = [sys.executable, "-c", main]
            server = subprocess.Popen(command, cwd=ROOT, stdin=theirs.fileno())
        with server, ours:
            started = Workers(ours, gate)
            yield started
            for worker in started.all:
                worker.close()


@pytest.fixture
def for_races(style: str, settings: Settings) -> None:
    """The test runs in both styles."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | FOR_RACES


def _settings() -> dict[str, Any]:
    return {
        "JWT_REFRESH": getattr(current, "JWT_REFRESH", {}),
        "PASSWORD_HASHERS": current.PASSWORD_HASHERS,
    }


def _do(worker: Connection, act: Act) -> Any:
    worker.send((_settings(), act))
    worker.recv()
    return _raised(worker.recv())


def _raised(outcome: Any) -> Any:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
