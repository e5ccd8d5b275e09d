"""Several callers at the same instant, as threads of one process; and the thread of a query."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connection, connections
from django.test import AsyncClient


def threads_of(path: str, headers: dict[str, str]) -> tuple[int, list[int]]:
    """The thread of the event loop in which a view is asked, and those of the queries it makes."""
    threads: list[int] = []

    def note(execute: Any, *rest: Any) -> Any:
        threads.append(threading.get_ident())
        return execute(*rest)

    async def talking() -> int:
        await AsyncClient().get(path, headers=headers)
        return threading.get_ident()

    with connection.execute_wrapper(note):
        return async_to_sync(talking)(), threads


def race(count: int, act: Callable[[], Any]) -> list[Any]:
    """What ``count`` threads that start at the same instant get, errors included."""
    barrier = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
