"""Transactions of ours and of our callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.backends.signals import connection_created

from jwt_refresh import sessions
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import Session
from jwt_refresh.sessions.events import after_commit
from jwt_refresh.stores.database import ROUNDS, in_rounds, in_transaction, is_away
from tests.support.devices import Device
from tests.support.http import claims, said
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


class Attempts:
    """Fails, loses, or succeeds, in the order that is given."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def by_hand() -> Any:
    """A transaction that the caller makes and ends itself."""
    transaction.set_autocommit(False)
    yield
    transaction.rollback()
    transaction.set_autocommit(True)


@pytest.mark.parametrize("outcomes", [("won",), (None, "won"), (OperationalError(), None, "won")])
def test_a_lost_round_is_made_anew(outcomes: tuple[Any, ...]) -> None:
    attempts = Attempts(*outcomes)
    assert in_rounds(attempts) == "won"
    assert attempts.count == len(outcomes)


def test_a_connection_that_is_lost_takes_no_next_round_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor the next request: it is closed, and made anew when it is asked."""

    tried: list[Any] = []

    def count() -> int:
        connection.ensure_connection()
        tried.append(connection.connection)
        if len(tried) == 1:
            # What Django finds out where a server has hung up.
            connection.errors_occurred = True
            monkeypatch.setattr(connections["default"], "is_usable", lambda: False)
            raise OperationalError
        return Session.objects.count()

    assert in_rounds(count) == 0
    assert tried[0] is not tried[1]


def test_no_more_rounds_are_made_than_are_meant() -> None:
    with pytest.raises(Unavailable):
        in_rounds(Attempts(*[None] * ROUNDS))
    with pytest.raises(OperationalError):
        in_rounds(Attempts(None, None, OperationalError()))


def test_zero_is_a_result() -> None:
    assert in_rounds(Attempts(0)) == 0


def test_within_the_callers_transaction_there_is_one_round() -> None:
    with transaction.atomic(), pytest.raises(OperationalError):
        in_rounds(Attempts(OperationalError(), "won"))


def test_a_transaction_is_one_however_it_was_made() -> None:
    assert not in_transaction()
    with transaction.atomic():
        assert in_transaction()


@pytest.mark.usefixtures("by_hand")
def test_a_transaction_made_by_hand_is_one(ann: Any) -> None:
    assert in_transaction()
    encoded = sessions.start(ann).access_token
    with pytest.raises(RuntimeError, match="non_atomic_requests"):
        sessions.refresh(encoded)


@pytest.mark.django_db(transaction=False)
def test_the_transaction_around_a_test_is_none() -> None:
    assert not in_transaction()


@pytest.mark.usefixtures("by_hand")
def test_what_happens_in_a_transaction_made_by_hand_is_not_told(
    ann: Any, told: Told, log: Any
) -> None:
    session = sessions.start(ann).session
    assert sessions.revoke(session, "test")
    assert not Session.objects.live().exists()
    assert names(told) == []
    assert log.text.count("hand-made transaction") == 3


def test_what_comes_after_the_commit_may_fail(caplog: Any) -> None:
    after_commit(Attempts(ZeroDivisionError("told")).__call__)
    assert "ZeroDivisionError" in caplog.text


# A database that takes no writes


READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}


@pytest.fixture
def read_only() -> Any:
    """Give a function that makes the database as a standby is after a failover."""

    def make(connection: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(READ_ONLY[connection.vendor])

    def begin() -> None:
        connection.close()
        connection_created.connect(make)

    yield begin
    connection_created.disconnect(make)
    connection.close()


@pytest.mark.usefixtures("style")
def test_a_database_that_takes_no_writes_is_unavailable(
    phone: Device, read_only: Callable[[], None], log: Any
) -> None:
    phone.login()
    own = f"/auth/sessions/{claims(phone.token)['sid']}/"
    bearer = {"Authorization": f"Bearer {phone.token}"}
    read_only()
    for response in (
        phone.login(),
        phone.refresh(),
        phone.logout(),
        phone.post("/auth/logout/others/"),
        phone.post("/auth/logout/all/"),
        phone.http.delete(own, headers=bearer),
    ):
        assert said(response)[:2] == (503, "unavailable"), response.request["PATH_INFO"]
    assert log.text.count("the database cannot be asked") == 6
    for response in (
        phone.get(),
        phone.get("/hello/"),
        phone.verify(),
        phone.get("/auth/sessions/"),
    ):
        assert response.status_code == 200


class FromDriver(Exception):
    def __init__(self, **facts: str) -> None:
        vars(self).update(facts)


@pytest.mark.parametrize(
    ("cause", "away"),
    [
        (FromDriver(sqlstate="25006"), True),
        (FromDriver(pgcode="25006"), True),
        (FromDriver(sqlstate="25P02"), False),
        (None, False),
    ],
)
def test_the_error_of_a_standby_is_told_by_its_sqlstate(
    cause: Exception | None, away: bool
) -> None:
    """psycopg and psycopg2 have names of their own for it, and no class of its own in Django."""
    error = InternalError("cannot execute UPDATE in a read-only transaction")
    error.__cause__ = cause
    assert is_away(error) is away


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError, True),
        (InterfaceError, True),
        (ProgrammingError, False),
        (ValueError, False),
    ],
)
def test_a_fault_of_ours_is_no_absence(error: type[Exception], away: bool) -> None:
    assert is_away(error()) is away
