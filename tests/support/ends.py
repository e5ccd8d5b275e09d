"""Whatever ends a session, and the places at which that must show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import reverse

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests.support.devices import Device
from tests.support.http import claims, said


class Lost:
    """A session that is about to end, and what may end it."""

    def __init__(self, phone: Device, laptop: Device, clock: Any, settings: Any) -> None:
        self.phone, self.laptop, self.clock, self.settings = phone, laptop, clock, settings
        self.users = type(phone.user)._default_manager.filter(pk=phone.user.pk)
        phone.login()
        clock.shift(1)
        laptop.login()
        self.session = Session.objects.get(pk=claims(phone.token)["sid"])

    def end_by_admin(self) -> None:
        admin = type(self.phone.user).objects.create_superuser(
            **{self.phone.user.USERNAME_FIELD: "root@example.com", "password": "x"}
        )
        http = Client()
        http.force_login(admin)
        data = {"action": "revoke_selected", "_selected_action": [self.session.pk], "confirmed": 1}
        http.post(reverse("admin:jwt_refresh_session_changelist"), data)

    def end_by_reuse(self) -> None:
        first = self.phone.refreshable
        self.phone.refresh()
        self.phone.get()
        self.clock.shift(31)
        assert said(Device(self.phone.user).refresh(first))[1] == "token_reused"

    def end_by_reuse_elsewhere(self) -> None:
        self.settings.JWT_REFRESH = self.settings.JWT_REFRESH | {"ON_REUSE": "user"}
        Lost.end_by_reuse(Lost(self.laptop, Device(self.phone.user), self.clock, self.settings))

    def end_by_expiry(self) -> None:
        Session.objects.filter(pk=self.session.pk).update(ends_at=self.session.started_at)

    def make_room(self) -> None:
        self.settings.JWT_REFRESH = self.settings.JWT_REFRESH | {"MAX_SESSIONS": 1}
        self.laptop.login()

    def purge(self) -> None:
        sessions.revoke(self.session, "test")
        sessions.purge()

    def change_password(self) -> None:
        with transaction.atomic():
            user = self.users.get()
            user.set_password("another")
            user.save()

    def deactivate_for_a_while(self) -> None:
        self.users.update(is_active=False)
        assert said(self.phone.verify())[1] == "user_inactive"
        self.users.update(is_active=True)

    def change_password_for_a_while(self) -> None:
        self.users.update(password="another")
        assert said(self.phone.refresh())[1] == "password_changed"
        self.users.update(password=self.phone.user.password)

    def change_own_password(self) -> None:
        other = Device(self.phone.user)
        other.token = self.phone.token
        assert other.change_password("another").status_code == 200

    def delete(self) -> None:
        self.users.get().delete()


ENDS: dict[str, tuple[str, Callable[[Lost], Any]]] = {
    "logout": ("session_revoked", lambda it: it.phone.logout()),
    "logout by the refreshable token": (
        "session_revoked",
        lambda it: it.phone.post("/auth/logout/", token=it.phone.refreshable),
    ),
    "logout everywhere": ("session_revoked", lambda it: it.laptop.post("/auth/logout/all/")),
    "ended from another device": (
        "session_revoked",
        lambda it: it.laptop.http.delete(
            f"/auth/sessions/{it.session.pk}/",
            headers={"Authorization": f"Bearer {it.laptop.token}"},
        ),
    ),
    "an administrator": ("session_revoked", Lost.end_by_admin),
    "sessions.revoke": ("session_revoked", lambda it: sessions.revoke(it.session, "test")),
    "sessions.revoke_user": (
        "session_revoked",
        lambda it: sessions.revoke_user(it.phone.user, "test"),
    ),
    "reuse": ("session_revoked", Lost.end_by_reuse),
    "reuse in another session": ("session_revoked", Lost.end_by_reuse_elsewhere),
    "a newer login": ("session_revoked", Lost.make_room),
    "its absolute end": ("session_revoked", Lost.end_by_expiry),
    "purge": ("session_revoked", Lost.purge),
    "deletion of the row": ("session_revoked", lambda it: it.session.delete()),
    "a new password": ("password_changed", Lost.change_password),
    "a new password by update()": (
        "password_changed",
        lambda it: it.users.update(password="another"),
    ),
    "the user's own new password": ("password_changed", Lost.change_own_password),
    "another password for a while": ("password_changed", Lost.change_password_for_a_while),
    "a pause": ("user_inactive", Lost.deactivate_for_a_while),
    "deactivation": ("user_inactive", lambda it: it.users.update(is_active=False)),
    "deletion of the user": ("user_inactive", Lost.delete),
    "deletion of the user by a query": ("user_inactive", lambda it: it.users.delete()),
}


def places(phone: Device, sid: str) -> dict[str, Callable[[], Any]]:
    """The places that take a token, but for logout, which takes any."""
    body = {"token": phone.refreshable}
    views = [
        "/me/",
        "/me/after-others/",
        "/me/before-others/",
        "/me/handled/",
        "/public/",
        "/hello/",
        "/hello/async/",
        "/hello/class/",
        "/hello/class/async/",
        "/auth/sessions/",
    ]
    return {
        **{path: lambda path=path: phone.get(path) for path in views},  # type: ignore[misc]
        "logout-all": lambda: phone.post("/auth/logout/all/"),
        "session-detail": lambda: phone.http.delete(
            f"/auth/sessions/{sid}/", headers={"Authorization": f"Bearer {phone.token}"}
        ),
        "verify the header": lambda: phone.verify(),
        "verify the body": lambda: phone.post("/auth/verify/", body, token=None),
        "refresh by the header": lambda: phone.refresh(),
        "refresh by the body": lambda: phone.post("/auth/refresh/", body, token=None),
    }
