"""Support staff in the session of a user, as ``docs/extending.md`` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.signals import session_revoked
from jwt_refresh.testing import log_in
from tests import urls
from tests.support.browsing import PAIR_COOKIES, Browser
from tests.support.devices import PAIR, Device, make_user
from tests.support.http import MINUTE, claims, said
from tests.support.malformed import answers
from tests.support.recipes import recipe
from tests.support.told import connected
from tests.views import MeView

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.urls(__name__),
]

impersonation = recipe("impersonation")
HOOKS = {
    "CLAIMS": "logins.impersonation.who_acts",
    "LOGIN_LIFETIMES": "logins.impersonation.for_minutes",
}


class OwnView(MeView):
    """Not for those who act for another."""

    permission_classes = [impersonation.NotActing]

    def post(self, request: Request) -> Response:
        return Response()


urlpatterns = [
    path("users/<str:pk>/impersonate/", impersonation.ImpersonateView.as_view()),
    path("own/", OwnView.as_view()),
    *urls.urlpatterns,
]


@pytest.fixture(autouse=True)
def _set_up(settings: Any) -> Iterator[None]:
    settings.JWT_REFRESH = HOOKS
    session_revoked.connect(impersonation.note_end)
    yield
    session_revoked.disconnect(impersonation.note_end)


def grant(user: Any) -> None:
    kind, _ = ContentType.objects.get_or_create(app_label="logins", model="impersonation")
    right, _ = Permission.objects.get_or_create(codename="impersonate", content_type=kind)
    user.user_permissions.add(right)


@pytest.fixture
def support(db: None) -> Device:
    """A device of somebody who may act for users."""
    user = make_user("support@example.com")
    grant(user)
    return Device(user)


def act_as(device: Device, user: Any, **body: str) -> Any:
    return device.post(f"/users/{user.pk}/impersonate/", {"reason": "ticket 7"} | body)


def acting(device: Device, user: Any) -> Device:
    """The same person in the session of ``user``."""
    other = Device(user)
    assert other._keep(act_as(device, user)).status_code == 200
    return other


def entries() -> list[tuple[Any, ...]]:
    found = LogEntry.objects.order_by("pk").values_list("user", "object_id", "change_message")
    return [*found]


@pytest.mark.parametrize("more", [{}, PAIR], ids=["sliding", "pair"])
def test_support_sees_what_a_user_sees(
    support: Device, ann: Any, settings: Any, more: Any, atomic_requests: bool, clock: Any
) -> None:
    settings.JWT_REFRESH = HOOKS | more
    support.login()
    assert "act" not in claims(support.token)
    before = get_user_model()._default_manager.get(pk=ann.pk).last_login
    heard: list[Any] = []
    with connected(signals.user_logged_in, lambda **facts: heard.append(facts)):
        there = acting(support, ann)
    assert not heard
    assert get_user_model()._default_manager.get(pk=ann.pk).last_login == before
    sid = claims(there.token)["sid"]
    for _ in range(2):
        content = claims(there.token)
        assert content["act"] == {"sub": str(support.user.pk)}
        assert content["sub"] == str(ann.pk)
        assert there.get().json() == {"user": ann.get_username(), "sid": sid}
        clock.shift(MINUTE)
        assert there.refresh().status_code == 200
    assert content["exp"] - content["iat"] == 5 * MINUTE
    assert there.refresh_token == ""
    assert there.post("/auth/logout/", {"token": there.token}, token=None).status_code == 204
    assert said(there.get())[1] == "session_revoked"
    assert support.get().status_code == 200
    about = f"session {sid}."
    assert entries() == [
        (support.user.pk, str(ann.pk), f"Impersonation began: ticket 7; {about}"),
        (support.user.pk, str(ann.pk), f"Impersonation ended: logout; {about}"),
    ]


def test_it_is_over_after_half_an_hour_whatever_is_refreshed(
    support: Device, ann: Any, clock: Any
) -> None:
    support.login()
    there = acting(support, ann)
    for _ in range(7):
        clock.shift(4 * MINUTE)
        assert there.refresh().status_code == 200
    clock.shift(2 * MINUTE)
    assert there.get().status_code == there.refresh().status_code == 401


def test_beside_cookies_the_own_login_stays(support: Device, ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = HOOKS | PAIR_COOKIES
    page = Browser(support.user)
    page.login()
    before = page.cookies
    given = page.post(f"/users/{ann.pk}/impersonate/", {"reason": "ticket 7"})
    assert not given.cookies
    token = given.json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert page.get(**bearer).json()["user"] == ann.get_username()
    assert page.get().json()["user"] == support.user.get_username()
    refreshed = page.post("/auth/refresh/", {"token": token})
    assert claims(refreshed.json()["access_token"])["sub"] == str(ann.pk)
    assert page.post("/auth/logout/", {"token": token}).status_code == 204
    assert page.cookies == before
    assert page.get().json()["user"] == support.user.get_username()
    assert said(page.get(**bearer))[1] == "session_revoked"


def test_in_the_header_logout_is_about_the_cookie(support: Device, ann: Any, settings: Any) -> None:
    """Hence the body, as the document says."""
    settings.JWT_REFRESH = HOOKS | PAIR_COOKIES
    page = Browser(support.user)
    page.login()
    given = page.post(f"/users/{ann.pk}/impersonate/", {"reason": "ticket 7"})
    bearer = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert page.post("/auth/logout/", **bearer).status_code == 204
    assert page.get(**bearer).json()["user"] == ann.get_username()
    assert not page.cookies


def test_no_other_site_begins_one(support: Device, ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = HOOKS | PAIR_COOKIES
    page = Browser(support.user)
    page.login()
    page.site = "cross-site"
    response = page.post(f"/users/{ann.pk}/impersonate/", {"reason": "ticket 7"})
    assert said(response)[:2] == (403, "csrf_failed")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser", "is_active", None])
def test_some_are_nobodys_to_act_as(support: Device, ann: Any, flag: str | None) -> None:
    support.login()
    user = ann if flag else support.user
    if flag:
        type(ann)._default_manager.filter(pk=ann.pk).update(**{flag: flag != "is_active"})
    assert said(act_as(support, user))[:2] == (403, "permission_denied")
    assert not LogEntry.objects.exists()
    assert Session.objects.count() == 1


@pytest.mark.parametrize("pk", ["7", "x", "%00", "9" * 40, "0d2f5b7e-5b1b-4c66-8f5e-1f6f3c8d9e10"])
def test_an_unknown_user_is_not_found(support: Device, pk: str) -> None:
    support.login()
    response = support.post(f"/users/{pk}/impersonate/", {"reason": "ticket 7"})
    assert said(response)[:2] == (404, "not_found")


def test_others_begin_none(phone: Device, support: Device, bob: Device, clock: Any) -> None:
    """Users, strangers, whoever acts already, and whoever logged in long ago (a stolen token)."""
    phone.login()
    assert said(act_as(phone, bob.user))[:2] == (403, "permission_denied")
    # Nor do they learn which users there are.
    response = phone.post("/users/0/impersonate/", {"reason": "x"})
    assert said(response)[:2] == (403, "permission_denied")
    response = phone.post(f"/users/{bob.user.pk}/impersonate/", {"reason": "x"}, token=None)
    assert said(response)[:2] == (401, "token_missing")
    support.login()
    grant(phone.user)
    there = acting(support, phone.user)
    assert said(act_as(there, bob.user))[:2] == (403, "permission_denied")
    clock.shift(15 * MINUTE + 1)
    support.refresh()
    assert said(act_as(support, bob.user))[:2] == (401, "insufficient_user_authentication")
    assert [message for *_, message in entries()] == [entries()[0][2]]


@pytest.mark.parametrize("loss", ["right", "active", "deleted", "promoted"])
def test_whose_right_is_gone_refreshes_no_more(
    support: Device, ann: Any, loss: str, caplog: pytest.LogCaptureFixture
) -> None:
    support.login()
    there = acting(support, ann)
    users = get_user_model()._default_manager
    if loss == "right":
        support.user.user_permissions.clear()
    elif loss == "deleted":
        support.user.delete()
    else:
        pk = support.user.pk if loss == "active" else ann.pk
        column = "is_active" if loss == "active" else "is_staff"
        users.filter(pk=pk).update(**{column: loss == "promoted"})
    assert said(there.refresh())[:2] == (401, "session_revoked")
    assert Session.objects.get(user=ann.pk).generation == 0
    # It can be ended, and whoever is gone has no entry any more.
    caplog.clear()
    assert there.post("/auth/logout/", {"token": there.token}, token=None).status_code == 204
    assert not [record for record in caplog.records if record.name == "django.dispatch"]
    assert len(entries()) == (0 if loss == "deleted" else 2)


def test_all_of_an_actor_can_be_ended_at_once(support: Device, ann: Any, bob: Device) -> None:
    """And of no other one, whose id begins alike."""
    namesake = Device(make_user("other@example.com"))
    grant(namesake.user)
    for device in (support, namesake, bob):
        device.login()
    mine, also_mine = acting(support, ann), acting(support, bob.user)
    other = acting(namesake, ann)
    Session.objects.filter(pk=claims(other.token)["sid"]).update(amr=f"act:{support.user.pk}0")
    impersonation.end_all_of(support.user)
    assert said(mine.get())[1] == said(also_mine.get())[1] == "session_revoked"
    for device in (other, bob, support):
        assert device.get().status_code == 200


def test_the_user_sees_it_and_can_end_it(support: Device, phone: Device) -> None:
    support.login()
    there = acting(support, phone.user)
    phone.login()
    listed = {it["sid"]: it["current"] for it in phone.get("/auth/sessions/").json()}
    sid = claims(there.token)["sid"]
    assert listed == {sid: False, claims(phone.token)["sid"]: True}
    ended = phone.http.delete(f"/auth/sessions/{sid}/", headers=phone._headers("", {}))
    assert ended.status_code == 204
    assert said(there.get())[1] == "session_revoked"
    assert "ended: user" in entries()[-1][2]


def test_a_view_can_be_closed_to_those_who_act(support: Device, phone: Device) -> None:
    support.login()
    phone.login()
    there = acting(support, phone.user)
    assert said_status(there) == 403
    assert said_status(phone) == said_status(support) == 200
    http = Client()
    assert http.post("/own/").status_code == 200


def said_status(device: Device) -> int:
    status: int = device.post("/own/").status_code
    return status


def test_without_its_entry_nothing_begins(support: Device, ann: Any) -> None:
    support.login()
    failing = patch.object(LogEntry.objects, "create", side_effect=ZeroDivisionError)
    with failing, pytest.raises(ZeroDivisionError):
        act_as(support, ann)
    assert Session.objects.count() == 1


def test_an_ordinary_session_asks_nothing_more(ann: Any, django_assert_num_queries: Any) -> None:
    session = sessions.start(ann).session
    with django_assert_num_queries(0):
        assert impersonation.who_acts(ann, session) == {}


def test_a_malformed_request_is_the_clients_fault(support: Device, ann: Any) -> None:
    log_in(http := Client(), support.user)
    for response in answers(f"/users/{ann.pk}/impersonate/", {"reason": "ticket 7"}, http):
        # A number is a reason as well.
        fine = response.status_code == 200 and len(response.wsgi_request.body) < 20
        assert fine or 400 <= response.status_code < 500, response.content


def test_a_long_session_of_a_login_is_not_cut_short(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = HOOKS | {"SESSION_LIFETIME": timedelta(days=7)}
    phone.login()
    session = Session.objects.get()
    assert session.ends_at is not None
    assert session.ends_at - session.started_at == timedelta(days=7)
