"""Several databases: no decision is taken on a row of a replica, which lags behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import DataError, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import PasswordChanged, UserInactive
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions.purging import Purged
from tests.support.devices import PASSWORD, Device
from tests.support.ends import places
from tests.support.http import claims, said
from tests.support.statements import made
from tests.support.told import Told, names

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("style", "atomic_requests"),
]


class Elsewhere:
    """Everything is in ``other``."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "other"


class Replicated(Elsewhere):
    """What is written to ``default`` is read from ``other``, to which these tests copy it."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.fixture
def replicated(ann: Any, settings: Any) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Replicated"]
    replicate()


def replicate() -> None:
    """Bring the replica up to date."""
    for user in get_user_model()._default_manager.using("default"):
        user.save(using="other")
    for model in (Session, IssuedToken):
        for row in model._default_manager.using("default"):
            row.save_base(raw=True, using="other")


def on_primary(user: Any) -> Any:
    return type(user)._default_manager.using("default").filter(pk=user.pk)


@pytest.mark.usefixtures("replicated")
def test_a_session_that_the_replica_does_not_know_yet_is_good(phone: Device) -> None:
    assert phone.login().status_code == 200
    sid = claims(phone.token)["sid"]
    assert not Session.objects.exists()
    for place, present in places(phone, sid).items():
        phone.login()
        present = places(phone, claims(phone.token)["sid"])[place]
        assert present().status_code < 300, place
    phone.login()
    assert phone.logout().status_code == 204
    assert said(phone.get())[1] == "session_revoked"


ENDS: dict[str, Callable[[Any], Any]] = {
    "session_revoked": lambda user: sessions.revoke_user(user, "test"),
    "user_inactive": lambda user: on_primary(user).update(is_active=False),
    "password_changed": lambda user: on_primary(user).update(password="another"),
}


@pytest.mark.usefixtures("replicated")
@pytest.mark.parametrize("code", ENDS)
def test_what_has_ended_is_good_for_nothing_though_the_replica_shows_it_alive(
    phone: Device, laptop: Device, code: str
) -> None:
    phone.login()
    laptop.login()
    replicate()
    ENDS[code](phone.user)
    assert Session.objects.live().count() == 2
    for place, present in places(phone, claims(laptop.token)["sid"]).items():
        assert said(present())[:2] == (401, code), place


@pytest.mark.usefixtures("replicated")
@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}, None])
def test_a_login_that_the_replica_would_allow_is_refused(phone: Device, change: Any) -> None:
    if change is None:
        on_primary(phone.user).delete()
    else:
        on_primary(phone.user).update(**change)
    assert said(phone.login())[:2] == (401, "invalid_credentials")
    changed = change is not None and "password" in change
    why = r"^changed before login$" if changed else r"^(inactive at|deleted before) login$"
    with pytest.raises((PasswordChanged, UserInactive), match=why):
        sessions.start(type(phone.user)._default_manager.get())
    assert not Session.objects.using("default").exists()


@pytest.mark.usefixtures("replicated")
def test_whoever_the_replica_knows_is_logged_in_as_that_user(phone: Device, bob: Device) -> None:
    replicate()
    for device in (phone, bob):
        tokens = sessions.start(type(device.user)._default_manager.get(pk=device.user.pk))
        assert tokens.session.user_id == device.user.pk


@pytest.mark.usefixtures("replicated")
def test_a_reuse_that_the_replica_cannot_see_is_found(phone: Device, clock: Any) -> None:
    phone.login()
    first = phone.refreshable
    replicate()
    phone.refresh()
    phone.get()
    clock.shift(31)
    assert said(Device(phone.user).refresh(first))[1] == "token_reused"
    assert Session.objects.live().exists()
    assert said(phone.get())[1] == "session_revoked"


def test_each_session_that_is_ended_with_its_user_is_told(
    ann: Any, replicated: None, told: Told
) -> None:
    for _ in range(2):
        sessions.start(ann)
    assert sessions.revoke_user(ann, "test") == 2
    assert names(told) == ["started", "started", "revoked", "revoked"]


def test_a_purge_looks_at_what_was_written(ann: Any, replicated: None) -> None:
    sessions.revoke(sessions.start(ann).session, "test")
    sessions.start(ann)
    long_ago = timezone.now() - timedelta(days=400)
    written = IssuedToken.objects.using("default").exclude(session__revoked_reason="test")
    written.update(expires_at=long_ago)
    assert sessions.purge() == Purged(sessions=1, tokens=1)


def test_a_swap_whose_record_fails_is_undone_where_it_was_written(
    ann: Any, replicated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = sessions.start(ann).refresh_token or sessions.start(ann).access_token
    rows = Session.objects.using("default")
    before = list(rows.order_by("pk").values())
    with monkeypatch.context() as patched:
        patched.setattr("jwt_refresh.sessions.refreshing.record", Mock(side_effect=DataError))
        with pytest.raises(DataError):
            sessions.refresh(encoded)
    assert list(rows.order_by("pk").values()) == before
    assert sessions.refresh(encoded)


def test_sessions_live_in_the_database_that_the_router_names(
    phone: Device, settings: Any, atomic_requests: bool
) -> None:
    hashers = ["MD5PasswordHasher", "PBKDF2PasswordHasher"]
    settings.PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{name}" for name in hashers]
    phone.user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1)
    phone.user.save(using="other")
    settings.DATABASE_ROUTERS = [f"{__name__}.Elsewhere"]
    with CaptureQueriesContext(connections["default"]) as captured:
        phone.login()
        phone.refresh()
        for present in places(phone, "of nobody").values():
            present()
        revoked = Session.objects.get()
        sessions.purge()
    assert (revoked._state.db, revoked.revoked_reason) == ("other", "logout_all")
    assert phone.user.password != get_user_model()._default_manager.get().password
    assert not Session.objects.exists()
    assert made(captured) == []
    # Nor a transaction, but for those in which a project puts its own views.
    assert atomic_requests or not captured.captured_queries


def test_a_new_password_changes_sessions_where_they_live(ann: Any, settings: Any, rf: Any) -> None:
    ann.save(using="other")
    settings.DATABASE_ROUTERS = [f"{__name__}.Elsewhere"]
    user = get_user_model()._default_manager.get()
    request = rf.post("/")
    request.auth = conf.verifier(None).authenticating(sessions.start(user).access_token)
    user.set_password("another")
    user.save()
    with CaptureQueriesContext(connections["default"]) as captured:
        assert sessions.keep_current(request, user)
    assert not captured.captured_queries
    assert Session.objects.live().count() == 1


def test_what_is_rolled_back_where_sessions_live_is_not_told(
    ann: Any, settings: Any, told: Told
) -> None:
    ann.save(using="other")
    settings.DATABASE_ROUTERS = [f"{__name__}.Elsewhere"]
    with transaction.atomic(using="other"):
        sessions.start(get_user_model()._default_manager.get())
        transaction.set_rollback(True, using="other")
    assert not Session.objects.exists()
    assert not told
