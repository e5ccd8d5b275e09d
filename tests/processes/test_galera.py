"""Three nodes of MariaDB with Galera, each of which takes writes: a family of tokens never forks.

Two nodes that write one row at once learn of it when they commit, and one of them must give way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.core.signals import request_started
from django.db import connections
from pytest_django import Settings

from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import make_user
from tests.support.galera import DATABASE, USER, Node, need_programs
from tests.support.http import claims
from tests.support.servers import HOST, directory
from tests.support.threads import race
from tests.support.told import Told, names

from .acts import Answer, device_of, refresh
from .crowd import Crowd, lifetimes, until

pytestmark = pytest.mark.full

NODES = ("node-1", "node-2", "node-3")
CLIENTS = 24
NUMBERS = count()
RACERS, ROUNDS = 24, 20


class Everywhere:
    """A router that sends each request to another node than the one before."""

    def __init__(self) -> None:
        self.requests = count()
        self.here = threading.local()

    def go_on(self, **kwargs: object) -> None:
        """A receiver of ``request_started``."""
        self.here.alias = NODES[next(self.requests) % len(NODES)]

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return getattr(self.here, "alias", NODES[0])

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True


def connection_to(node: Node, sync_wait: int) -> dict[str, Any]:
    given = {
        "ENGINE": "django.db.backends.mysql",
        "NAME": DATABASE,
        "USER": "root",
        "HOST": HOST,
        "PORT": node.port,
        "OPTIONS": {"init_command": f"SET SESSION wsrep_sync_wait = {sync_wait}"},
    }
    configured: dict[str, Any] = connections.configure_settings({"default": {}, "it": given})["it"]
    return configured


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, Node]]:
    need_programs()
    with directory(USER) as place, ExitStack() as stack:
        nodes = {alias: Node(place / alias) for alias in NODES}
        for number, node in enumerate(nodes.values()):
            stack.callback(node.kill)
            node.start([*nodes.values()][:number])
        yield nodes


@pytest.fixture
def cluster(
    nodes: dict[str, Node], request: Any, settings: Settings, django_db_blocker: Any
) -> Iterator[dict[str, Node]]:
    """The parameter is ``wsrep_sync_wait``: with 3, a node knows what the others wrote."""
    router = Everywhere()
    settings.DATABASE_ROUTERS = [router]
    settings.JWT_REFRESH = {
        "LOGIN_LIFETIMES": lifetimes,
        "LOGIN_RATE": None,
        "REFRESH_RATE": None,
        "REFRESH_GRACE": timedelta(minutes=20),
    }
    for alias, node in nodes.items():
        connections.settings[alias] = connection_to(node, request.param)
    request_started.connect(router.go_on)
    try:
        with django_db_blocker.unblock():
            call_command("migrate", database=NODES[0], verbosity=0)
            yield nodes
    finally:
        request_started.disconnect(router.go_on)
        for alias in nodes:
            connections[alias].close()
            del connections[alias], connections.settings[alias]


waits = partial(pytest.mark.parametrize, "cluster", indirect=True)


@waits(argvalues=[0, 3])
def test_all_who_present_one_token_at_three_nodes_get_one_successor(
    cluster: dict[str, Node],
) -> None:
    """Those who cannot be served, since others commit all the time, are told to come again."""
    user = make_user(f"racer-{next(NUMBERS)}")
    phone = device_of(user)
    phone.login()
    for _ in range(ROUNDS):
        until(partial(agree, user))
        answers: list[Answer] = race(RACERS, partial(refresh, phone.refreshable))
        assert {it.status for it in answers} <= {200, 503}, answers
        served = {claims(it.refreshable)["jti"]: it for it in answers if it.status == 200}
        (one,) = served.values()
        phone.token, phone.refresh_token = one.access, one.body.get("refresh_token", "")
    until(partial(agree, user))
    check_rows(user, ROUNDS)


@waits(argvalues=[0, 3])
def test_a_client_goes_from_node_to_node_before_they_agree(
    cluster: dict[str, Node], told: Told
) -> None:
    user = make_user(f"walker-{next(NUMBERS)}")
    phone = device_of(user)
    phone.login()
    until(partial(agree, user))
    statuses = [phone.refresh().status_code for _ in range(100)]
    assert {*statuses} <= {200, 503}
    assert "reuse" not in names(told)
    until(partial(agree, user))
    check_rows(user, statuses.count(200))


@waits(argvalues=[3])
def test_each_node_is_killed_and_comes_back_and_nobody_notices(
    cluster: dict[str, Node], told: Told
) -> None:
    users = [make_user(f"person-{number}") for number in range(CLIENTS)]
    with Crowd(users) as crowd:
        for node in cluster.values():
            node.kill()
            crowd.until("503", 1)
            crowd.until("200", 4)
            node.start([other for other in cluster.values() if other is not node])
            crowd.until("200", 6)
    # Those of this thread lead to nodes that are dead.
    connections.close_all()
    assert "reuse" not in names(told)
    for client in crowd.clients:
        assert client.counts.keys() <= {"200", "409", "503"}
        assert client.refusals == []
    for user in users:
        assert agree(user)
        check_rows(user)


def agree(user: Any) -> bool:
    """Each node has the same rows of the user."""
    first, *others = [rows_of(user, alias) for alias in NODES]
    return bool(first[0]) and others == [first, first]


def rows_of(user: Any, alias: str) -> list[Any]:
    models = (
        Session.objects.using(alias).filter(user=user),
        IssuedToken.objects.using(alias).filter(session__user=user).order_by("jti"),
    )
    return [[*rows.values()] for rows in models]


def check_rows(user: Any, generation: int | None = None) -> None:
    """Of each generation there is one token, and the newest is the current one."""
    session = Session.objects.get(user=user)
    tokens = [*session.issued_tokens.order_by("generation")]
    assert [it.generation for it in tokens] == [*range(session.generation + 1)]
    assert tokens[-1].jti == session.current_jti
    assert generation in (None, session.generation)
