"""How long tokens and sessions live, by the settings or by the project's own function."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from jwt_refresh import sessions
from jwt_refresh.core.claims import Style
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.models import Session
from tests.support.devices import PAIR
from tests.support.http import DAY, MINUTE, claims, said

from .support.devices import Device

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
REMEMBER = Lifetimes(refresh_lifetime=60 * 24 * HOUR, session_lifetime=None)


def remember_me(user: Any, request: HttpRequest | None) -> Lifetimes:
    """For whoever asks to be remembered; what else lives as long as the settings say."""
    remember = request is not None and request.headers.get("X-Remember") == "me"
    return REMEMBER if remember else Lifetimes()


def staff(user: Any, request: HttpRequest | None) -> Any:
    return Lifetimes(lifetime=5 * HOUR / 60) if user.is_staff else None


def useless(user: Any, request: HttpRequest | None) -> Lifetimes:
    return Lifetimes(lifetime=2 * HOUR, refresh_lifetime=HOUR)


def fractional(user: Any, request: HttpRequest | None) -> Lifetimes:
    return Lifetimes(lifetime=timedelta(seconds=90.75), refresh_lifetime=None)


def hook(function: Any) -> dict[str, str]:
    return {"LOGIN_LIFETIMES": f"{__name__}.{function.__name__}"}


def test_what_is_left_out_follows_the_settings(settings: Any) -> None:
    assert Lifetimes() == Lifetimes(timedelta(minutes=30), None, timedelta(days=30))
    settings.JWT_REFRESH = {"LIFETIME": HOUR, "REFRESH_LIFETIME": 2 * HOUR}
    assert Lifetimes(session_lifetime=None) == Lifetimes(HOUR, 2 * HOUR, None)


@pytest.mark.parametrize(
    ("lifetimes", "name"),
    [
        (Lifetimes(HOUR, None, None), None),
        (Lifetimes(HOUR, HOUR, HOUR), None),
        (Lifetimes(HOUR / 3601, None, None), "lifetime"),
        (Lifetimes(401 * 24 * HOUR, None, None), "lifetime"),
        (Lifetimes(HOUR, HOUR / 2, None), "refresh_lifetime"),
        (Lifetimes(HOUR, 401 * 24 * HOUR, None), "refresh_lifetime"),
        (Lifetimes(HOUR, None, HOUR / 2), "session_lifetime"),
    ],
)
def test_lifetimes_out_of_order_are_named(lifetimes: Lifetimes, name: str | None) -> None:
    assert [found for found, *_ in lifetimes.problems()] == ([name] if name else [])


def test_a_project_can_choose_for_one_login_and_the_session_keeps_it(
    phone: Device, laptop: Device, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = PAIR | hook(remember_me)
    phone.http.defaults["HTTP_X_REMEMBER"] = "me"
    assert phone.login().json()["refresh_expires_in"] == 60 * DAY
    assert laptop.login().json()["refresh_expires_in"] == 14 * DAY
    del phone.http.defaults["HTTP_X_REMEMBER"], settings.JWT_REFRESH
    for _ in range(3):
        clock.shift(59 * DAY)
        answer = phone.refresh().json()
        assert (answer["expires_in"], answer["refresh_expires_in"]) == (30 * MINUTE, 60 * DAY)
    assert said(laptop.refresh())[1] == "token_expired"


def test_a_function_may_choose_the_style(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | hook(fractional)
    tokens = sessions.start(ann)
    assert (tokens.session.style, tokens.refresh_token) == (Style.SLIDING, None)


def test_a_lifetime_counts_in_whole_seconds(ann: Any, settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = hook(fractional)
    clock.shift(0.5)
    tokens = sessions.start(ann)
    assert tokens.expires_in == 90
    content = claims(tokens.access_token)
    assert content["exp"] - content["iat"] == 90
    assert tokens.session.expires_at.microsecond == 0


@pytest.mark.parametrize(
    ("function", "fault"),
    [(staff, "must return Lifetimes"), (useless, "refresh_lifetime is out of range")],
)
def test_a_useless_answer_of_the_function_is_an_error(
    ann: Any, settings: Any, function: Any, fault: str
) -> None:
    settings.JWT_REFRESH = hook(function)
    with pytest.raises(ImproperlyConfigured, match=fault):
        sessions.start(ann)
    assert not Session.objects.exists()


def test_a_function_sees_the_user(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = hook(staff)
    ann.is_staff = True
    assert sessions.start(ann).expires_in == 5 * MINUTE
