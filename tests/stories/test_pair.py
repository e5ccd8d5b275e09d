"""What is different in pair style: an access token and a refresh token, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from jwt_refresh.models import Session
from tests.support.devices import PAIR, Device
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.statements import statements

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("atomic_requests", "in_pair"),
]


@pytest.fixture
def in_pair(settings: Any) -> None:
    settings.JWT_REFRESH = PAIR


def test_a_login_answers_with_two_tokens_and_a_refresh_with_two_others(
    phone: Device, clock: time_machine.Traveller
) -> None:
    answer = phone.login().json()
    assert answer == {
        "access_token": phone.token,
        "token_type": "Bearer",
        "expires_in": 30 * MINUTE,
        "refresh_token": phone.refresh_token,
        "refresh_expires_in": 14 * DAY,
    }
    clock.shift(DAY)
    assert said(phone.get())[1] == "token_expired"
    assert phone.refresh().json().keys() == answer.keys()
    assert phone.get().status_code == 200
    assert {answer["access_token"], answer["refresh_token"]}.isdisjoint(
        {phone.token, phone.refresh_token}
    )


def test_the_two_tokens_belong_together(phone: Device, clock: time_machine.Traveller) -> None:
    phone.login()
    access, refresh = claims(phone.token), claims(phone.refresh_token)
    assert access["origin_jti"] == refresh["jti"] != access["jti"]
    assert {access[name] == refresh[name] for name in ("sub", "sid", "auth_time", "iat")} == {True}
    assert "origin_jti" not in refresh


def test_each_kind_is_refused_where_the_other_is_asked_for(phone: Device) -> None:
    phone.login()
    access, refresh = phone.token, phone.refresh_token
    for path in ("/me/", "/hello/", "/auth/sessions/"):
        assert said(phone.get(path, token=refresh))[:2] == (401, "token_invalid")
    assert said(phone.post("/auth/refresh/", token=access))[:2] == (401, "token_invalid")
    assert said(phone.post("/auth/logout/all/", token=refresh))[:2] == (401, "token_invalid")
    assert phone.get().status_code == 200


@pytest.mark.parametrize("name", ["refresh_token", "token"])
def test_the_refresh_token_comes_in_the_body_beside_whatever_is_in_the_header(
    phone: Device, name: str
) -> None:
    phone.login()
    body = {name: phone.refresh_token}
    for path, status in (("verify", 200), ("refresh", 200), ("logout", 204)):
        assert phone.post(f"/auth/{path}/", body).status_code == status
    both = {"token": phone.token, "refresh_token": phone.refresh_token}
    assert said(phone.post("/auth/refresh/", both))[:2] == (400, "invalid_request")


def test_a_changed_setting_changes_the_style_of_new_logins_alone(
    phone: Device, laptop: Device, settings: Any, clock: time_machine.Traveller
) -> None:
    phone.login()
    settings.JWT_REFRESH = {}
    laptop.login()
    clock.shift(20 * MINUTE)
    assert phone.refresh().json()["refresh_expires_in"] == 14 * DAY
    assert "refresh_token" not in laptop.refresh().json()
    settings.JWT_REFRESH = {"REFRESH_LIFETIME": timedelta(days=1), "LIFETIME": timedelta(hours=1)}
    clock.shift(20 * MINUTE)
    assert laptop.refresh().json()["expires_in"] == 30 * MINUTE
    assert phone.refresh().json()["expires_in"] == 30 * MINUTE
    assert phone.get().status_code == laptop.get().status_code == 200
    assert set(Session.objects.values_list("style", flat=True)) == {"pair", "sliding"}


@pytest.mark.parametrize(("style", "kind"), [("pair", "sliding+jwt"), ("sliding", "at+jwt")])
def test_a_session_takes_no_token_of_the_other_style(
    phone: Device, settings: Any, style: str, kind: str
) -> None:
    settings.JWT_REFRESH = {} if style == "pair" else PAIR
    phone.login()
    Session.objects.update(style=style)
    assert said(phone.get())[1] == said(phone.refresh())[1] == "token_invalid"


def test_a_lost_answer_can_be_asked_for_after_the_token_itself_has_expired(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refresh_token
    clock.shift(14 * DAY - 1)
    phone.refresh()
    clock.shift(DAY)
    assert phone.refresh(first).json()["refresh_expires_in"] == 14 * DAY
    phone.get()
    clock.shift(31)
    assert said(Device(phone.user).refresh(first))[1] == "token_reused"


def test_a_second_answer_has_the_same_refresh_token_and_a_fresh_access_token(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refresh_token
    phone.refresh()
    access, refresh = phone.token, phone.refresh_token
    clock.shift(30)
    phone.refresh(first)
    assert phone.refresh_token == refresh
    assert claims(phone.token)["iat"] == claims(access)["iat"] + 30
    assert claims(phone.token)["origin_jti"] == claims(access)["origin_jti"]
    assert claims(phone.token)["jti"] != claims(access)["jti"]


def test_an_access_token_confirms_the_refresh_token_that_it_came_with(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    old = phone.token
    phone.refresh()
    with statements(1):
        phone.get(token=old)
    with statements(2):
        phone.get()
    with statements(1):
        phone.get()


def test_no_access_token_outlives_its_session(
    phone: Device, clock: time_machine.Traveller, settings: Any
) -> None:
    settings.JWT_REFRESH = PAIR | {"SESSION_LIFETIME": timedelta(hours=1)}
    phone.login()
    clock.shift(50 * MINUTE)
    answer = phone.refresh().json()
    assert answer["expires_in"] == answer["refresh_expires_in"] == 10 * MINUTE
    clock.shift(10 * MINUTE)
    assert said(phone.get())[1] == said(phone.refresh())[1] == "token_expired"


def test_a_session_that_lies_idle_too_long_ends(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    clock.shift(14 * DAY - 1)
    assert phone.refresh().status_code == 200
    clock.shift(14 * DAY)
    assert said(phone.refresh()) == (401, "token_expired", "The token has already expired.")


def test_verify_says_whether_a_refresh_token_would_be_exchanged_and_changes_nothing(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first, second = phone.refresh_token, ""

    def verify(token: str) -> Any:
        before = Session.objects.values().get()
        response = phone.post("/auth/verify/", {"token": token})
        assert Session.objects.values().get() == before
        return response

    assert verify(first).json() == {"active": True, "expires_in": 14 * DAY}
    clock.shift(DAY)
    assert verify(first).json() == {"active": True, "expires_in": 13 * DAY}
    phone.refresh()
    second = phone.refresh_token
    # Nothing in the answer tells a thief who polls that the token has a successor now.
    assert verify(first).json() == {"active": True, "expires_in": 13 * DAY}
    assert verify(second).json() == {"active": True, "expires_in": 14 * DAY}
    phone.refresh()
    assert said(verify(first))[:2] == (401, "token_invalid")
    phone.get()
    clock.shift(31)
    assert said(verify(second))[:2] == (401, "token_invalid")
    clock.shift(14 * DAY)
    assert said(verify(phone.refresh_token))[:2] == (401, "token_expired")
    assert Session.objects.get().revoked_at is None


def test_a_refresh_makes_three_statements_and_a_reissue_one(phone: Device, clock: Any) -> None:
    phone.login()
    first = phone.refresh_token
    with statements(3):
        phone.refresh()
    with statements(1):
        phone.refresh(first)
    clock.shift(60)
    with statements(3):
        phone.refresh(first)
