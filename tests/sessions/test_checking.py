"""What the database says of a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import DatabaseError, connection, transaction

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import PasswordChanged, SessionRevoked, TokenError, UserInactive
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from tests.support.devices import Device
from tests.support.http import said
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_hand_made_transaction_does_not_stop_a_request(ann: Any, log: Any) -> None:
    encoded = sessions.start(ann).access_token
    transaction.set_autocommit(False)
    try:
        assert checking.authenticate(encoded, None)[0].user == ann
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert "hand-made transaction" in log.text
    assert Session.objects.get().confirmed_at is None


def test_a_request_confirms_after_its_transaction(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with transaction.atomic():
        with statements(1):
            checking.authenticate(encoded, None)
        assert Session.objects.get().confirmed_at is None
    assert Session.objects.get().confirmed_at is not None


def test_only_the_current_token_confirms(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    successor = sessions.refresh(encoded).access_token
    with statements(1):
        checking.authenticate(encoded, None)
    assert Session.objects.get().confirmed_at is None
    checking.authenticate(successor, None)
    assert Session.objects.get().confirmed_at is not None


def test_the_session_of_a_user_who_is_gone_is_that_of_nobody_else(ann: Any, bob: Device) -> None:
    encoded = sessions.start(ann).access_token
    ann.delete()
    with pytest.raises(UserInactive, match=r"^gone$"):
        checking.authenticate(encoded, None)
    encoded = sessions.start(bob.user).access_token
    Session.objects.all().delete()
    with pytest.raises(SessionRevoked, match=r"^gone$"):
        checking.authenticate(encoded, None)


# What a refused request ends


WHYS: dict[str, tuple[type[TokenError], dict[str, Any]]] = {
    "user_inactive": (UserInactive, {"is_active": False}),
    "password_changed": (PasswordChanged, {"password": "another"}),
}
ASKS: dict[str, Callable[[sessions.Tokens], Any]] = {
    "authenticate": lambda tokens: checking.authenticate(tokens.access_token, None),
    "authenticate and prove nothing": lambda tokens: checking.authenticate(
        tokens.access_token, None, confirm=False
    ),
    "verify": lambda tokens: checking.verify(conf.verifier(None).current(tokens.access_token)),
    "refresh": lambda tokens: sessions.refresh(tokens.refresh_token or tokens.access_token),
}
for_each_why = pytest.mark.parametrize("why", WHYS)


def change(user: Any, why: str) -> dict[str, Any]:
    """Do to the user, by a query, for ``why`` requests are refused; return what undoes it."""
    changes = WHYS[why][1]
    before = {name: getattr(user, name) for name in changes}
    type(user)._default_manager.filter(pk=user.pk).update(**changes)
    return before


def refused(ask: Callable[[], Any], why: str) -> None:
    with pytest.raises(WHYS[why][0]):
        ask()


@pytest.mark.usefixtures("style")
@for_each_why
@pytest.mark.parametrize("name", ASKS)
def test_a_refused_request_ends_the_session_once_and_for_good(
    ann: Any, told: Told, log: Any, why: str, name: str
) -> None:
    tokens, other = sessions.start(ann), sessions.start(ann)
    before = change(ann, why)
    told.clear()
    log.clear()
    with statements(2):
        refused(lambda: ASKS[name](tokens), why)
    with statements(1):
        refused(lambda: ASKS[name](tokens), why)
    type(ann)._default_manager.update(**before)
    for ask in ASKS.values():
        with statements(1):
            refused(lambda ask=ask: ask(tokens), why)  # type: ignore[misc]
    assert [(name, facts["session"], facts["reason"]) for name, facts in told] == [
        ("revoked", tokens.session, why)
    ]
    assert [(record.event, record.reason) for record in log.records] == [("session_revoked", why)]
    ended = Session.objects.get(pk=tokens.session.pk)
    assert (ended.state, ended.revoked_reason) == (Session.State.REVOKED, why)
    # Of which no request was refused.
    assert Session.objects.live().get() == other.session


@for_each_why
def test_a_request_is_refused_also_where_the_end_cannot_be_written(
    ann: Any, told: Told, why: str, caplog: Any
) -> None:
    tokens = sessions.start(ann)
    change(ann, why)

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise DatabaseError("cannot execute UPDATE in a read-only transaction")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        for ask in ASKS.values():
            refused(lambda ask=ask: ask(tokens), why)  # type: ignore[misc]
    assert "read-only" in caplog.text
    assert tokens.access_token not in caplog.text
    assert (Session.objects.live().count(), names(told)) == (1, ["started"])
    refused(lambda: ASKS["verify"](tokens), why)
    assert (Session.objects.live().count(), names(told)) == (0, ["started", "revoked"])


@for_each_why
@pytest.mark.parametrize("rolled_back", [False, True])
def test_a_transaction_is_waited_for(ann: Any, told: Told, why: str, rolled_back: bool) -> None:
    """Of the caller, who rolls back as a rule what a refused request wrote."""
    tokens = sessions.start(ann)
    change(ann, why)
    with transaction.atomic():
        with statements(1):
            refused(lambda: ASKS["authenticate"](tokens), why)
        transaction.set_rollback(rolled_back)
    assert Session.objects.live().exists()
    request_finished.send(None)
    assert Session.objects.get().revoked_reason == why
    assert names(told) == ["started", "revoked"]


@pytest.mark.usefixtures("atomic_requests", "style")
@for_each_why
@pytest.mark.parametrize("path", ["/me/", "/me/after-others/", "/me/optional/", "/hello/"])
def test_every_view_ends_it_before_the_next_request(phone: Device, why: str, path: str) -> None:
    phone.login()
    before = change(phone.user, why)
    phone.get(path)
    type(phone.user)._default_manager.update(**before)
    assert said(phone.get())[1] == said(phone.refresh())[1] == why


def test_what_somebody_ended_meanwhile_keeps_its_reason(ann: Any, told: Told) -> None:
    tokens = sessions.start(ann)
    change(ann, "user_inactive")

    def log_out(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "logout" not in params:
            sessions.revoke(Session.objects.get(), "logout")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(log_out):
        refused(lambda: ASKS["authenticate"](tokens), "user_inactive")
    assert Session.objects.get().revoked_reason == "logout"
    assert names(told) == ["started", "revoked"]


@for_each_why
def test_what_has_ended_by_itself_is_not_ended_once_more(
    ann: Any, told: Told, clock: Any, why: str
) -> None:
    encoded = sessions.start(ann).access_token
    change(ann, why)
    Session.objects.update(ends_at=Session.objects.get().started_at)
    with statements(1), pytest.raises(TokenError):
        checking.authenticate(encoded, None)
    assert names(told) == ["started"]


@pytest.mark.usefixtures("atomic_requests")
@for_each_why
def test_a_page_that_takes_anybody_ends_it_too(phone: Device, why: str) -> None:
    phone.login()
    before = change(phone.user, why)
    for _ in range(2):
        assert phone.get("/me/optional/").json() == {"user": None, "sid": None}
    type(phone.user)._default_manager.update(**before)
    assert said(phone.get())[1] == why


@pytest.mark.usefixtures("atomic_requests")
@for_each_why
def test_a_logout_ends_it_by_its_own_reason(phone: Device, why: str) -> None:
    phone.login()
    change(phone.user, why)
    assert phone.logout().status_code == 204
    assert Session.objects.get().revoked_reason == "logout"
