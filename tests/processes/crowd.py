"""Clients that go on whatever becomes of the database, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Self

from django.db import close_old_connections, connections

from jwt_refresh.lifetimes import Lifetimes
from tests.support.devices import Device
from tests.support.http import claims

from .acts import device_of

PATIENCE = 120
"""How long it may take, in seconds, until something has happened that is waited for."""
PAUSE = 0.05
"""After a request that nobody could serve, in seconds."""


def lifetimes(user: Any, request: Any) -> Lifetimes:
    """Half of the people have pairs of tokens."""
    odd = int(user.get_username()[-1]) % 2
    return Lifetimes(refresh_lifetime=timedelta(days=14) if odd else None)


class Crowd:
    """Threads of clients, each of which has logged in when it is entered."""

    def __init__(self, users: Iterable[Any]) -> None:
        self.stopped = threading.Event()
        self.clients = [Member(user, self.stopped) for user in users]

    def __enter__(self) -> Self:
        for client in self.clients:
            client.thread.start()
        self.until("200", 2)
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        for client in self.clients:
            client.thread.join()

    def until(self, count: str, more: int) -> None:
        """Each has met ``count`` so many times more."""
        goals = [(client, client.counts[count] + more) for client in self.clients]
        until(lambda: all(client.counts[count] >= goal for client, goal in goals))


class Member:
    """Logs in, refreshes what it has, and uses what it gets; refused, it logs in again."""

    def __init__(self, user: Any, stopped: threading.Event) -> None:
        self.device: Device = device_of(user)
        self.stopped = stopped
        self.counts: Counter[str] = Counter()
        """Of the answers: ``"200"``, ``"503"``, or the code of a refusal."""
        self.refusals: list[tuple[str, str]] = []
        """The sessions that were refused, and why."""
        self.thread = threading.Thread(target=self._live)

    @property
    def held(self) -> tuple[str, str]:
        """The session and the id of the refreshable token."""
        content = claims(self.device.refreshable)
        return content["sid"], content["jti"]

    def _live(self) -> None:
        try:
            while not self.stopped.is_set():
                # As Django does between two requests.
                close_old_connections()
                self._note(self.device.refresh() if self.device.token else self.device.login())
                if self.device.token:
                    self._note(self.device.get())
        finally:
            connections.close_all()

    def _note(self, response: Any) -> None:
        status = response.status_code
        self.counts[str(status)] += 1
        if status == 401:
            self.refusals.append((self.held[0], response.json()["code"]))
            self.device.token = self.device.refresh_token = ""
        elif status != 200:
            time.sleep(PAUSE)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It has not happened."
        time.sleep(PAUSE)
