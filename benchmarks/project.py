"""A Django project for the benchmarks, set up when it is imported.

It has SQLite, and PostgreSQL where a server listens; ``databases()`` makes and drops them.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from os import getpid
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import django
from django.conf import settings
from django.test.utils import setup_databases, teardown_databases

SECRET = secrets.token_urlsafe(32)
HOST, PORT = "127.0.0.1", 5432
NAME = f"jwt_refresh_benchmark_{getpid()}"
FILE = Path(gettempdir()) / f"{NAME}.sqlite3"


class Turn:
    """A router: whatever is asked, the database is asked whose turn it is."""

    alias = "default"

    def db_for_read(self, model: object, **hints: object) -> str:
        return self.alias

    db_for_write = db_for_read


turn = Turn()


def _missing() -> str:
    """Why there is no PostgreSQL; empty where there is."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    with suppress(OSError), socket.create_connection((HOST, PORT), timeout=1):
        return ""
    return f"no server listens at {HOST}:{PORT}"


POSTGRESQL_MISSING = _missing()
_databases: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FILE,
        "TEST": {"NAME": FILE},
    },
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": HOST,
        "PORT": PORT,
        "USER": "postgres",
        "NAME": NAME,
        "TEST": {"NAME": NAME},
    },
}
ALIASES = {"SQLite": "default", "PostgreSQL": "postgresql"}
if POSTGRESQL_MISSING:
    del _databases[ALIASES.pop("PostgreSQL")]

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(50),
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "jwt_refresh"],
    DATABASES=_databases,
    DATABASE_ROUTERS=[turn],
    JWT_REFRESH={"SECRET": SECRET},
)
django.setup()


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Empty databases with all tables: the name of each, and its alias."""
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        yield ALIASES
    finally:
        teardown_databases(made, verbosity=0)
