"""What clients, and others, do in processes of their own."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.test import Client

from jwt_refresh import sessions
from jwt_refresh.contrib.simplejwt.exchanging import refreshable
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from jwt_refresh.sessions.refreshing import exchange
from tests.support.devices import PASSWORD, Device

HASHERS = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("MD5", "PBKDF2")]
"""The hasher of today, and that of an older version of the project."""


class Answer(NamedTuple):
    """What a client got."""

    status: int
    body: dict[str, Any]
    error: str
    """The traceback of what no view expected."""

    @property
    def access(self) -> str:
        token: str = self.body["access_token"]
        return token

    @property
    def refreshable(self) -> str:
        token: str = self.body.get("refresh_token", self.access)
        return token


def device_of(user: Any = None, token: str = "") -> Device:
    """One that sees a status of 500 where others see the error."""
    device = Device(user)
    device.http = Client(raise_request_exception=False)
    device.token = token
    return device


def answer(response: Any) -> Answer:
    error = "".join(traceback.format_exception(*response.exc_info)) if response.exc_info else ""
    is_json = response.headers.get("Content-Type") == "application/json"
    return Answer(response.status_code, response.json() if is_json else {}, error)


def login(user: Any) -> Answer:
    return answer(device_of(user).login())


def refresh(encoded: str, **headers: str) -> Answer:
    return answer(device_of().refresh(encoded, **headers))


def move_in(encoded: str) -> str:
    """Present a refresh token of simplejwt; return the one that takes its place."""
    token = exchange(refreshable(encoded, None)).refresh_token
    assert token is not None
    return token


def logout(encoded: str) -> Answer:
    return answer(device_of(token=encoded).logout())


def refresh_and_use(encoded: str, **headers: str) -> tuple[Answer, Answer]:
    """The second answer is to a request with what the first one brought."""
    device = device_of(token=encoded)
    return answer(device.refresh(**headers)), answer(device.get())


def keep_refreshing(encoded: str, times: int = 3) -> list[Answer]:
    """A client goes on with what it gets, and asks again where it gets nothing."""
    device = device_of(token=encoded)
    return [answer(device.refresh()) for _ in range(times)]


def in_between(encoded: str, times: int, act: Callable[[], Any]) -> Any:
    """``act``, when other clients of ``encoded`` have gone on for about so many ``times``."""
    keep_refreshing(encoded, times)
    return act()


def change_own_password(encoded: str, password: str, atomic: bool) -> tuple[str, str]:
    """As a view of a project does for the user who sends ``encoded``, in a transaction or not.

    Return the token that authenticates, and in pair style the refresh token.
    """
    session, claims = checking.authenticate(encoded, None)
    user: Any = session.user
    user.set_password(password)
    with transaction.atomic() if atomic else nullcontext():
        user.save()
        tokens = sessions.keep_current(SimpleNamespace(auth=claims), user)
    assert tokens is not None
    return tokens.access_token, tokens.refresh_token or ""


def ask_for_another_password(encoded: str, password: str) -> Answer:
    return answer(device_of(token=encoded).change_password(password))


def encode_anew(user: Any) -> None:
    """As an older version of the project did, with the hasher of its time."""
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt" * 8, iterations=1)
    user.save()


def change_password(user: Any) -> None:
    user.set_password("another")
    user.save()


def change_password_by_a_query(user: Any) -> None:
    users_like(user).update(password=make_password("another"))


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save()


def reactivate(user: Any) -> None:
    users_like(user).update(is_active=True)


def deactivate_by_a_query(user: Any) -> None:
    users_like(user).update(is_active=False)


def revoke_all(user: Any) -> None:
    sessions.revoke_user(user, "test")


def end_and_purge(user: Any) -> None:
    """As if the absolute end of the user's sessions came at this instant."""
    Session.objects.filter(user=user.pk).update(ends_at=F("started_at"))
    sessions.purge()


def delete(user: Any) -> None:
    """Again and again, since an insert may overtake Django's own cascade, which then fails."""
    while users_like(user):
        with suppress(IntegrityError, OperationalError):
            users_like(user).get().delete()


def delete_by_a_query(user: Any) -> None:
    while users_like(user):
        with suppress(IntegrityError, OperationalError):
            users_like(user).delete()


def users_like(user: Any) -> QuerySet[Any, Any]:
    return get_user_model()._default_manager.filter(pk=user.pk)
