"""What is told of a session, when, and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from traceback import walk_tb
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.signals import request_finished
from django.db import InterfaceError, OperationalError, connection, transaction
from pytest_django import Settings

from jwt_refresh import sessions, signals
from jwt_refresh.core.encoding import decode
from jwt_refresh.exceptions import SessionRevoked, TokenError, TokenReused
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import checking, events
from jwt_refresh.stores.database import unavailable
from tests.support.told import Told, connected, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_signals_tell_what_happened_after_it_is_committed(
    ann: Any, told: Told, clock: Any, rf: Any, log: Any
) -> None:
    request = rf.post("/")
    encoded = sessions.start(ann, request).access_token
    successor = sessions.refresh(encoded, request=request).access_token
    checking.authenticate(successor, None)
    clock.shift(31)
    with pytest.raises(TokenReused):
        sessions.refresh(encoded, request=request)
    assert names(told) == ["started", "refreshed", "reuse", "revoked"]
    assert told[2][1]["case"] == "in_use"
    for name, facts in told:
        assert facts["sender"] is Session
        assert facts["session"].user == ann
        assert facts["request" if name != "revoked" else "reason"] in (request, "reuse")
    (warning,) = (record for record in log.records if record.levelname == "WARNING")
    assert str(told[0][1]["session"].pk) in warning.getMessage()
    with pytest.raises(SessionRevoked):
        sessions.refresh(encoded)
    assert names(told) == ["started", "refreshed", "reuse", "revoked"]


CASES: dict[str, Callable[[Any, Any], str]] = {}
"""By its name, each way to a reuse: it returns the token that comes back."""


def case(way: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    CASES[way.__name__] = way
    return way


@case
def window_over(ann: Any, clock: Any) -> str:
    encoded = sessions.start(ann).access_token
    sessions.refresh(encoded)
    clock.shift(61)
    return encoded


@case
def displaced(ann: Any, clock: Any) -> str:
    encoded = sessions.start(ann).access_token
    lost = sessions.refresh(encoded).access_token
    clock.shift(60)
    sessions.refresh(encoded)
    clock.shift(31)
    return lost


@case
def older(ann: Any, clock: Any) -> str:
    encoded = sessions.start(ann).access_token
    sessions.refresh(sessions.refresh(encoded).access_token)
    clock.shift(31)
    return encoded


@case
def no_record(ann: Any, clock: Any) -> str:
    encoded = sessions.start(ann).access_token
    IssuedToken.objects.all().delete()
    clock.shift(1)
    sessions.refresh(sessions.refresh(encoded).access_token)
    return encoded


@pytest.mark.parametrize("name", CASES)
def test_a_reuse_says_what_was_reused(
    ann: Any, told: Told, clock: Any, log: Any, settings: Settings, name: str
) -> None:
    """In the signal and in the log."""
    settings.JWT_REFRESH = {"RETRY_WINDOW": timedelta(seconds=60)}
    encoded = CASES[name](ann, clock)
    with pytest.raises(TokenReused):
        sessions.refresh(encoded)
    assert [facts["case"] for event, facts in told if event == "reuse"] == [name]
    (warning,) = [record for record in log.records if record.levelname == "WARNING"]
    assert (warning.event, warning.case) == ("reuse_detected", name)
    assert warning.getMessage().endswith(f" case={name}")


def logged_out_meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith("UPDATE") and "lost" not in params:
        sessions.revoke(Session.objects.get(), "lost")
    return execute(sql, params, many, context)


def test_a_reuse_that_somebody_else_ended_meanwhile_is_told_once(
    ann: Any, told: Told, clock: Any
) -> None:
    encoded = sessions.start(ann).access_token
    checking.authenticate(sessions.refresh(encoded).access_token, None)
    clock.shift(31)
    with connection.execute_wrapper(logged_out_meanwhile), pytest.raises(TokenReused):
        sessions.refresh(encoded)
    assert names(told) == ["started", "refreshed", "revoked"]
    assert Session.objects.get().revoked_reason == "lost"


def test_a_receiver_that_raises_undoes_nothing(ann: Any, caplog: Any) -> None:
    def fail(**facts: Any) -> None:
        raise ZeroDivisionError

    session = sessions.start(ann).session
    with connected(signals.session_revoked, fail):
        assert sessions.revoke(session, "test")
    assert not Session.objects.live().exists()
    assert "ZeroDivisionError" in caplog.text


def test_each_event_is_a_record_with_its_facts(ann: Any, log: Any, clock: Any) -> None:
    session = sessions.start(ann).session
    encoded = sessions.start(ann).access_token
    refreshed = sessions.refresh(encoded)
    checking.authenticate(refreshed.access_token, None)
    clock.shift(31)
    with pytest.raises(TokenReused):
        sessions.refresh(encoded)
    sessions.revoke(session, "device lost")
    names = ("event", "sid", "user_id", "reason", "levelname")
    facts = [tuple(getattr(record, name, None) for name in names) for record in log.records]
    first, second, user = str(session.pk), str(refreshed.session.pk), str(ann.pk)
    assert facts == [
        ("session_started", first, user, None, "INFO"),
        ("session_started", second, user, None, "INFO"),
        ("session_refreshed", second, user, None, "INFO"),
        ("reuse_detected", second, user, None, "WARNING"),
        ("session_revoked", second, user, "reuse", "INFO"),
        ("session_revoked", first, user, "device lost", "INFO"),
    ]
    assert log.records[2].jti == refreshed.session.current_jti
    jti = json.loads(decode(encoded.split(".")[1].encode()))["jti"]
    assert (log.records[3].jti, log.records[3].case) == (jti, "in_use")
    assert log.messages[3].endswith(f" jti={jti} case=in_use")
    assert (
        log.messages[-1] == f"event=session_revoked sid={first} user_id={user} reason=device lost"
    )


FORGED = "lost\r\nWARNING event=reuse_detected\u2028user_id=1\x85\x1b[2J\ud800"
ESCAPED = r"lost\r\nWARNING event=reuse_detected\u2028user_id=1\x85\x1b[2J\ud800"


class ProjectError(TokenError):
    """An error of a project, whose text is whatever a client sent."""


def test_no_text_makes_a_line_of_its_own_in_the_log(ann: Any, log: Any) -> None:
    """Neither a reason nor the text of an error; what was given is in the attribute."""
    session = sessions.start(ann).session
    log.clear()
    reason = FORGED.replace("\ud800", "")
    sessions.revoke(session, reason)
    events.refused(ProjectError(FORGED))
    revoked, refused = log.records
    assert revoked.getMessage() == (
        f"event=session_revoked sid={session.pk} user_id={ann.pk} "
        f"reason={ESCAPED.removesuffix(chr(92) + 'ud800')}"
    )
    assert refused.getMessage() == f"event=token_refused code=token_invalid why={ESCAPED}"
    assert (revoked.reason, refused.why) == (reason, FORGED)


def test_text_that_can_be_read_is_left_as_it_is(ann: Any, log: Any) -> None:
    sessions.revoke(sessions.start(ann).session, "기기 분실, naïve")
    assert log.messages[-1].endswith(" reason=기기 분실, naïve")


def connect(password: str) -> None:
    raise OperationalError(f"no answer within {len(password)} seconds")


def test_the_traceback_of_a_store_that_is_away_has_no_variables(log: Any) -> None:
    """A driver of a database has its password in one."""
    with pytest.raises(OperationalError) as raised:
        connect("of the database")
    events.refused(unavailable(raised.value))
    events.after_request(lambda: connect("of the database"))
    request_finished.send(None)
    assert len(log.records) == 2
    for record in log.records:
        frames = [frame for frame, _ in walk_tb(record.exc_info[2])]
        assert "within 15 seconds" in log.text
        (at,) = [frame for frame in frames if frame.f_code is connect.__code__]
        assert at.f_locals == {}


def test_what_is_rolled_back_is_neither_told_nor_logged(ann: Any, told: Told, log: Any) -> None:
    with transaction.atomic():
        session = sessions.start(ann).session
        sessions.revoke(session, "test")
        transaction.set_rollback(True)
    assert (told, log.records) == ([], [])


# What is left for the end of the request


@pytest.fixture
def finish() -> Any:
    def send() -> None:
        request_finished.send(None)

    yield send
    send()


def test_what_is_left_is_done_once_the_request_is_over(finish: Any) -> None:
    done: list[str] = []
    events.after_request(lambda: done.append("first"))
    events.after_request(lambda: done.append("second"))
    assert not done
    finish()
    finish()
    assert done == ["first", "second"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_gone_by_then_is_told_to_the_log(
    finish: Any, log: Any, error: type[Exception]
) -> None:
    done: list[str] = []
    events.after_request(Mock(side_effect=error("gone")))
    events.after_request(lambda: done.append("second"))
    finish()
    assert done == ["second"]
    (record,) = log.records
    assert (record.levelname, record.event) == ("ERROR", "left_out")


def test_no_connection_is_left_open(finish: Any) -> None:
    events.after_request(Session.objects.count)
    finish()
    assert connection.connection is None


def test_a_thread_does_what_it_left_itself(finish: Any) -> None:
    done: list[str] = []
    events.after_request(lambda: done.append("here"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(finish).result()
    assert not done
