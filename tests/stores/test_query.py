from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from jwt_refresh.stores.query import ALL, CHECKED, session_with_user
from tests.support.devices import PAIR, make_user

from .rows import DEFAULT, columns, find


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


def read_of_sessions(captured: CaptureQueriesContext) -> list[list[str]]:
    """The columns of sessions that each SELECT of them names, in order."""
    selects = [it["sql"].partition(" FROM ")[0] for it in captured if "SELECT" in it["sql"]]
    found = [re.findall(r"jwt_refresh_session[`\"]\.[`\"](\w+)", text) for text in selects]
    return [names for names in found if names]


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


@pytest.mark.parametrize("manager", ["db", "curated"])
def test_what_is_not_asked_for_is_deferred(
    ann: Any, manager: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(manager)
    session = sessions.start(ann).session
    assert find(session).get_deferred_fields() == set()
    found = find(session, CHECKED)
    assert found.get_deferred_fields() == set(ALL) - set(CHECKED)
    with CaptureQueriesContext(connection) as captured:
        assert (found.pk, found.user_id, found.user) == (session.pk, ann.pk, ann)
        assert not found.user.get_deferred_fields()
        assert not captured.captured_queries
        assert found.started_at == session.started_at
        assert len(captured) == 1
    assert columns(found) == columns(find(session))
    assert columns(found.user) == columns(ann)


def test_an_authenticated_request_reads_only_what_decides(ann: Any) -> None:
    token = sessions.start(ann).access_token
    checking.authenticate(token, None)
    with CaptureQueriesContext(connection) as captured:
        session, _ = checking.authenticate(token, None)
    assert len(captured) == 1
    assert read_of_sessions(captured) == [
        [
            "style",
            "current_jti",
            "previous_jti",
            "issued_at",
            "expires_at",
            "confirmed_at",
            "ends_at",
            "revoked_at",
            "revoked_reason",
            "auth_hash",
        ]
    ]
    assert session.user == ann


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("style", [{}, PAIR])
def test_refresh_and_verify_read_a_row_whole_and_once(
    style: dict[str, Any], settings: Settings
) -> None:
    settings.JWT_REFRESH = style
    tokens = sessions.start(make_user("ann@example.com"))
    token = tokens.refresh_token or tokens.access_token
    whole = [[field.column for field in Session._meta.concrete_fields if field.attname in ALL]]
    with CaptureQueriesContext(connection) as captured:
        checking.verify(conf.verifier(None).current(token))
    assert read_of_sessions(captured) == whole
    with CaptureQueriesContext(connection) as captured:
        assert sessions.refresh(token).session.generation == 1
    assert read_of_sessions(captured) == whole


def test_a_field_that_converts_what_it_reads_does_so_here(
    ann: Any, monkeypatch: pytest.MonkeyPatch, plans: Any
) -> None:
    session = sessions.start(ann).session
    field = ann._meta.get_field("email")
    monkeypatch.setattr(field, "from_db_value", lambda text, *_: [text], raising=False)
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
