from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, models
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.stores import query
from jwt_refresh.stores.query import session_with_user
from tests.support.devices import make_user

DEFAULT = "default"


class Curated(models.Manager[Any]):
    """Shows users while ``open`` says so."""

    open = True

    def get_queryset(self) -> QuerySet[Any]:
        users = super().get_queryset()
        return users if self.open else users.none()


@pytest.fixture
def curated(monkeypatch: pytest.MonkeyPatch) -> Curated:
    """The default manager of the user model, for the time of a test."""
    manager = Curated()
    manager.model = get_user_model()
    monkeypatch.setattr(manager.model._meta, "default_manager", manager)
    return manager


def columns(row: models.Model) -> dict[str, tuple[type, Any]]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: (type(value), value) for name, value in values.items()}


def find(session: Session) -> Session:
    found = session_with_user(session.pk, DEFAULT)
    assert found is not None
    return found


def test_session_and_user_come_in_one_query(
    ann: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session = sessions.start(ann).session
    with django_assert_num_queries(1):
        assert find(session).user == ann
    with django_assert_num_queries(1):
        assert session_with_user(uuid.uuid4(), DEFAULT) is None


def test_every_column_comes_out_as_the_orm_gives_it(ann: Any) -> None:
    pk = sessions.start(ann).session.pk
    now = timezone.now()
    for nullable in (
        {"previous_jti": None, "confirmed_at": None, "ends_at": None, "revoked_at": None},
        {"previous_jti": "j", "confirmed_at": now, "ends_at": now, "revoked_at": now},
    ):
        Session.objects.update(**nullable)
        expected = Session.objects.select_related("user").get(pk=pk)
        found = find(expected)
        assert columns(found) == columns(expected)
        assert columns(found.user) == columns(expected.user)
        assert type(found.user) is type(expected.user)


def test_a_field_that_converts_what_it_reads_does_so_here(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.start(ann).session
    field = ann._meta.get_field("email")
    monkeypatch.setattr(field, "from_db_value", lambda text, *_: [text], raising=False)
    query._plan.cache_clear()
    found = columns(find(session).user)
    assert found["email"] == (list, [ann.email])
    assert found == columns(get_user_model()._default_manager.get())


def test_what_is_found_is_a_saved_row_of_its_database(ann: Any) -> None:
    found = find(sessions.start(ann).session)
    for row in (found, found.user):
        assert (row._state.adding, row._state.db) == (False, DEFAULT)
    found.user.set_password("new")
    found.user.save()
    ann.refresh_from_db()
    assert ann.check_password("new")


@pytest.mark.django_db(databases="__all__")
def test_the_database_that_is_named_is_asked() -> None:
    session = sessions.start(make_user("ann@example.com")).session
    assert session_with_user(session.pk, "other") is None
    assert find(session).pk == session.pk


@pytest.mark.parametrize("manager", ["db", "curated"])
def test_each_session_shows_its_own_state(
    ann: Any, manager: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(manager)
    revoked, living = sessions.start(ann).session, sessions.start(ann).session
    foreign = sessions.start(make_user("bob@example.com")).session
    sessions.revoke(revoked, "lost")
    assert [find(session).pk for session in (revoked, living, foreign)] == [
        revoked.pk,
        living.pk,
        foreign.pk,
    ]
    assert (find(revoked).state, find(revoked).revoked_reason) == ("revoked", "lost")
    assert (find(living).state, find(living).revoked_reason) == ("live", "")
    assert (find(foreign).state, find(foreign).user) == ("live", foreign.user)


def test_the_row_decides_who_the_user_is(ann: Any) -> None:
    session = sessions.start(ann).session
    bob = make_user("bob@example.com")
    Session.objects.update(user=bob)
    assert find(session).user == bob


def test_a_session_goes_with_its_user(ann: Any) -> None:
    session = sessions.start(ann).session
    ann.delete()
    assert session_with_user(session.pk, DEFAULT) is None


def test_a_manager_that_hides_users_is_asked_each_time(
    ann: Any, curated: Curated, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session = sessions.start(ann).session
    for _ in range(2):
        curated.open = True
        with django_assert_num_queries(1):
            assert columns(find(session).user) == columns(ann)
        curated.open = False
        assert session_with_user(session.pk, DEFAULT) is None


def test_a_manager_that_hides_users_is_asked_from_the_day_on_that_it_is_there(
    ann: Any, request: pytest.FixtureRequest
) -> None:
    session = sessions.start(ann).session
    assert find(session).user == ann
    request.getfixturevalue("curated").open = False
    assert session_with_user(session.pk, DEFAULT) is None


def test_the_statement_is_put_together_once(ann: Any, settings: Settings) -> None:
    session = sessions.start(ann).session
    query._plan.cache_clear()
    for _ in range(3):
        find(session)
    assert query._plan.cache_info()[:2] == (2, 1)


def test_a_changed_setting_forgets_the_statement(ann: Any, settings: Settings) -> None:
    session = sessions.start(ann).session
    find(session)
    assert query._plan.cache_info().currsize
    settings.LANGUAGE_CODE = "ko"
    assert not query._plan.cache_info().currsize
    assert find(session).pk == session.pk


def test_times_follow_a_change_of_their_zone(ann: Any, settings: Settings) -> None:
    session = sessions.start(ann).session
    find(session)
    settings.USE_TZ = not settings.USE_TZ
    assert columns(find(session)) == columns(Session.objects.get())


@pytest.mark.django_db(transaction=True)
def test_threads_find_their_own() -> None:
    users = [make_user(f"{name}@example.com") for name in ("ann", "bob", "eve", "joe")]
    started = [sessions.start(user).session for user in users]
    together = Barrier(len(started), timeout=10)
    query._plan.cache_clear()

    def look(session: Session) -> list[Any]:
        together.wait()
        found = [find(session).user for _ in range(20)]
        connections.close_all()
        return found

    with ThreadPoolExecutor(len(started)) as pool:
        for user, found in zip(users, pool.map(look, started), strict=True):
            assert found == [user] * 20
