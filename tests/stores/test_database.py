"""Transactions of ours and of our callers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, transaction

from jwt_refresh import sessions
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import Session
from jwt_refresh.sessions.events import after_commit
from jwt_refresh.stores.database import ROUNDS, in_rounds, in_transaction
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
