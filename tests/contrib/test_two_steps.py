"""A password, then a code of django-otp, as ``docs/extending.md`` shows it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings as in_force
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.core import signing
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from jwt_refresh.models import Session
from tests import urls
from tests.support.browsing import ACCESS, SLIDING_COOKIES, Browser
from tests.support.devices import PASSWORD, Device
from tests.support.http import MINUTE, claims, said
from tests.support.malformed import answers
from tests.support.recipes import recipe
from tests.support.statements import made
from tests.support.threads import race

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
committing = pytest.mark.django_db(transaction=True, databases="__all__")
OTP = ["django_otp", "django_otp.plugins.otp_totp"]


def __getattr__(name: str) -> Any:
    """The URLs, whose views can be imported once the apps are installed."""
    if name != "urlpatterns":
        raise AttributeError(name)
    two_steps = recipe("two_steps")
    return [
        path("auth/login/", two_steps.PasswordView.as_view()),
        path("auth/login/code/", two_steps.CodeView.as_view()),
        *urls.urlpatterns,
    ]


@pytest.fixture(scope="module", autouse=True)
def _installed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    # No pause of its own after a wrong code: the limits of the recipe are looked at here.
    apps = [*in_force.INSTALLED_APPS, *OTP]
    with override_settings(INSTALLED_APPS=apps, OTP_TOTP_THROTTLE_FACTOR=0):
        from django_otp.plugins.otp_totp.models import TOTPDevice

        with django_db_blocker.unblock(), connection.schema_editor() as editor:
            editor.create_model(TOTPDevice)
        yield
        with django_db_blocker.unblock(), connection.schema_editor() as editor:
            editor.delete_model(TOTPDevice)
    # The admin has found the app as well, when that was there for the first time.
    with suppress(NotRegistered):
        admin.site.unregister(TOTPDevice)


@pytest.fixture
def totp(ann: Any) -> Any:
    """The authenticator of Ann."""
    from django_otp.plugins.otp_totp.models import TOTPDevice

    return TOTPDevice.objects.create(user=ann, name="phone")


def code_of(totp: Any) -> str:
    from django_otp.oath import TOTP

    clock = TOTP(totp.bin_key)
    clock.time = time.time()
    return f"{clock.token():06}"


def wrong(code: str) -> str:
    return f"{(int(code) + 500_000) % 10**6:06}"


def first(device: Device | Browser, password: str = PASSWORD, name: str = "") -> Any:
    name = name or device.user.get_username()
    credentials = {type(device.user).USERNAME_FIELD: name, "password": password}
    return device.post("/auth/login/", credentials)


def second(device: Device | Browser, challenge: str, code: str) -> Any:
    return device.post("/auth/login/code/", {"challenge": challenge, "code": code})


def challenged(device: Device | Browser) -> str:
    challenge: str = first(device).json()["challenge"]
    return challenge


@committing
def test_a_password_and_a_code_log_in(
    phone: Device, totp: Any, style: str, atomic_requests: bool
) -> None:
    response = first(phone)
    assert response.json().keys() == {"challenge"}
    assert not Session.objects.exists()
    done = phone._keep(second(phone, response.json()["challenge"], code_of(totp)))
    assert done.status_code == 200
    assert claims(phone.token)["amr"] == ["pwd", "otp"]
    assert bool(phone.refresh_token) == (style == "pair")
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_whoever_has_no_device_needs_no_code(phone: Device, totp: Any) -> None:
    """Such as one that was never confirmed."""
    totp.confirmed = False
    totp.save()
    assert phone._keep(first(phone)).status_code == 200
    assert claims(phone.token)["amr"] == ["pwd"]


def test_who_does_not_know_the_password_learns_nothing(
    phone: Device, totp: Any, bob: Device
) -> None:
    """Neither that there is such a user, nor that a code would be asked for."""
    bob.user.is_active = False
    bob.user.save()
    seen = []
    for name in ("ann@example.com", "bob@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as captured:
            response = first(phone, "wrong", name)
        shape = [re.sub(r"'[^']*'", "?", query) for query in made(captured)]
        seen.append((response.status_code, response.content, shape))
    assert seen == [seen[0]] * 3
    assert said(first(bob))[:2] == (401, "invalid_credentials")


def test_a_challenge_is_good_once(phone: Device, totp: Any, clock: Any) -> None:
    """With the same code, and with the next one."""
    challenge = challenged(phone)
    code = code_of(totp)
    assert said(second(phone, challenge, wrong(code)))[:2] == (401, "invalid_credentials")
    assert second(phone, challenge, code).status_code == 200
    assert said(second(phone, challenge, code))[:2] == (401, "invalid_credentials")
    clock.shift(MINUTE)
    assert said(second(phone, challenge, code_of(totp)))[:2] == (401, "challenge_over")
    assert Session.objects.count() == 1


def test_a_code_is_good_once_for_all_challenges(phone: Device, totp: Any) -> None:
    """Who knows the password, and looks over a shoulder."""
    mine, stolen = challenged(phone), challenged(phone)
    code = code_of(totp)
    assert second(phone, mine, code).status_code == 200
    assert said(second(phone, stolen, code))[:2] == (401, "invalid_credentials")


@committing
def test_of_several_exchanges_at_the_same_instant_one_logs_in(phone: Device, totp: Any) -> None:
    challenge, code = challenged(phone), code_of(totp)
    got = race(4, lambda: second(Device(phone.user), challenge, code).status_code)
    assert got.count(200) == Session.objects.count() == 1
    # Of two that write at once, a database may refuse the one.
    assert {*got} <= {200, 401, 503}


@pytest.mark.parametrize("change", ["password", "inactive", "deleted", "device"])
def test_a_change_in_between_voids_the_challenge(phone: Device, totp: Any, change: str) -> None:
    challenge, code, user = challenged(phone), code_of(totp), phone.user
    if change == "password":
        user.set_password("another")
    user.is_active = change != "inactive"
    user.save()
    if change == "deleted":
        totp.delete()
        user.delete()
    if change == "device":
        totp.delete()
    response = second(phone, challenge, code)
    assert response.status_code == 401
    assert not Session.objects.exists()


def test_a_challenge_ends(phone: Device, totp: Any, clock: Any) -> None:
    challenge = challenged(phone)
    clock.shift(5 * MINUTE)
    assert said(second(phone, challenge, wrong(code_of(totp))))[1] == "invalid_credentials"
    clock.shift(1)
    assert said(second(phone, challenge, code_of(totp)))[:2] == (401, "challenge_over")


def test_a_challenge_cannot_be_made(phone: Device, bob: Device, totp: Any) -> None:
    """Of that of another user, nor of what was signed for another purpose."""
    own = signing.loads(challenge := challenged(phone), salt="logins.two_steps")
    his = [str(bob.user.pk), *own[1:]]
    signature = challenge.rpartition(":")[2]
    swapped = signing.b64_encode(json.dumps(his).encode()).decode()
    for forged in (
        f"{swapped}:{challenge.split(':')[1]}:{signature}",
        signing.dumps(own),
        signing.dumps(own, salt="password reset"),
        challenge[:-1],
        f"{challenge}:",
        "a.b.c",
        "::",
        "é",
    ):
        assert said(second(phone, forged, code_of(totp)))[:2] == (401, "challenge_over")
    assert second(phone, challenge, code_of(totp)).status_code == 200


def test_codes_cannot_be_tried_out(phone: Device, totp: Any, clock: Any, settings: Any) -> None:
    """By somebody who knows the password: from many addresses, a new challenge for each."""
    settings.JWT_REFRESH = {"LOGIN_RATE": "1000/min"}
    got = []
    for number in range(11):
        phone.http.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        got.append(second(phone, challenged(phone), wrong(code_of(totp))).status_code)
        clock.shift(MINUTE)
    assert got == [401] * 10 + [429]
    clock.shift(50 * MINUTE)
    assert second(phone, challenged(phone), code_of(totp)).status_code == 200


def test_not_even_where_the_owner_is_known(phone: Device, totp: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "1000/min"}
    assert second(phone, challenged(phone), code_of(totp)).status_code == 200
    got = [second(phone, challenged(phone), wrong(code_of(totp))).status_code for _ in range(10)]
    assert got == [401] * 9 + [429]


def test_a_password_alone_makes_no_address_known(
    phone: Device, totp: Any, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    attacker, others = Device(phone.user), Device(phone.user)
    attacker.http.defaults["REMOTE_ADDR"] = "192.0.2.1"
    phone.http.defaults["REMOTE_ADDR"] = "192.0.2.2"
    challenged(attacker)
    assert second(phone, challenged(phone), code_of(totp)).status_code == 200
    for number in range(3, 5):
        others.http.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        assert first(others, "wrong").status_code == 401
    assert first(attacker).status_code == 429
    assert first(phone).status_code == 200


def test_wrong_codes_count_by_address(phone: Device, totp: Any, settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    challenge = challenged(phone)
    got = [second(phone, challenge, wrong(code_of(totp))).status_code for _ in range(3)]
    assert got == [401, 401, 429]
    assert first(phone).status_code == 429


def test_in_cookie_mode_no_other_site_logs_its_visitor_in(
    ann: Any, totp: Any, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = SLIDING_COOKIES
    victim = Browser(ann, "cross-site")
    response = second(victim, challenged(victim), code_of(totp))
    assert said(response)[:2] == (403, "csrf_failed")
    assert not victim.cookies
    assert not Session.objects.live().exists()
    clock.shift(MINUTE)
    page = Browser(ann)
    response = second(page, challenged(page), code_of(totp))
    assert "access_token" not in response.json()
    assert page.cookies.keys() == {ACCESS}
    assert page.get().status_code == 200


def test_a_malformed_request_is_the_clients_fault(phone: Device, totp: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None}
    name = type(phone.user).USERNAME_FIELD
    credentials = {name: phone.user.get_username(), "password": "wrong"}
    steps = {"": credentials, "code/": {"challenge": "x", "code": "123456", "transport": "body"}}
    for step, good in steps.items():
        for response in answers(f"/auth/login/{step}", good):
            assert 400 <= response.status_code < 500, response.content
            assert isinstance(response.json(), dict)
    assert not Session.objects.exists()
