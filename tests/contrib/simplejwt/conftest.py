from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from jwt_refresh.contrib.simplejwt import blacklist
from tests.support.devices import PAIR
from tests.support.front import FrontEnd, old_token

TABLES = [
    """
    CREATE TABLE token_blacklist_outstandingtoken (
        id integer PRIMARY KEY, jti varchar(255) UNIQUE NOT NULL
    )
    """,
    """
    CREATE TABLE token_blacklist_blacklistedtoken (
        id {serial}, token_id integer UNIQUE NOT NULL, blacklisted_at {instant} NOT NULL
    )
    """,
]
TYPES = {
    "sqlite": {"serial": "integer PRIMARY KEY", "instant": "datetime"},
    "postgresql": {"serial": "serial PRIMARY KEY", "instant": "timestamptz"},
    "mysql": {"serial": "integer PRIMARY KEY AUTO_INCREMENT", "instant": "datetime(6)"},
}


@pytest.fixture(autouse=True)
def moved(settings: Settings) -> None:
    """The project has switched; its front ends store the refresh token of each answer."""
    settings.ROOT_URLCONF = "tests.contrib.simplejwt.urls"
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True}
    settings.JWT_REFRESH = PAIR | {"CLAIMS": "jwt_refresh.contrib.simplejwt.old.claims"}


@pytest.fixture
def tab(ann: Any, clock: Any) -> FrontEnd:
    """A page of ann's, with tokens that simplejwt has just issued."""
    return FrontEnd(ann, access=old_token(ann, "access"), refresh=old_token(ann))


class Blacklist:
    """The tables of simplejwt's blacklist."""

    def note(self, number: int, jti: str) -> None:
        self._execute("INSERT INTO token_blacklist_outstandingtoken VALUES (%s, %s)", number, jti)

    def add(self, number: int) -> None:
        self._execute(
            "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at)"
            " VALUES (%s, '2026-11-24 00:00:00')",
            number,
        )

    @property
    def numbers(self) -> list[int]:
        """The outstanding tokens that are on it."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT token_id FROM token_blacklist_blacklistedtoken ORDER BY 1")
            return [row[0] for row in cursor.fetchall()]

    def _execute(self, sql: str, *values: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)


@pytest.fixture
def blacklisting(transactional_db: None) -> Iterator[Blacklist]:
    """The database has the tables of simplejwt's blacklist."""
    blacklist._is_there.cache_clear()
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(table.format(**TYPES[connection.vendor]))
    yield Blacklist()
    with connection.cursor() as cursor:
        for name in ("blacklisted", "outstanding"):
            cursor.execute(f"DROP TABLE token_blacklist_{name}token")
    blacklist._is_there.cache_clear()
