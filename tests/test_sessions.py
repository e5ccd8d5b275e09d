"""The verbs called from Python, and many callers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from jwt_refresh import lookup, sessions, signals
from jwt_refresh.exceptions import (
    SessionRevoked,
    TokenError,
    TokenReused,
    Unavailable,
    UserInactive,
)
from jwt_refresh.models import IssuedToken, Session

from .conftest import make_user
from .statements import statements

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

SIGNALS = {
    "started": signals.session_started,
    "refreshed": signals.session_refreshed,
    "reuse": signals.reuse_detected,
    "revoked": signals.session_revoked,
}


@pytest.fixture
def told() -> Any:
    """The names of the signals that were sent, in order, and what they carried."""
    heard: list[tuple[str, dict[str, Any]]] = []
    receivers: dict[str, Callable[..., None]] = {
        name: lambda _name=name, **facts: heard.append((_name, facts)) for name in SIGNALS
    }
    for name, signal in SIGNALS.items():
        signal.connect(receivers[name])
    yield heard
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name])


def names(told: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in told]


def refresh(encoded: str) -> str:
    return sessions.refresh(encoded).access_token


def race(count: int, act: Callable[[], Any]) -> list[Any]:
    """What ``count`` threads that start at the same instant get, errors included."""
    barrier = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_eight_at_once_get_one_successor(ann: Any) -> None:
    for _ in range(5):
        encoded = sessions.start(ann).access_token
        results = race(8, partial(refresh, encoded))
        assert len(set(results)) == 1
        assert isinstance(results[0], str), results
        lookup.authenticate(results[0])
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
                lookup.authenticate(result)


def test_an_inactive_user_starts_no_session(ann: Any) -> None:
    ann.is_active = False
    with pytest.raises(UserInactive):
        sessions.start(ann)
    assert not Session.objects.exists()


def test_start_is_two_inserts_in_the_callers_transaction(ann: Any, told: Any) -> None:
    with statements(2):
        sessions.start(ann)
    with transaction.atomic():
        sessions.start(ann)
        transaction.set_rollback(True)
    assert (Session.objects.count(), names(told)) == (1, ["started"])


def test_revocations_join_the_callers_transaction(ann: Any, told: Any) -> None:
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


def test_revoking_a_user_leaves_others_alone(ann: Any, told: Any) -> None:
    other = sessions.start(make_user("bob@example.com")).session
    revoked = {sessions.start(ann).session.pk for _ in range(3)}
    with statements(2):
        assert sessions.revoke_user(ann, "closed") == 3
    assert {facts["session"].pk for name, facts in told if name == "revoked"} == revoked
    assert {facts["reason"] for name, facts in told if name == "revoked"} == {"closed"}
    assert Session.objects.live().get() == other


def test_a_refresh_inside_a_transaction_names_the_mend(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with transaction.atomic(), pytest.raises(RuntimeError, match="non_atomic_requests"):
        sessions.refresh(encoded)
    assert Session.objects.get().generation == 0


@pytest.mark.django_db(transaction=False)
def test_a_refresh_works_in_a_test_case(ann: Any) -> None:
    assert sessions.refresh(sessions.start(ann).access_token).expires_in == 1800


def test_signals_tell_what_happened_after_it_is_committed(
    ann: Any, told: Any, clock: Any, rf: Any, log: Any
) -> None:
    request = rf.post("/")
    encoded = sessions.start(ann, request).access_token
    successor = sessions.refresh(encoded, request=request).access_token
    lookup.authenticate(successor)
    clock.shift(31)
    with pytest.raises(TokenReused):
        sessions.refresh(encoded, request=request)
    assert names(told) == ["started", "refreshed", "revoked", "reuse"]
    for name, facts in told:
        assert facts["sender"] is Session
        assert facts["session"].user == ann
        assert facts["request" if name != "revoked" else "reason"] in (request, "reuse")
    (warning,) = (record for record in log.records if record.levelname == "WARNING")
    assert str(told[0][1]["session"].pk) in warning.getMessage()
    with pytest.raises(SessionRevoked):
        sessions.refresh(encoded)
    assert names(told) == ["started", "refreshed", "revoked", "reuse"]


def test_a_reuse_that_somebody_else_ended_meanwhile_is_told_once(
    ann: Any, told: Any, clock: Any
) -> None:
    encoded = sessions.start(ann).access_token
    lookup.authenticate(sessions.refresh(encoded).access_token)
    clock.shift(31)
    with connection.execute_wrapper(logged_out_meanwhile), pytest.raises(TokenReused):
        sessions.refresh(encoded)
    assert names(told) == ["started", "refreshed", "revoked"]
    assert Session.objects.get().revoked_reason == "lost"


def test_a_receiver_that_raises_undoes_nothing(ann: Any, caplog: Any) -> None:
    def fail(**facts: Any) -> None:
        raise ZeroDivisionError

    session = sessions.start(ann).session
    signals.session_revoked.connect(fail)
    try:
        assert sessions.revoke(session, "test")
    finally:
        signals.session_revoked.disconnect(fail)
    assert not Session.objects.live().exists()
    assert "ZeroDivisionError" in caplog.text


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


def logged_out_meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith("UPDATE") and "lost" not in params:
        sessions.revoke(Session.objects.get(), "lost")
    return execute(sql, params, many, context)


def deadlock(swap: Callable[[], Any]) -> None:
    raise OperationalError("deadlock detected")


def miss(swap: Callable[[], Any]) -> Any:
    """The row is not as it was read while the swap looks, and is again afterwards."""
    as_read = Session.objects.values_list("current_jti", flat=True).get()
    Session.objects.update(current_jti="of somebody else")
    result = swap()
    Session.objects.update(current_jti=as_read)
    return result


def test_a_refresh_that_lost_its_transaction_tries_again(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with connection.execute_wrapper(OnSwap(2, deadlock)):
        successor = sessions.refresh(encoded).access_token
    assert Session.objects.get().generation == 1
    assert lookup.authenticate(successor)[0].user == ann


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
        patch.setattr(sessions, "_record", fail)
        with pytest.raises(ZeroDivisionError):
            sessions.refresh(encoded)
    assert Session.objects.values().get() == before
    assert sessions.refresh(encoded).session.generation == 1


def test_a_token_that_cannot_be_issued_consumes_nothing(ann: Any, settings: Any) -> None:
    encoded = sessions.start(ann).access_token
    before = Session.objects.values().get()
    settings.JWT_REFRESH = {"LIFETIME": timedelta(days=401), "SESSION_LIFETIME": None}
    Session.objects.update(ends_at=None)
    with pytest.raises(ValueError, match="lives too long"):
        sessions.refresh(encoded)
    assert Session.objects.values().get() == before | {"ends_at": None}


def test_a_refresh_that_missed_twice_succeeds_and_thrice_is_to_come_back(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with connection.execute_wrapper(OnSwap(3, miss)), pytest.raises(Unavailable):
        sessions.refresh(encoded)
    assert IssuedToken.objects.count() == 1
    with connection.execute_wrapper(OnSwap(2, miss)):
        assert sessions.refresh(encoded).session.generation == 1


def test_a_hand_made_transaction_does_not_stop_a_request(ann: Any, log: Any) -> None:
    encoded = sessions.start(ann).access_token
    transaction.set_autocommit(False)
    try:
        assert lookup.authenticate(encoded)[0].user == ann
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert "hand-made transaction" in log.text
    assert Session.objects.get().confirmed_at is None


def test_a_request_confirms_after_its_transaction(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with transaction.atomic():
        with statements(1):
            lookup.authenticate(encoded)
        assert Session.objects.get().confirmed_at is None
    assert Session.objects.get().confirmed_at is not None


def test_only_the_current_token_confirms(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    successor = sessions.refresh(encoded).access_token
    with statements(1):
        lookup.authenticate(encoded)
    assert Session.objects.get().confirmed_at is None
    lookup.authenticate(successor)
    assert Session.objects.get().confirmed_at is not None
