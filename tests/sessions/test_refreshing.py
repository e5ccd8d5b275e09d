"""One refresh, called from Python: races, failures, statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.users import auth_hash_of
from jwt_refresh.exceptions import (
    InvalidRequest,
    SessionRevoked,
    StaleRetry,
    TokenError,
    Unavailable,
)
from jwt_refresh.models import IssuedToken, Session, SessionQuerySet
from jwt_refresh.sessions import checking, refreshing
from tests.support.devices import PASSWORD
from tests.support.http import MINUTE
from tests.support.threads import race

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def refresh(encoded: str) -> str:
    return sessions.refresh(encoded).access_token


def test_eight_at_once_get_one_successor(ann: Any) -> None:
    for _ in range(5):
        encoded = sessions.start(ann).access_token
        results = race(8, partial(refresh, encoded))
        assert len(set(results)) == 1
        assert isinstance(results[0], str), results
        checking.authenticate(results[0], None)
    assert IssuedToken.objects.count() == 10


def test_eight_that_replace_a_lost_successor_at_once_leave_one_that_lives(
    ann: Any, clock: Any
) -> None:
    encoded = sessions.start(ann).access_token
    sessions.refresh(encoded)
    clock.shift(60)
    results = race(8, partial(refresh, encoded))
    assert all(isinstance(result, str | TokenError) for result in results), results
    assert Session.objects.live().count() == 1
    assert Session.objects.get().generation == 1


@pytest.mark.parametrize(("key", "same"), [("once", True), ("again", False), ("", False)])
def test_who_asks_again_with_the_same_key_gets_the_same_answer(
    ann: Any, clock: Any, key: str, same: bool
) -> None:
    """Long after the grace, in which everybody does."""
    encoded = sessions.start(ann).access_token
    first = sessions.refresh(encoded, idempotency_key="once").session.current_jti
    clock.shift(600)
    again = sessions.refresh(encoded, idempotency_key=key).session.current_jti
    assert (again == first) is same


def test_a_key_is_kept_as_a_hash_of_256_bits(ann: Any) -> None:
    sessions.refresh(sessions.start(ann).access_token, idempotency_key="once")
    assert len(IssuedToken.objects.latest("id").key_hash) == 64


def test_a_token_is_judged_by_the_records_of_its_own_session(ann: Any, clock: Any) -> None:
    """Else whoever logs in between would make a late duplicate look like theft."""
    encoded = sessions.start(ann).access_token
    sessions.start(ann)
    clock.shift(MINUTE)
    sessions.refresh(sessions.refresh(encoded).access_token)
    with pytest.raises(StaleRetry):
        sessions.refresh(encoded)
    assert Session.objects.live().count() == 2


def test_a_key_has_a_limit(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with pytest.raises(InvalidRequest, match=r"^Idempotency-Key is too long$"):
        sessions.refresh(encoded, idempotency_key="x" * 256)
    assert sessions.refresh(encoded, idempotency_key="x" * 255)


def test_the_request_tells_the_address_and_the_agent(ann: Any, rf: Any) -> None:
    encoded = sessions.start(ann).access_token
    request = rf.post("/", REMOTE_ADDR="203.0.113.7", headers={"User-Agent": "curl"})
    session = sessions.refresh(encoded, request=request).session
    session.refresh_from_db()
    assert (session.address, session.agent) == ("203.0.113.0/24", "curl")


def test_logging_out_while_others_refresh_ends_the_session(ann: Any) -> None:
    tokens = sessions.start(ann)

    def refresh_then_revoke() -> str:
        try:
            return sessions.refresh(tokens.access_token).access_token
        finally:
            sessions.revoke(tokens.session, "test")

    for result in race(8, refresh_then_revoke):
        assert isinstance(result, str | SessionRevoked), result
        if isinstance(result, str):
            with pytest.raises(SessionRevoked):
                checking.authenticate(result, None)


def test_a_refresh_inside_a_transaction_names_the_mend(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with transaction.atomic(), pytest.raises(RuntimeError, match="non_atomic_requests"):
        sessions.refresh(encoded)
    assert Session.objects.get().generation == 0


def test_in_a_transaction_it_holds_its_own_session_alone(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the refreshes of all users would wait for each other."""
    encoded = sessions.start(ann).access_token
    sessions.start(ann)
    held: list[int] = []
    hold = SessionQuerySet.hold
    monkeypatch.setattr(SessionQuerySet, "hold", lambda rows: held.append(hold(rows)))
    with transaction.atomic():
        refreshing.exchange(conf.verifier(None).refreshable(encoded))
    assert held == [1]


