"""The user's own new password: the login goes on, and every older token of it is void."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from jwt_refresh.sessions.passwords import KEPT
from tests.support.devices import Device
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("atomic_requests", "style"),
]


def test_the_session_in_which_the_password_is_changed_goes_on_with_new_tokens(
    phone: Device, laptop: Device, bob: Device
) -> None:
    for device in (phone, laptop, bob):
        device.login()
    for password in ("another", "yet another"):
        assert phone.change_password(password).status_code == 200
        assert phone.get().status_code == phone.refresh().status_code == 200
        assert phone.get().status_code == phone.verify().status_code == 200
        assert said(laptop.get())[1] == "password_changed"
        assert bob.get().status_code == 200


def test_no_copy_of_an_older_token_survives_the_users_new_password(phone: Device) -> None:
    """A thief may hold the superseded one, the current one, or an access token."""
    phone.login()
    thieves = [Device(phone.user) for _ in range(2)]
    for thief in thieves:
        thief.token, thief.refresh_token = phone.token, phone.refresh_token
        phone.refresh()
    thieves[1].token, thieves[1].refresh_token = phone.token, phone.refresh_token
    assert phone.change_password("another").status_code == 200
    for thief in thieves:
        for answer in (thief.get(), thief.verify(), thief.refresh()):
            assert said(answer)[:2] == (401, "password_changed")
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_it_is_the_same_login_with_the_same_end(
    phone: Device, rf: Any, clock: Any, settings: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"RECORD_CLIENT": "full", "MAX_SESSIONS": 2}
    request = rf.post("/", headers={"User-Agent": "a phone"})
    other = sessions.start(phone.user).session
    before = sessions.start(phone.user, request, amr=["pwd", "otp"])
    # Fixed at login, whatever the settings say later.
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    phone.token = before.access_token
    clock.shift(60)
    assert phone.change_password("another").status_code == 200
    said_before, said_after = claims(before.access_token), claims(phone.token)
    for name in ("sub", "auth_time", "amr"):
        assert said_before[name] == said_after[name]
    old = Session.objects.get(pk=said_before["sid"])
    new = Session.objects.get(pk=said_after["sid"])
    assert new.pk != old.pk
    for name in KEPT:
        assert getattr(new, name) == getattr(old, name), name
    assert (new.generation, new.previous_jti, new.confirmed_at) == (0, None, None)
    assert (new.address, new.agent) == ("127.0.0.1", "a phone")
    assert (old.revoked_reason, old.state) == ("password_changed", Session.State.REVOKED)
    # A login would have made room for itself.
    assert Session.objects.get(pk=other.pk).revoked_at is None


def test_the_new_session_ends_no_later_than_the_old_one(
    phone: Device, clock: Any, settings: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"SESSION_LIFETIME": timedelta(minutes=40)}
    phone.login()
    clock.shift(20 * MINUTE)
    assert phone.change_password("another").status_code == 200
    assert claims(phone.refreshable)["exp"] == claims(phone.token)["auth_time"] + 40 * MINUTE


def test_the_change_is_told_once_it_is_committed(phone: Device, told: Told, rf: Any) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    with transaction.atomic():
        set_password(session.user)
        tokens = keep(request, session.user)
        assert names(told) == ["started"]
    assert names(told) == ["started", "revoked", "started"]
    (_, first), (_, ended), (_, second) = told
    assert ended["session"] == first["session"] == session
    assert ended["reason"] == ended["session"].revoked_reason == "password_changed"
    assert (second["session"], second["request"]) == (tokens.session, request)


def test_a_change_that_is_rolled_back_ends_nothing(phone: Device, told: Told, rf: Any) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    with transaction.atomic():
        set_password(session.user)
        keep(request, session.user)
        transaction.set_rollback(True)
    assert names(told) == ["started"]
    assert Session.objects.get() == session
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_it_costs_four_statements(phone: Device, rf: Any) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    set_password(session.user)
    with statements(4):
        keep(request, session.user)


def test_a_tab_that_asks_in_between_does_no_harm(phone: Device, told: Told, rf: Any) -> None:
    """Where the view has no transaction, a request may find the new password alone."""
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    set_password(session.user)
    assert said(phone.refresh())[1] == "password_changed"
    tokens = keep(request, session.user)
    assert names(told) == ["started", "revoked", "started"]
    phone.token = tokens.access_token
    assert phone.get().status_code == 200


def test_of_two_changes_at_once_the_last_one_goes_on(phone: Device, rf: Any) -> None:
    """As of a form that is sent twice: both requests are authenticated, then both change it."""
    phone.login()
    requests, held = [rf.post("/") for _ in range(2)], [phone.token]
    for request in requests:
        session, request.auth = checking.authenticate(phone.token, None)
    for request in requests:
        set_password(session.user)
        tokens = keep(request, session.user)
        answers = [
            phone.post("/auth/verify/", token=token) for token in [*held, tokens.access_token]
        ]
        assert [answer.status_code for answer in answers] == [401] * len(held) + [200]
        held.append(tokens.access_token)
    assert Session.objects.live().get() == tokens.session


def log_out(phone: Device, clock: Any) -> None:
    phone.logout()


def deactivate_for_a_while(phone: Device, clock: Any) -> None:
    users = type(phone.user)._default_manager
    users.update(is_active=False)
    phone.refresh()
    users.update(is_active=True)


def wait(phone: Device, clock: Any) -> None:
    clock.shift(31 * DAY)


@pytest.mark.parametrize("end", [log_out, deactivate_for_a_while, wait])
def test_a_session_that_has_ended_meanwhile_is_not_brought_back(
    phone: Device, rf: Any, clock: Any, end: Callable[[Device, Any], None]
) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    end(phone, clock)
    before = list(Session.objects.values())
    set_password(session.user)
    assert sessions.keep_current(request, session.user) is None
    assert list(Session.objects.values()) == before


def test_a_session_that_a_tab_ended_is_not_kept_beyond_its_end(
    phone: Device, rf: Any, clock: Any
) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    set_password(session.user)
    assert said(phone.refresh())[1] == "password_changed"
    clock.shift(31 * DAY)
    assert sessions.keep_current(request, session.user) is None
    assert Session.objects.get() == session


def test_a_deadlock_is_tried_again(phone: Device, rf: Any, told: Told) -> None:
    request = rf.post("/")
    phone.login()
    session, request.auth = checking.authenticate(phone.token, None)
    set_password(session.user)
    faults = iter(range(1))

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for _ in faults if sql.startswith("INSERT") else ():
            raise OperationalError("deadlock")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        tokens = keep(request, session.user)
    assert names(told) == ["started", "revoked", "started"]
    assert phone.get(token=tokens.access_token).status_code == 200


def test_the_tokens_are_those_of_the_tenant_that_is_asked(phone: Device, settings: Any) -> None:
    asked: list[Any] = []

    def issuer(request: Any) -> str:
        asked.append(request)
        return f"https://{request.get_host()}"

    settings.JWT_REFRESH = settings.JWT_REFRESH | {"ISSUER": issuer}
    phone.login()
    assert phone.change_password("another").status_code == 200
    assert claims(phone.token)["iss"] == "https://testserver"
    assert {isinstance(request, HttpRequest) for request in asked} == {True}


def test_a_session_that_was_kept_ends_with_the_next_password(phone: Device) -> None:
    phone.login()
    assert phone.change_password("another").status_code == 200
    assert phone.get().status_code == 200
    type(phone.user)._default_manager.update(password="of a thief")
    assert said(phone.get())[1] == "password_changed"


def test_the_current_session_is_the_users_own(phone: Device, bob: Device, rf: Any) -> None:
    """Whoever changes somebody else's password keeps no session of theirs alive with it."""
    bob.login()
    phone.login()
    before = list(Session.objects.values("pk", "auth_hash"))
    request = rf.post("/")
    assert sessions.keep_current(request, phone.user) is None
    request.auth = None
    assert sessions.keep_current(request, phone.user) is None
    assert list(Session.objects.values("pk", "auth_hash")) == before
    answer = phone.post("/password/", {"password": "x", "of": bob.user.pk})
    assert (answer.status_code, answer.json()) == (200, {})
    assert said(bob.get())[1] == "password_changed"
    assert phone.get().status_code == 200


def keep(request: Any, user: Any) -> sessions.Tokens:
    tokens = sessions.keep_current(request, user)
    assert tokens is not None
    return tokens


def set_password(user: Any) -> None:
    user.set_password("another")
    user.save()
