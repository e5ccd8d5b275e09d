"""The start of a session, called from Python."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.exceptions import SessionRevoked, UserInactive
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import checking, starting
from tests.support.devices import make_user
from tests.support.statements import statements
from tests.support.threads import race
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LOCKS = int(connections["default"].features.has_select_for_update)
"""Where logins take turns by themselves, no lock is asked for."""


def test_an_inactive_user_starts_no_session(ann: Any) -> None:
    ann.is_active = False
    with pytest.raises(UserInactive, match=r"^inactive at login$"):
        sessions.start(ann)
    assert not Session.objects.exists()


def test_a_user_who_is_deleted_meanwhile_starts_no_session(ann: Any, told: Told) -> None:
    type(ann)._default_manager.all().delete()
    with pytest.raises(UserInactive, match=r"^deleted during login$"):
        sessions.start(ann)
    assert not Session.objects.exists()
    assert not told


def test_start_is_a_count_and_two_inserts_in_the_callers_transaction(ann: Any, told: Told) -> None:
    with statements(3):
        sessions.start(ann)
    with transaction.atomic():
        sessions.start(ann)
        transaction.set_rollback(True)
    assert (Session.objects.count(), names(told)) == (1, ["started"])


def test_a_start_that_lost_its_transaction_tries_again(ann: Any) -> None:
    failures = iter([OperationalError("deadlock detected")] * 2)

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for error in failures if "issuedtoken" in sql else ():
            raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        tokens = sessions.start(ann)
    assert checking.authenticate(tokens.access_token, None)[0].user == ann
    assert (Session.objects.count(), IssuedToken.objects.count()) == (1, 1)


# MAX_SESSIONS


def test_a_newer_login_revokes_the_session_refreshed_least_recently(
    ann: Any, settings: Any, told: Told
) -> None:
    other = sessions.start(make_user("bob@example.com")).access_token
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    first, second = (sessions.start(ann).access_token for _ in range(2))
    first = sessions.refresh(first).access_token
    third = sessions.start(ann).access_token
    with pytest.raises(SessionRevoked):
        checking.authenticate(second, None)
    for encoded in (first, third, other):
        checking.authenticate(encoded, None)
    assert names(told) == ["started"] * 3 + ["refreshed", "revoked", "started"]
    assert told[-2][1]["reason"] == "max_sessions"


def test_dead_sessions_take_no_room(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    kept = sessions.start(ann).access_token
    sessions.revoke(sessions.start(ann).session, "test")
    sessions.start(ann)
    Session.objects.exclude(pk=checking.authenticate(kept, None)[0].pk).update(
        ends_at=timezone.now()
    )
    sessions.start(ann)
    checking.authenticate(kept, None)


@pytest.mark.parametrize("others", [1, 20])
def test_making_room_costs_the_same_however_many_there_are(
    ann: Any, settings: Any, others: int
) -> None:
    for _ in range(others):
        sessions.start(ann)
    settings.JWT_REFRESH = {"MAX_SESSIONS": 1}
    with statements(2 + LOCKS + 1 + 1):
        sessions.start(ann)
    assert Session.objects.live().count() == 1
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    with statements(2 + LOCKS + 1):
        sessions.start(ann)


def test_no_account_grows_without_end(
    ann: Any, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    """Nobody has so many devices; a stranger's script has."""
    assert 100 <= starting.MOST <= 1000
    monkeypatch.setattr(starting, "MOST", 3)
    sessions.start(make_user("bob@example.com"))
    first = sessions.start(ann)
    for _ in range(2):
        with statements(3):
            sessions.start(ann)
    assert "revoked" not in names(told)
    with statements(1 + 2 + LOCKS + 1 + 1):
        sessions.start(ann)
    assert told[-2][1]["session"] == first.session
    assert told[-2][1]["reason"] == "max_sessions"
    sessions.start(ann)
    assert Session.objects.of_user(ann).live().count() == 3
    assert Session.objects.live().count() == 4


def test_a_project_may_allow_more(ann: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(starting, "MOST", 1)
    settings.JWT_REFRESH = {"MAX_SESSIONS": 5}
    for _ in range(5):
        sessions.start(ann)
    assert Session.objects.live().count() == 5


def test_eight_logins_at_once_leave_no_more_than_are_allowed(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"MAX_SESSIONS": 3}
    for _ in range(3):
        results = race(8, lambda: sessions.start(ann).access_token)
        assert all(isinstance(result, str) for result in results), results
        assert Session.objects.live().count() == 3
