"""The ends of sessions, called from Python; and those that come with the deletion of a row."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import pre_delete
from django.test.utils import isolate_apps

from jwt_refresh import sessions, signals
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import ending
from jwt_refresh.sessions.ending import revoke_deleted
from tests.support.devices import Device, make_user
from tests.support.statements import statements
from tests.support.told import Told, connected, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_revocations_join_the_callers_transaction(ann: Any, told: Told) -> None:
    session = sessions.start(ann).session
    with transaction.atomic():
        assert sessions.revoke(session, "test")
        transaction.set_rollback(True)
    assert names(told) == ["started"]
    with transaction.atomic():
        assert sessions.revoke_user(ann, "test") == 1
        assert names(told) == ["started"]
    assert names(told) == ["started", "revoked"]
    assert sessions.revoke_user(ann, "test") == 0
    assert not sessions.revoke(session, "again")
    assert Session.objects.get().revoked_reason == "test"


@pytest.mark.usefixtures("core_alone")
def test_revoking_a_user_leaves_others_alone(ann: Any, told: Told) -> None:
    other = sessions.start(make_user("bob@example.com")).session
    revoked = {sessions.start(ann).session.pk for _ in range(3)}
    with statements(2):
        assert sessions.revoke_user(ann, "closed") == 3
    assert {facts["session"].pk for name, facts in told if name == "revoked"} == revoked
    assert {facts["reason"] for name, facts in told if name == "revoked"} == {"closed"}
    assert Session.objects.live().get() == other


@pytest.mark.parametrize("count", [4, 5])
@pytest.mark.parametrize("inside", [nullcontext, transaction.atomic])
@pytest.mark.usefixtures("core_alone")
def test_however_many_sessions_end_a_few_are_in_memory_at_a_time(
    ann: Any,
    monkeypatch: pytest.MonkeyPatch,
    inside: type[AbstractContextManager[Any]],
    count: int,
) -> None:
    monkeypatch.setattr(ending, "BATCH", 2)
    expected = {sessions.start(ann).session.pk for _ in range(count)}
    seen: list[Any] = []
    most = 0

    def note(session: Session, **facts: Any) -> None:
        nonlocal most
        seen.append((session.pk, weakref.ref(session)))
        most = max(most, sum(alive() is not None for _, alive in seen))

    # The update, and a query for every two: the last finds one or none.
    with connected(signals.session_revoked, note), statements(1 + 3), inside():
        assert sessions.revoke_user(ann, "test") == count
    assert {pk for pk, _ in seen} == expected
    assert len(seen) == count
    assert most <= 4


# Deletion


def user_by_query(user: Any) -> None:
    get_user_model()._default_manager.filter(pk=user.pk).delete()


DELETIONS: dict[str, Callable[[Any], Any]] = {
    "a session": lambda user: [session.delete() for session in Session.objects.all()],
    "sessions by a query": lambda user: Session.objects.filter(user=user.pk).delete(),
    "sessions of which little was read": lambda user: Session.objects.only("pk").delete(),
    "their user": lambda user: user.delete(),
    "their user by a query": user_by_query,
}


@pytest.mark.parametrize("name", DELETIONS)
def test_what_is_deleted_while_it_lives_ends_first(
    ann: Any, told: Told, log: Any, name: str
) -> None:
    pks = {sessions.start(ann).session.pk for _ in range(2)}
    told.clear()
    log.clear()
    user_id = ann.pk
    with transaction.atomic():
        DELETIONS[name](ann)
        assert (told, log.records) == ([], [])
    assert not Session.objects.exists()
    assert names(told) == ["revoked"] * 2
    assert {facts["session"].pk for _, facts in told} == pks
    for _, facts in told:
        session = facts["session"]
        assert (facts["reason"], session.revoked_reason) == ("deleted", "deleted")
        assert (session.user_id, session.state) == (user_id, Session.State.REVOKED)
    assert {record.sid for record in log.records} == {str(pk) for pk in pks}
    assert {(it.event, it.reason) for it in log.records} == {("session_revoked", "deleted")}


@pytest.mark.parametrize("name", DELETIONS)
def test_a_deletion_that_is_rolled_back_ends_nothing(ann: Any, told: Told, name: str) -> None:
    session = sessions.start(ann).session
    with transaction.atomic():
        DELETIONS[name](ann)
        transaction.set_rollback(True)
    assert Session.objects.live().get() == session
    assert names(told) == ["started"]


def test_what_was_over_already_is_not_told_again(ann: Any, told: Told, clock: Any) -> None:
    revoked, ended, stale = (sessions.start(ann).session for _ in range(3))
    sessions.revoke(revoked, "lost")
    Session.objects.filter(pk=ended.pk).update(ends_at=ended.started_at)
    sessions.revoke(Session.objects.get(pk=stale.pk), "lost")
    told.clear()
    stale.delete()
    Session.objects.filter(pk__in=[revoked.pk, ended.pk]).delete()
    assert names(told) == []


def test_a_purge_tells_nobody(ann: Any, told: Told, clock: Any) -> None:
    for _ in range(2):
        sessions.start(ann)
    sessions.revoke(Session.objects.all()[0], "lost")
    clock.shift(31 * 24 * 60 * 60)
    told.clear()
    assert sessions.purge().sessions == 2
    assert names(told) == []


def test_a_deletion_costs_a_statement_for_each_session_that_lives(ann: Any) -> None:
    for _ in range(3):
        sessions.start(ann)
    sessions.revoke(Session.objects.all()[0], "lost")
    # The sessions, two ends, and the deletion of their tokens and of themselves.
    with statements(1 + 2 + 2):
        Session.objects.all().delete()


def test_a_refresh_that_is_under_way_finds_it_ended(phone: Device) -> None:
    """The row is marked before its tokens go, so that no record of a new one is in the way."""
    phone.login()
    marked: list[bool] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE") and IssuedToken._meta.db_table in sql:
            marked.append(Session.objects.revoked().exists())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        phone.user.delete()
    assert marked == [True]


def test_the_deletion_of_a_copy_in_another_database_ends_nothing(ann: Any, told: Told) -> None:
    session = sessions.start(ann).session
    ann.save(using="other")
    session.save_base(raw=True, using="other")
    Session.objects.using("other").get().delete()
    assert names(told) == ["started"]
    assert Session.objects.live().get() == session


def test_a_receiver_may_ask_for_the_user_that_a_session_was_deleted_without(
    ann: Any, told: Told
) -> None:
    sessions.start(ann)
    Session.objects.all().delete()
    assert told[-1][1]["session"].user == ann


def test_a_session_that_is_deleted_by_another_name_ends_too(
    ann: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a proxy of the project: signals name the class that an instance was read as."""
    with isolate_apps("tests.sessions"):
        meta = type("Meta", (), {"app_label": "sessions", "proxy": True})
        proxy: Any = type("Login", (Session,), {"__module__": __name__, "Meta": meta})
    models = [*apps.get_models(), proxy]
    monkeypatch.setattr(apps, "get_models", lambda: models)
    apps.get_app_config("jwt_refresh").ready()
    try:
        sessions.start(ann)
        proxy.objects.get().delete()
    finally:
        assert pre_delete.disconnect(revoke_deleted, sender=proxy)
    assert names(told) == ["started", "revoked"]


def test_a_database_deletes_no_user_behind_djangos_back_while_sessions_are_there(ann: Any) -> None:
    """As ``DB_CASCADE`` of Django 6.1 would, of which no signal tells."""
    session = sessions.start(ann).session
    model: Any = get_user_model()
    key = model._meta.pk
    statement = f"DELETE FROM {model._meta.db_table} WHERE {key.column} = %s"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [key.get_db_prep_value(ann.pk, connection)])
    assert Session.objects.live().get() == session
