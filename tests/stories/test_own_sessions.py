"""What people see of their own sessions, and end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as in_force
from django.utils import timezone
from rest_framework.fields import DateTimeField
from rest_framework.test import APIClient

from jwt_refresh import sessions, views
from jwt_refresh.models import Session
from jwt_refresh.testing import headers_of, start_session
from tests.support.devices import PAIR, Device
from tests.support.http import claims, said
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NOBODYS = "00000000-0000-4000-8000-000000000000"


def local(text: str) -> Any:
    """As REST framework shows an instant in this world."""
    instant = datetime.fromisoformat(text).astimezone(timezone.get_default_timezone())
    shown = instant if in_force.USE_TZ else instant.replace(tzinfo=None)
    return DateTimeField().to_representation(shown)


def bearer(device: Device) -> dict[str, str]:
    return headers_of(device.token)


def test_people_see_their_live_sessions_and_which_one_is_theirs(
    phone: Device, laptop: Device, bob: Device, clock: Any, settings: Any
) -> None:
    settings.JWT_REFRESH = PAIR
    phone.http.defaults["HTTP_USER_AGENT"] = "phone/1.0"
    for device in (bob, laptop, phone):
        device.login()
        clock.shift(3600)
        device.http.defaults["REMOTE_ADDR"] = "192.0.2.7"
        sessions.revoke(sessions.start(device.user).session, "test")
    clock.move_to("2026-11-24T15:10:00Z")
    laptop.refresh()
    clock.move_to("2026-11-24T15:20:00Z")
    response = laptop.get("/auth/sessions/")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    first, second = response.json()
    assert first == {
        "sid": claims(laptop.token)["sid"],
        "started_at": local("2026-11-24T13:00:00Z"),
        "last_used_at": local("2026-11-24T15:00:00Z"),
        "ends_at": local("2026-12-24T13:00:00Z"),
        "address": "192.0.2.0/24",
        "agent": "",
        "jkt": "",
        "current": True,
    }
    assert (second["sid"], second["agent"]) == (claims(phone.token)["sid"], "phone/1.0")
    assert (second["address"], second["current"]) == ("127.0.0.0/24", False)


def test_the_list_has_a_limit(phone: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    assert views.LISTED == 100
    monkeypatch.setattr(views, "LISTED", 3)
    for minutes in range(1, 6):
        start_session(phone.user, idle=timedelta(minutes=minutes))
    phone.login()
    listed = phone.get("/auth/sessions/").json()
    assert len(listed) == 3
    assert listed[0]["current"] is True
    newest = Session.objects.order_by("-issued_at")[:3]
    assert [row["sid"] for row in listed] == [str(session.pk) for session in newest]


def test_people_end_one_of_their_sessions(phone: Device, laptop: Device) -> None:
    phone.login()
    laptop.login()
    path = f"/auth/sessions/{claims(phone.token)['sid']}"
    for slash in ("", "/"):
        response = laptop.http.delete(path + slash, headers=bearer(laptop))
        assert (response.status_code, response.content) == (204, b"")
    assert said(phone.get())[1] == "session_revoked"
    assert laptop.get().status_code == 200
    assert Session.objects.revoked().get().revoked_reason == Session.Reason.USER
    own = f"/auth/sessions/{claims(laptop.token)['sid']}/"
    assert laptop.http.delete(own, headers=bearer(laptop)).status_code == 204
    assert said(laptop.get())[1] == "session_revoked"


@pytest.mark.parametrize("sid", ["of bob", NOBODYS, "x", "1", "' OR 1=1", "%00"])
def test_nobody_finds_a_session_of_somebody_else(phone: Device, bob: Device, sid: str) -> None:
    phone.login()
    bob.login()
    sid = claims(bob.token)["sid"] if sid == "of bob" else sid
    response = phone.http.delete(f"/auth/sessions/{sid}/", headers=bearer(phone))
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert bob.get().status_code == 200


def test_people_end_all_their_sessions_but_the_one_they_are_in(
    phone: Device, laptop: Device, bob: Device, told: Told
) -> None:
    for device in (phone, laptop, bob):
        device.login()
    tablet = Device(phone.user)
    tablet.login()
    for slash in ("", "/"):
        response = phone.post(f"/auth/logout/others{slash}")
        assert (response.status_code, response.content) == (204, b"")
    for device in (laptop, tablet):
        assert said(device.get())[:2] == (401, "session_revoked")
        assert said(device.refresh())[:2] == (401, "session_revoked")
    for device in (phone, bob):
        assert device.get().status_code == 200
        assert device.refresh().status_code == 200
    reasons = {row.revoked_reason for row in Session.objects.revoked()}
    assert reasons == {Session.Reason.USER}
    assert names(told).count("revoked") == 2


@pytest.mark.parametrize("others", [1, 20])
@pytest.mark.usefixtures("core_alone")
def test_ending_the_others_costs_the_same_however_many_there_are(
    phone: Device, others: int
) -> None:
    phone.login()
    for _ in range(others):
        sessions.start(phone.user)
    with statements(3):
        phone.post("/auth/logout/others/")
    with statements(2):
        phone.post("/auth/logout/others/")


@pytest.mark.parametrize("token", [None, "text of another class", {"sid": "x"}])
def test_whoever_came_by_other_means_has_no_current_session(phone: Device, token: Any) -> None:
    """As in a project's tests, by ``force_authenticate``."""
    phone.login()
    http = APIClient()
    http.force_authenticate(phone.user, token=token)
    (session,) = http.get("/auth/sessions/").json()
    assert (session["sid"], session["current"]) == (claims(phone.token)["sid"], False)
    assert http.post("/auth/logout/others/").status_code == 204
    assert said(phone.get())[1] == "session_revoked"


def test_looking_at_the_sessions_proves_nothing(phone: Device) -> None:
    phone.login()
    for _ in range(2):
        with statements(2):
            phone.get("/auth/sessions/")
    assert Session.objects.get().confirmed_at is None
    with statements(3):
        phone.http.delete(f"/auth/sessions/{claims(phone.token)['sid']}", headers=bearer(phone))


@pytest.mark.parametrize(
    ("path", "allowed"), [("sessions", "GET, HEAD, OPTIONS"), ("sessions/x", "DELETE, OPTIONS")]
)
def test_sessions_are_shown_and_ended_and_nothing_else(
    phone: Device, path: str, allowed: str
) -> None:
    phone.login()
    response = phone.post(f"/auth/{path}")
    assert (response.status_code, response["Allow"]) == (405, allowed)


def test_an_error_of_the_server_is_not_told_as_a_missing_session(
    phone: Device, laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session would live on, and its user would take it for ended."""

    def fail(*args: Any) -> None:
        raise ValueError("a bug below")

    phone.login()
    laptop.login()
    monkeypatch.setattr("jwt_refresh.sessions.revoke", fail)
    path = f"/auth/sessions/{claims(phone.token)['sid']}/"
    with pytest.raises(ValueError, match="a bug below"):
        laptop.http.delete(path, headers=bearer(laptop))
    assert phone.get().status_code == 200
