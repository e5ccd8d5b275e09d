"""Front ends that were written for simplejwt, and the users before them."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jwt

from .asking import Answer, ask
from .projects import PASSWORD, Project

THREADS = 16
STAGE = 12
"""How many seconds a stage lasts, at least: two lives of an access token."""
ROUNDS = 2
"""How often each user looks at a page in a stage, at least."""
AT_ONCE = 5
"""In how many seconds, less than the grace, all who refresh with one token get one successor."""


@dataclass
class FrontEnd:
    """One user, with the tokens that all tabs share."""

    project: Project
    name: str
    kind: str
    dice: random.Random
    access: str = ""
    refresh: str = ""
    logins: int = 0
    forks: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)
    _successor: dict[str, tuple[float, str]] = field(default_factory=dict)
    """By token: when it was first presented, and the id of what came back."""

    def look(self, *, takes_turns: bool) -> None:
        """Look at the page; refresh where the access token has expired, and log in as a last way.

        A front end of simplejwt must let its tabs take turns; with us it need not.
        """
        if self.get().status == 200:
            return
        if takes_turns or self.kind == "phone":
            refreshed = self.refresh_once(loses=not takes_turns and self.dice.random() < 0.3)
        else:
            with ThreadPoolExecutor(3) as tabs:
                refreshed = all(tabs.map(lambda _: self.refresh_once(), range(3)))
        if not refreshed:
            self.login()

    def refresh_once(self, *, loses: bool = False) -> bool:
        held, since = self.refresh, time.monotonic()
        if loses:
            lost = self.post("token/refresh/", {"refresh": held})
            self._count_forks(held, since, lost)
        answer = self.post("token/refresh/", {"refresh": held})
        assert answer.status in (200, 401), (self.name, answer)
        self._count_forks(held, since, answer)
        if answer.status == 200:
            with self.turn:
                self.access, self.refresh = answer.body["access"], answer.body["refresh"]
        return answer.status == 200

    def _count_forks(self, held: str, since: float, answer: Answer) -> None:
        if answer.status == 200:
            content = jwt.decode(answer.body["refresh"], options={"verify_signature": False})
            with self.turn:
                first, successor = self._successor.setdefault(held, (since, content["jti"]))
                at_once = time.monotonic() - min(first, since) < AT_ONCE
                self.forks += at_once and content["jti"] != successor

    def login(self) -> None:
        self.logins += 1
        answer = self.post("token/", {self.project.name_field: self.name, "password": PASSWORD})
        assert answer.status == 200, (self.name, answer)
        self.access, self.refresh = answer.body["access"], answer.body["refresh"]

    def get(self) -> Answer:
        bearer = {"Authorization": f"Bearer {self.access}"}
        return ask(self.project.port, "GET", "/me/", headers=bearer)

    def post(self, path: str, body: Any) -> Answer:
        return ask(self.project.port, "POST", f"/api/{path}", body)


class Crowd:
    """Users who look at pages, again and again, until they are told to stop."""

    def __init__(self, users: list[FrontEnd]) -> None:
        self.users = users
        self.takes_turns = True
        self._stopped = threading.Event()
        self._rounds = [0] * THREADS
        self._pool = ThreadPoolExecutor(THREADS)
        self._going = [self._pool.submit(self._go_on, number) for number in range(THREADS)]

    def _go_on(self, number: int) -> None:
        while not self._stopped.is_set():
            for user in self.users[number::THREADS]:
                user.look(takes_turns=self.takes_turns)
            self._rounds[number] += 1

    def go_on(self) -> None:
        """Wait for a stage to pass."""
        time.sleep(STAGE)
        # The round that is under way may have begun before.
        wanted = [done + 1 + ROUNDS for done in self._rounds]
        while any(done < most for done, most in zip(self._rounds, wanted, strict=True)):
            assert not any(one.done() for one in self._going)
            time.sleep(0.1)

    def stop(self) -> None:
        """Raise what any of them met."""
        self._stopped.set()
        for one in self._going:
            one.result()
        self._pool.shutdown()

    @property
    def logins(self) -> int:
        return sum(user.logins for user in self.users)

    @property
    def forks(self) -> int:
        """How often two who refreshed at once with one token got two successors."""
        return sum(user.forks for user in self.users)
