"""A project on simplejwt moves to us and back, while its users go on.

``python -m benchmarks.rehearsal [users]``, where simplejwt is installed. A scripted
front end, written for simplejwt, serves each of a thousand users: in a browser with several tabs,
or on a phone whose answers get lost. One in ten is away while the project is with us. Four
deployments follow each other on one port: simplejwt, we beside it, we without it, and simplejwt.

Must hold: with us nobody sees a log-in page, and no session forks; back on simplejwt, whoever was
with us logs in once, and nobody else does.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

PACKAGE = "benchmarks.rehearsal"
THREADS = 16
STAGE = 12
"""How many seconds a stage lasts, at least: two lives of an access token."""
ROUNDS = 2
"""How often each user looks at a page in a stage, at least."""
PATIENCE = 20 * 60
"""After how many seconds the rehearsal is given up."""
PASSWORD = "correct horse battery staple"
MAKE_USERS = """
import django; django.setup()
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
password = make_password("PASSWORD")
User.objects.bulk_create(User(username=f"user{i}", password=password) for i in range(COUNT))
"""


@dataclass
class FrontEnd:
    """One user, with the tokens that all tabs share."""

    name: str
    port: int
    kind: str
    dice: random.Random
    access: str = ""
    refresh: str = ""
    logins: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

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
        held = self.refresh
        if loses:
            self.post("token/refresh/", {"refresh": held})
        answer = self.post("token/refresh/", {"refresh": held})
        if answer.status == 200:
            with self.turn:
                self.access, self.refresh = answer.body["access"], answer.body["refresh"]
        assert answer.status in (200, 401), (self.name, answer)
        return answer.status == 200

    def login(self) -> None:
        self.logins += 1
        answer = self.post("token/", {"username": self.name, "password": PASSWORD})
        assert answer.status == 200, (self.name, answer)
        self.access, self.refresh = answer.body["access"], answer.body["refresh"]

    def get(self) -> Answer:
        return self._ask("GET", "/me/", None)

    def post(self, path: str, body: Any) -> Answer:
        return self._ask("POST", f"/api/{path}", json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if body is None:
            headers["Authorization"] = f"Bearer {self.access}"
        # While one deployment follows another, nobody listens for a moment.
        while True:
            try:
                with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
                    connection.request(method, path, body, headers)
                    response = connection.getresponse()
                    return Answer(response.status, json.loads(response.read() or b"{}"))
            except (ConnectionRefusedError, ConnectionResetError, HTTPException):
                time.sleep(0.1)


@dataclass
class Answer:
    status: int
    body: Any


@contextmanager
def deployed(stage: str, port: int, database: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-m", f"{PACKAGE}.server", str(port)],
        env=environment(stage, database),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert any("listening" in line for line in server.stdout)
        yield
        server.stdin.close()
        assert server.wait(120) == 0


def environment(stage: str, database: Path) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": f"{PACKAGE}.settings",
        "REHEARSAL_STAGE": stage,
        "REHEARSAL_DATABASE": str(database),
    }


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


def ask(database: Path, sql: str) -> Any:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchone()[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def rehearse(count: int, database: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-c",
            MAKE_USERS.replace("COUNT", f"{count}").replace("PASSWORD", PASSWORD),
        ],
        env=environment("simplejwt", database),
        check=True,
    )
    port = free_port()
    users = [
        FrontEnd(f"user{i}", port, ("browser", "phone")[i % 2], random.Random(i))
        for i in range(count)
    ]
    away, here = users[::10], [user for i, user in enumerate(users) if i % 10]
    with deployed("simplejwt", port, database):
        for user in users:
            user.login()
        crowd = Crowd(here)
        crowd.go_on()
    crowd.takes_turns = False
    for stage in ("moved", "uninstalled"):
        with deployed(stage, port, database):
            crowd.go_on()
        seen = crowd.logins - len(here)
        print(f"{stage}: {len(here)} users go on, {seen} saw a log-in page")
        assert seen == 0
    crowd.takes_turns = True
    sessions = ask(database, "SELECT count(*) FROM jwt_refresh_session")
    refreshes = ask(database, "SELECT min(generation) FROM jwt_refresh_session")
    print(f"{sessions} sessions of {len(here)} users, each refreshed {refreshes} times or more")
    assert (sessions, bool(refreshes)) == (len(here), True)
    with deployed("simplejwt", port, database):
        crowd.go_on()
        crowd.stop()
        for user in away:
            user.look(takes_turns=True)
    back, others = crowd.logins - len(here), sum(user.logins - 1 for user in away)
    print(f"back: {back} of {len(here)} log in again, and {others} of {len(away)} who were away")
    assert (back, others) == (len(here), 0)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    with tempfile.TemporaryDirectory() as directory:
        rehearse(int(sys.argv[1]) if sys.argv[1:] else 1000, Path(directory) / "rehearsal.sqlite3")
