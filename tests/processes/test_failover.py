"""A primary of PostgreSQL dies amid traffic, and its standby, which lags, takes over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import Settings

from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import make_user
from tests.support.postgresql import USER, Server, programs
from tests.support.servers import HOST, Relay, directory
from tests.support.told import Told, names

from .crowd import Crowd, lifetimes, until

pytestmark = pytest.mark.full

ALIAS = "failover"
CLIENTS, NEWCOMERS = 40, 10
ROUNDS = int(os.environ.get("FAILOVERS", "10"))


class ToCluster:
    """A router that sends all to the servers of this test."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIAS

    db_for_write = db_for_read


class Cluster:
    """A primary, and a standby that follows it."""

    def __init__(self, bin_directory: Path, place: Path) -> None:
        self.programs, self.place, self.count = bin_directory, place, 0
        self.primary = self._server()
        self.primary.initialise()
        self.primary.start()

    def add_standby(self) -> None:
        self.link = Relay((HOST, self.primary.port))
        self.standby = self._server()
        self.standby.follow(self.primary, self.link)
        self.standby.start()

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.promote()
        rmtree(self.primary.data, ignore_errors=True)
        self.primary = self.standby

    def _server(self) -> Server:
        self.count += 1
        return Server(self.programs, self.place / f"data-{self.count}")


def settings_of(server: Server) -> dict[str, Any]:
    given = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": USER,
        "HOST": HOST,
        "PORT": server.port,
    }
    settings: dict[str, Any] = connections.configure_settings({"default": {}, ALIAS: given})[ALIAS]
    return settings


@pytest.fixture
def cluster(settings: Settings, django_db_blocker: Any) -> Iterator[Cluster]:
    settings.DATABASE_ROUTERS = [ToCluster()]
    settings.JWT_REFRESH = {
        "LOGIN_LIFETIMES": lifetimes,
        "LOGIN_RATE": None,
        "REFRESH_RATE": None,
    }
    bin_directory = programs()
    with directory(USER) as place, django_db_blocker.unblock():
        cluster = Cluster(bin_directory, place)
        try:
            connections.settings[ALIAS] = settings_of(cluster.primary)
            call_command("migrate", database=ALIAS, verbosity=0)
            yield cluster
        finally:
            connections[ALIAS].close()
            del connections[ALIAS], connections.settings[ALIAS]
            cluster.primary.kill()


def is_followed() -> bool:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")
        return cursor.fetchone() is not None


def known_to(server: Server) -> tuple[set[str], set[str]]:
    """The sessions and the tokens that it has on record."""
    connections.settings["standby"] = settings_of(server)
    try:
        sessions = Session.objects.using("standby").values_list("pk", flat=True)
        tokens = IssuedToken.objects.using("standby").values_list("jti", flat=True)
        return {*map(str, sessions)}, {*tokens}
    finally:
        connections["standby"].close()
        del connections["standby"], connections.settings["standby"]


def test_a_standby_that_lags_takes_over_and_nobody_notices(
    cluster: Cluster, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """But for those of whose very login it has never heard."""
    users = [make_user(f"person-{number}") for number in range(CLIENTS + NEWCOMERS)]
    for _ in range(ROUNDS):
        told.clear()
        caplog.clear()
        with Crowd(users[:CLIENTS]) as crowd:
            cluster.add_standby()
            until(is_followed)
            crowd.until("200", 2)
            # From here on the standby hears nothing more.
            cluster.link.cut()
            with Crowd(users[CLIENTS:]) as newcomers:
                crowd.until("200", 4)
                connections[ALIAS].close()
                cluster.fail_over()
                for each in (newcomers, crowd):
                    each.until("503", 2)
                forgotten = check_lost(cluster, crowd, newcomers)
                connections.settings[ALIAS]["PORT"] = cluster.primary.port
                for each in (newcomers, crowd):
                    each.until("200", 6)
        check_goes_on(crowd, newcomers)
        assert "reuse" not in names(told)
        recovered = {
            vars(it)["jti"] for it in caplog.records if vars(it).get("event") == "write_lost"
        }
        assert forgotten <= recovered


def check_lost(cluster: Cluster, crowd: Crowd, newcomers: Crowd) -> set[str]:
    """The database knows the sessions of the crowd, and of the newcomers none; return the tokens
    in the hands of the crowd that it does not know."""
    sessions, tokens = known_to(cluster.primary)
    assert {client.held[0] for client in crowd.clients} <= sessions
    assert not {client.held[0] for client in newcomers.clients} & sessions
    forgotten = {client.held[1] for client in crowd.clients} - tokens
    assert forgotten
    return forgotten


def check_goes_on(crowd: Crowd, newcomers: Crowd) -> None:
    for client in crowd.clients + newcomers.clients:
        assert client.counts.keys() <= {"200", "401", "409", "503"}
    for client in crowd.clients:
        assert client.refusals == []
    for client in newcomers.clients:
        assert [code for _, code in client.refusals] == ["session_revoked"]
