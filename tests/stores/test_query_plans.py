"""What is kept of a query, for how long, and for whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.stores.query import CHECKED
from tests.support.devices import make_user

from .rows import DEFAULT, columns, find

CONVERTED = "converted"


def test_a_statement_is_put_together_once_for_each_choice_of_columns(ann: Any, plans: Any) -> None:
    session = sessions.start(ann).session
    for _ in range(3):
        find(session)
        find(session, CHECKED)
    assert plans.cache_info()[:2] == (4, 2)


def test_a_changed_setting_forgets_the_statements(ann: Any, settings: Settings, plans: Any) -> None:
    session = sessions.start(ann).session
    find(session)
    find(session, CHECKED)
    assert plans.cache_info().currsize == 2
    settings.LANGUAGE_CODE = "ko"
    assert not plans.cache_info().currsize
    assert find(session, CHECKED).pk == session.pk


def test_a_backend_without_named_parameters_gets_one_by_its_place(
    ann: Any, monkeypatch: pytest.MonkeyPatch, plans: Any
) -> None:
    session = sessions.start(ann).session
    given: list[object] = []

    def note(execute: Any, sql: str, params: object, many: bool, context: Any) -> Any:
        given.append(type(params))
        return execute(sql, params, many, context)

    for named, kind in ((True, dict), (False, list)):
        monkeypatch.setattr(connection.features, "supports_paramstyle_pyformat", named)
        plans.cache_clear()
        with connection.execute_wrapper(note):
            assert columns(find(session)) == columns(Session.objects.get())
        assert given[0] is kind
        given.clear()


def test_times_follow_a_change_of_their_zone(ann: Any, settings: Settings) -> None:
    session = sessions.start(ann).session
    find(session)
    settings.USE_TZ = not settings.USE_TZ
    assert columns(find(session)) == columns(Session.objects.get())


@pytest.fixture
def made_for(monkeypatch: pytest.MonkeyPatch, plans: Any) -> list[object]:
    """``email`` comes out ``CONVERTED`` by a converter of the connection that read it.

    The connections that such converters were made for, one after the other.
    """
    asked: list[object] = []

    def converters(made_for: object) -> list[Any]:
        asked.append(made_for)
        return [lambda value, _, used: CONVERTED if used is made_for else value]

    field = get_user_model()._meta.get_field("email")
    monkeypatch.setattr(field, "get_db_converters", converters)
    return asked


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_replaced_takes_its_converters_along(
    made_for: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.start(make_user("ann@example.com")).session
    assert find(session).user.email == CONVERTED
    replaced = connections[DEFAULT]
    connections[DEFAULT] = replaced.copy()
    try:
        assert find(session).user.email == CONVERTED
    finally:
        connections[DEFAULT].close()
        connections[DEFAULT] = replaced


@pytest.mark.django_db(transaction=True)
def test_each_thread_keeps_the_converters_of_its_connection(made_for: list[object]) -> None:
    session = sessions.start(make_user("ann@example.com")).session

    def look() -> object:
        assert find(session).user.email == CONVERTED
        own = connections[DEFAULT]
        own.close()
        return own

    own = look()
    made_for.clear()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            other = pool.submit(look).result()
            assert look() is own is not other
    assert made_for == [other]


@pytest.mark.django_db(transaction=True)
def test_threads_find_their_own(plans: Any) -> None:
    users = [make_user(f"{name}@example.com") for name in ("ann", "bob", "eve", "joe")]
    started = [sessions.start(user).session for user in users]
    together = Barrier(len(started), timeout=60)

    def look(session: Session) -> list[Any]:
        together.wait()
        found = [find(session).user for _ in range(20)]
        connections.close_all()
        return found

    with ThreadPoolExecutor(len(started)) as pool:
        for user, found in zip(users, pool.map(look, started), strict=True):
            assert found == [user] * 20
