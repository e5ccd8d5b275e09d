"""How long tokens and sessions live, by the settings or by the project's own function."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.client import MULTIPART_CONTENT
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from jwt_refresh import sessions
from jwt_refresh.core.claims import Style
from jwt_refresh.exceptions import InvalidRequest
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.models import Session
from tests.support.devices import PAIR, PASSWORD
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.told import Told

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


def endless(user: Any, request: Any) -> Lifetimes:
    return Lifetimes(session_lifetime=timedelta.max)


def seconds(user: Any, request: Any) -> Lifetimes:
    return Lifetimes(lifetime=3600)  # type: ignore[arg-type]


def by_the_box(user: Any, request: Request | None) -> Lifetimes:
    """For whoever ticks "remember me" in the form, or in the JSON, of the login."""
    sent: Any = {} if request is None else request.data
    ticked = sent.get("remember") == "true"
    return REMEMBER if ticked else Lifetimes()


def failing(user: Any, request: Any) -> Lifetimes:
    raise KeyError(user.get_username())


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
        (Lifetimes(HOUR, None, timedelta(days=36_525)), None),
        (Lifetimes(HOUR, None, timedelta(days=36_526)), "session_lifetime"),
        (Lifetimes(timedelta.max, None, None), "lifetime"),
        (Lifetimes(HOUR, timedelta.max, None), "refresh_lifetime"),
        (Lifetimes(HOUR, None, timedelta.max), "session_lifetime"),
        (Lifetimes(None, None, None), "lifetime"),  # type: ignore[arg-type]
        (Lifetimes(3600, None, None), "lifetime"),  # type: ignore[arg-type]
        (Lifetimes(HOUR, "14 days", None), "refresh_lifetime"),  # type: ignore[arg-type]
        (Lifetimes(HOUR, None, 30.0), "session_lifetime"),  # type: ignore[arg-type]
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
    [
        (staff, "must return Lifetimes"),
        (useless, "refresh_lifetime is out of range"),
        (endless, "session_lifetime is out of range"),
        (seconds, "lifetime is no timedelta"),
    ],
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


BODIES = pytest.mark.parametrize(
    ("content_type", "encode"),
    [
        ("application/json", json.dumps),
        ("application/x-www-form-urlencoded", urlencode),
        (MULTIPART_CONTENT, dict),
    ],
    ids=["JSON", "form", "multipart"],
)


@BODIES
def test_the_function_sees_what_a_login_sent(
    ann: Any, settings: Any, client: Client, content_type: str, encode: Any
) -> None:
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    for ticked, days in ((True, 60), (False, 14)):
        name = type(ann).USERNAME_FIELD
        data = {name: ann.get_username(), "password": PASSWORD, "remember": str(ticked).lower()}
        answer = client.post("/auth/login/", encode(data), content_type=content_type)
        assert answer.json()["refresh_expires_in"] == days * DAY


@BODIES
@pytest.mark.parametrize("read_before", [False, True])
def test_the_function_sees_what_came_with_a_request_of_plain_django(
    ann: Any, settings: Any, content_type: str, encode: Any, read_before: bool
) -> None:
    """Also where the view has looked at the form before."""
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    request = RequestFactory().post("/", encode({"remember": "true"}), content_type)
    if read_before:
        assert request.POST is not None
    assert sessions.start(ann, request).refresh_expires_in == 60 * DAY


def test_the_function_gets_no_request_where_there_is_none(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    assert sessions.start(ann).refresh_expires_in == 14 * DAY


def seen_by_the_function(settings: Any, ann: Any, request: Any) -> Any:
    seen = []

    def function(user: Any, asked: Any) -> Lifetimes:
        seen.append(asked)
        # Read now: afterwards the request has the user who has logged in.
        getattr(asked, "user", None)
        return Lifetimes()

    settings.JWT_REFRESH = {"LOGIN_LIFETIMES": function}
    sessions.start(ann, request)
    return seen[0]


def test_a_request_of_rest_framework_is_handed_on_as_it_is(
    ann: Any, settings: Any, told: Told, django_capture_on_commit_callbacks: Any
) -> None:
    """The signal carries Django's, as it always does."""
    plain = RequestFactory().post("/")
    request = Request(plain)
    with django_capture_on_commit_callbacks(execute=True):
        assert seen_by_the_function(settings, ann, request) is request
    ((_, facts),) = told
    assert facts["request"] is plain


@pytest.mark.parametrize("auth", [None, {"sid": "x"}])
def test_whoever_is_logged_in_already_stays(ann: Any, settings: Any, auth: Any) -> None:
    plain: Any = RequestFactory().post("/", headers={"X-Remember": "me"})
    plain.user = somebody = AnonymousUser()
    if auth is not None:
        plain.auth = auth
    asked = seen_by_the_function(settings, ann, plain)
    assert isinstance(asked, Request)
    assert (asked.user, asked.auth, asked.META) == (somebody, auth, plain.META)
    assert (asked.headers["X-Remember"], asked.get_host()) == ("me", "testserver")
    assert plain.user == ann


NO_OBJECTS = ["[]", '"x"', "5", "null", "{", "[" * 100_000, '{"a":"\\ud800"']


@pytest.mark.parametrize("body", NO_OBJECTS)
def test_a_body_that_is_no_object_starts_nothing(ann: Any, settings: Any, body: str) -> None:
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    plain: Any = RequestFactory().post("/", body, content_type="application/json")
    with pytest.raises(InvalidRequest):
        sessions.start(ann, plain)
    assert not Session.objects.exists()


def test_a_body_of_another_kind_starts_nothing(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    with pytest.raises(InvalidRequest):
        sessions.start(ann, RequestFactory().post("/", "<a/>", content_type="text/xml"))
    settings.JWT_REFRESH = PAIR | hook(remember_me)
    sessions.start(ann, RequestFactory().post("/", "<a/>", content_type="text/xml"))
    assert Session.objects.count() == 1


def test_a_view_of_rest_framework_has_read_the_body(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | hook(by_the_box)
    plain = RequestFactory().post("/", "[]", content_type="application/json")
    with pytest.raises(InvalidRequest):
        sessions.start(ann, Request(plain, parsers=[JSONParser()]))
    assert not Session.objects.exists()


def test_a_function_that_fails_is_no_fault_of_the_client(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | hook(failing)
    plain: Any = RequestFactory().post("/", "{}", content_type="application/json")
    for request in (None, plain, Request(plain, parsers=[JSONParser()])):
        with pytest.raises(KeyError):
            sessions.start(ann, request)


def test_without_a_middleware_that_knows_users_nobody_is_logged_in(ann: Any, settings: Any) -> None:
    asked = seen_by_the_function(settings, ann, RequestFactory().get("/"))
    assert not asked.user.is_authenticated
    assert asked.data == {}
