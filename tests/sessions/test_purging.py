"""What is over is deleted, and nothing else."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session, SessionQuerySet
from jwt_refresh.sessions.purging import Purged
from tests.support.devices import PAIR, Device
from tests.support.http import DAY, MINUTE, said

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_dead_sessions_go_with_their_records_and_living_ones_stay(ann: Any, clock: Any) -> None:
    sessions.start(ann)
    clock.shift(31 * MINUTE)
    revoked, living = sessions.start(ann).session, sessions.start(ann).session
    sessions.revoke(revoked, "test")
    assert sessions.purge() == Purged(sessions=2, tokens=0)
    assert Session.objects.get() == living
    assert IssuedToken.objects.get().session == living
    assert sessions.purge() == Purged(0, 0)


def test_a_batch_that_cannot_be_deleted_is_left_as_it_was(
    ann: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.start(ann)
    clock.shift(31 * MINUTE)

    def fail(rows: SessionQuerySet) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SessionQuerySet, "delete", fail)
    with pytest.raises(ZeroDivisionError):
        sessions.purge()
    assert Session.objects.get().state == "ended"


def test_the_dead_are_kept_for_as_long_as_is_asked(ann: Any, clock: Any) -> None:
    sessions.revoke(sessions.start(ann).session, "test")
    sessions.start(ann)
    clock.shift(DAY)
    assert sessions.purge(keep=timedelta(days=1, microseconds=1)) == Purged(0, 0)
    assert sessions.purge(keep=timedelta(days=1)) == Purged(1, 0)
    assert sessions.purge(keep=timedelta(days=1) - timedelta(minutes=30)) == Purged(1, 0)


def test_records_go_when_no_window_can_be_open_for_them(
    phone: Device, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = {"SESSION_LIFETIME": None, "RETRY_WINDOW": timedelta(hours=1)}
    phone.login()
    for _ in range(4):
        clock.shift(29 * MINUTE)
        phone.refresh()
    assert sessions.purge() == Purged(0, 1)
    assert IssuedToken.objects.count() == 4
    assert phone.refresh().status_code == 200


@pytest.mark.usefixtures("style")
def test_a_purge_changes_no_answer(phone: Device, clock: Any) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    second = phone.refreshable
    phone.refresh()
    sessions.purge()
    assert said(Device(phone.user).refresh(first))[1] == "stale_retry"
    assert phone.refresh(second).status_code == 200
    clock.shift(31)
    sessions.purge()
    assert said(Device(phone.user).refresh(first))[1] == "token_reused"


def test_many_are_purged_in_parts(ann: Any, clock: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | {"SESSION_LIFETIME": None}
    for _ in range(7):
        sessions.start(ann)
    clock.shift(15 * DAY)
    living = sessions.start(ann)
    with CaptureQueriesContext(connection) as queries:
        assert sessions.purge(batch_size=3) == Purged(sessions=7, tokens=0)
    deleted = [query["sql"] for query in queries if "DELETE" in query["sql"]]
    assert len(deleted) == 2 * 3
    assert Session.objects.get() == living.session


def test_a_session_that_is_refreshed_at_the_last_moment_lives(ann: Any, clock: Any) -> None:
    """By a refresh that read it before its end, and moves it on after the purge chose it."""
    session = sessions.start(ann).session
    clock.shift(30 * MINUTE)
    moved = iter([session.expires_at + timedelta(minutes=30)])

    def move_on(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for expires_at in moved if sql.startswith("UPDATE") else ():
            Session.objects.update(expires_at=expires_at)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(move_on):
        assert sessions.purge() == Purged(0, 0)
    assert Session.objects.get().state == Session.State.LIVE
    assert IssuedToken.objects.exists()


def test_the_command_says_what_it_did(ann: Any, clock: Any) -> None:
    sessions.revoke(sessions.start(ann).session, "test")
    out = io.StringIO()
    call_command("purge_sessions", keep_days=1, stdout=out)
    clock.shift(DAY)
    call_command("purge_sessions", keep_days=1, batch_size=1, stdout=out)
    assert out.getvalue() == (
        "Deleted sessions: 0; records: 0. Blanked address and agent of sessions: 0.\n"
        "Deleted sessions: 1; records: 0. Blanked address and agent of sessions: 0.\n"
    )


def test_addresses_and_agents_are_forgotten_in_time(ann: Any, clock: Any, settings: Any) -> None:
    """Also those of a session that lives on, and however long the dead are kept."""
    settings.JWT_REFRESH = {"LIFETIME": timedelta(days=400), "SESSION_LIFETIME": None}
    request = RequestFactory().get("/", headers={"User-Agent": "Firefox"})
    for half in ({}, {"agent": ""}, {"address": ""}):
        session = sessions.start(ann, request).session
        Session.objects.filter(pk=session.pk).update(**half, revoked_at=None)
    clock.shift(1)
    young = sessions.start(ann, request).session
    clock.shift(90 * DAY - 1)
    out = io.StringIO()
    with CaptureQueriesContext(connection) as queries:
        call_command("purge_sessions", batch_size=2, stdout=out)
    blanked = [
        query["sql"] for query in queries if 'SET "address"' in query["sql"].replace("`", '"')
    ]
    assert len(blanked) == 2
    assert "Blanked address and agent of sessions: 3." in out.getvalue()
    told = {row.pk: (row.address, row.agent) for row in Session.objects.all()}
    assert told.pop(young.pk) == ("127.0.0.0/24", "Firefox")
    assert {*told.values()} == {("", "")}
    assert sessions.purge(forget=timedelta(days=90)).forgotten == 0


NEGATIVE = timedelta(microseconds=-1)
ENDLESS = timedelta(days=36_525, microseconds=1)


@pytest.mark.parametrize(
    "given",
    [
        {"keep": NEGATIVE},
        {"keep": ENDLESS},
        {"keep": timedelta.max},
        {"forget": NEGATIVE},
        {"forget": timedelta.max},
        {"batch_size": 0},
        {"batch_size": -1},
        {"batch_size": 10_001},
    ],
    ids=str,
)
def test_times_that_are_none_delete_nothing(ann: Any, given: dict[str, Any]) -> None:
    """Or the sessions that are still to end would be taken for dead."""
    sessions.revoke(sessions.start(ann).session, "test")
    with pytest.raises(ValueError, match=r"^A (time|batch) "):
        sessions.purge(**given)
    assert Session.objects.count() == 1


@pytest.mark.parametrize("days", [-(10**12), -1, 36_526, 10**6, 10**12, 10**50])
@pytest.mark.parametrize("option", ["keep_days", "forget_days"])
def test_the_command_names_a_time_that_is_none(option: str, days: int) -> None:
    with pytest.raises(CommandError, match=r"^A time must not be negative, nor longer than"):
        call_command("purge_sessions", **{option: days})


@pytest.mark.parametrize("size", [-1, 0, 10_001, 10**50])
def test_the_command_names_a_batch_that_is_none(size: int) -> None:
    """A database takes only so many keys in one statement."""
    with pytest.raises(CommandError, match=r"^A batch has 1 to 10000 rows\.$"):
        call_command("purge_sessions", batch_size=size)


def test_a_hundred_years_are_no_fault(ann: Any) -> None:
    century = timedelta(days=36_525)
    assert sessions.purge(keep=century, forget=century) == Purged(0, 0)