@pytest.mark.django_db(transaction=False)
def test_a_refresh_works_in_a_test_case(ann: Any) -> None:
    assert sessions.refresh(sessions.start(ann).access_token).expires_in == 1800


class OnSwap:
    """Acts in the place of the first ``times`` swaps of a refresh."""

    def __init__(self, times: int, act: Callable[[Callable[[], Any]], Any]) -> None:
        self.times = times
        self.act = act

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        def swap() -> Any:
            return execute(sql, params, many, context)

        if self.times and sql.startswith("UPDATE") and "generation" in sql:
            self.times -= 1
            return self.act(swap)
        return swap()


def deadlock(swap: Callable[[], Any]) -> None:
    raise OperationalError("deadlock detected")


def miss(swap: Callable[[], Any]) -> Any:
    """The row is not as it was read while the swap looks, and is again afterwards."""
    as_read = Session.objects.values_list("current_jti", flat=True).get()
    Session.objects.update(current_jti="of somebody else")
    result = swap()
    Session.objects.update(current_jti=as_read)
    return result


def test_a_session_that_ends_before_the_swap_is_not_refreshed(ann: Any) -> None:
    encoded = sessions.start(ann).access_token

    def end_first(swap: Callable[[], Any]) -> Any:
        Session.objects.mark_revoked("test", timezone.now())
        return swap()

    with connection.execute_wrapper(OnSwap(1, end_first)), pytest.raises(SessionRevoked):
        sessions.refresh(encoded)
    assert IssuedToken.objects.count() == 1


def test_a_password_that_is_encoded_anew_before_the_swap_keeps_its_sessions(ann: Any) -> None:
    """The swap writes the hash of the encoding that it has read."""
    encoded = sessions.start(ann).access_token

    def upgrade_first(swap: Callable[[], Any]) -> Any:
        old = auth_hash_of(ann)
        ann.password = make_password(PASSWORD)
        type(ann)._default_manager.update(password=ann.password)
        assert Session.objects.carry_over([old], auth_hash_of(ann)) == 1
        return swap()

    with connection.execute_wrapper(OnSwap(1, upgrade_first)):
        successor = sessions.refresh(encoded).access_token
    assert checking.authenticate(successor, None)[0].generation == 1


def test_a_lost_answer_that_is_found_before_the_swap_is_not_replaced(ann: Any, clock: Any) -> None:
    """Its client has the successor after all, and uses it."""
    encoded = sessions.start(ann).access_token
    successor = sessions.refresh(encoded).access_token
    clock.shift(61)

    def use_first(swap: Callable[[], Any]) -> Any:
        Session.objects.update(confirmed_at=timezone.now())
        return swap()

    with connection.execute_wrapper(OnSwap(1, use_first)), pytest.raises(StaleRetry):
        sessions.refresh(encoded)
    assert IssuedToken.objects.count() == 2
    assert sessions.refresh(successor)


def test_a_refresh_that_lost_its_transaction_tries_again(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with connection.execute_wrapper(OnSwap(2, deadlock)):
        successor = sessions.refresh(encoded).access_token
    assert Session.objects.get().generation == 1
    assert checking.authenticate(successor, None)[0].user == ann


def test_a_refresh_that_fails_consumes_nothing(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    before = Session.objects.values().get()
    with connection.execute_wrapper(OnSwap(3, deadlock)), pytest.raises(OperationalError):
        sessions.refresh(encoded)
    assert Session.objects.values().get() == before
    assert IssuedToken.objects.count() == 1
    assert sessions.refresh(encoded).session.generation == 1


def test_a_refresh_whose_record_cannot_be_written_consumes_nothing(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = sessions.start(ann).access_token
    before = Session.objects.values().get()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(refreshing, "record", fail)
        with pytest.raises(ZeroDivisionError):
            sessions.refresh(encoded)
    assert Session.objects.values().get() == before
    assert sessions.refresh(encoded).session.generation == 1


def test_a_token_that_cannot_be_issued_consumes_nothing(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    Session.objects.update(lifetime=timedelta(days=401), ends_at=None)
    before = Session.objects.values().get()
    with pytest.raises(ValueError, match="lives too long"):
        sessions.refresh(encoded)
    assert Session.objects.values().get() == before


def test_a_refresh_that_missed_twice_succeeds_and_thrice_is_to_come_back(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with connection.execute_wrapper(OnSwap(3, miss)), pytest.raises(Unavailable):
        sessions.refresh(encoded)
    assert IssuedToken.objects.count() == 1
    with connection.execute_wrapper(OnSwap(2, miss)):
        assert sessions.refresh(encoded).session.generation == 1
