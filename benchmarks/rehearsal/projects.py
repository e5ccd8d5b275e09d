"""The projects that move, small and large: what they are deployed from, and what must work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .asking import HOST, ask

PACKAGE = "benchmarks.rehearsal"
PASSWORD = "correct horse battery staple"
ORIGIN = "https://www.example.com"
GUESSED = "guessed@example.com"
"""Whose password a stranger tries to find."""
MAKE_USERS = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
call_command("migrate", verbosity=0)
User, password = get_user_model(), make_password("PASSWORD")
User.objects.bulk_create(User(**{User.USERNAME_FIELD: it}, password=password) for it in NAMES)
"""
COUNT = """
import django; django.setup()
from django.db.models import Min
from jwt_refresh.models import Session
print(Session.objects.count(), Session.objects.aggregate(it=Min("generation"))["it"])
"""


READ = """
import django; django.setup()
from django.core.management import call_command
call_command("jwt_refresh_move_in", check=True)
"""
"""The first step of the guide, with simplejwt still in its place."""


class Project:
    """simplejwt and REST framework, Django's own user model, and SQLite."""

    settings = f"{PACKAGE}.settings"
    name_field = "username"
    """What a user is called by, at login."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.database = str(folder / "rehearsal.sqlite3")

    @contextmanager
    def prepared(self, names: Sequence[str]) -> Iterator[None]:
        """The database is there, with users of these names."""
        self.run("simplejwt", MAKE_USERS.replace("PASSWORD", PASSWORD).replace("NAMES", f"{names}"))
        yield

    @contextmanager
    def deployed(self, stage: str) -> Iterator[None]:
        with subprocess.Popen(
            [sys.executable, "-m", f"{PACKAGE}.server", str(self.port)],
            env=self.environment(stage),
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

    def look_around(self, stage: str) -> None:
        """See that what else the project has works in this stage."""

    def sessions(self) -> tuple[int, int]:
        """How many sessions there are, and how often the one refreshed least was refreshed."""
        count, refreshes = map(int, self.run("moved", COUNT).split())
        return count, refreshes

    def run(self, stage: str, script: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script],
            env=self.environment(stage),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def environment(self, stage: str) -> dict[str, str]:
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": self.settings,
            "REHEARSAL_STAGE": stage,
            "REHEARSAL_DATABASE": self.database,
        }


class LargeProject(Project):
    """What ``large`` has: the user model and the packages of a grown project, and PostgreSQL."""

    settings = f"{PACKAGE}.large.settings.production"
    name_field = "email"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.database = f"jwt_refresh_rehearsal_{os.getpid()}"
        self.printed = folder / "printed.py"

    @contextmanager
    def prepared(self, names: Sequence[str]) -> Iterator[None]:
        psycopg: Any = import_module("psycopg")
        with psycopg.connect(host=HOST, user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.database}")
            try:
                with super().prepared([*names, GUESSED]):
                    self.printed.write_text(self.run("read", READ))
                    yield
            finally:
                connection.execute(f"DROP DATABASE {self.database} WITH (FORCE)")

    def look_around(self, stage: str) -> None:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        preflight = ask(self.port, "OPTIONS", "/api/token/refresh/", headers=asked)
        assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "/api/token/refresh/" in ask(self.port, "GET", "/schema/").text
        assert ask(self.port, "GET", "/accounts/login/").status == 200
        assert ask(self.port, "GET", "/admin/login/").status == 200
        if stage == "moved":
            self._guess()

    def _guess(self) -> None:
        """Guess a password: django-axes counts, though each request is a transaction."""
        answers = [
            ask(self.port, "POST", "/api/token/", {"email": GUESSED, "password": password})
            for password in [*["guess"] * 3, PASSWORD]
        ]
        assert [answer.status for answer in answers] == [401, 401, 429, 429], answers

    def environment(self, stage: str) -> dict[str, str]:
        return super().environment(stage) | {"REHEARSAL_PRINTED": str(self.printed)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
