"""A login by a code in a mail, as ``docs/extending.md`` shows it."""

from __future__ import annotations

import re
from smtplib import SMTPRecipientsRefused
from typing import Any
from unittest.mock import patch

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path

from jwt_refresh.models import Session
from tests import urls
from tests.support.browsing import ACCESS, SLIDING_COOKIES, Browser
from tests.support.devices import Device, make_user
from tests.support.http import MINUTE, claims
from tests.support.malformed import answers
from tests.support.recipes import recipe
from tests.support.statements import made
from tests.support.threads import race

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
committing = pytest.mark.django_db(transaction=True, databases="__all__")

email_code = recipe("email_code")
urlpatterns = [
    path("auth/code/ask/", email_code.AskView.as_view()),
    path("auth/code/", email_code.CodeView.as_view()),
    *urls.urlpatterns,
]
ANN = "ann@example.com"


@pytest.fixture(autouse=True)
def _address(ann: Any) -> None:
    ann.email = ANN
    ann.save()


def asked(device: Device | Browser, email: str = ANN) -> tuple[str, str]:
    """A challenge and its code, out of the last mail; none where that has none."""
    response = device.post("/auth/code/ask/", {"email": email})
    assert response.status_code == 200, response.content
    code = re.search(r"\d{8}", str(mail.outbox[-1].body))
    return response.json()["challenge"], code[0] if code else ""


def exchanged(device: Device | Browser, challenge: str, code: str) -> Any:
    return device.post("/auth/code/", {"challenge": challenge, "code": code})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


@committing
def test_a_code_logs_in(phone: Device, style: str, atomic_requests: bool) -> None:
    challenge, code = asked(phone)
    assert phone._keep(exchanged(phone, challenge, code)).status_code == 200
    assert claims(phone.token)["amr"] == ["otp"]
    assert bool(phone.refresh_token) == (style == "pair")
    assert phone.get().status_code == phone.refresh().status_code == 200


def shape(captured: CaptureQueriesContext) -> list[str]:
    """The statements, whatever the values in them."""
    return [re.sub(r"'[^']*'|\b\d+\b", "?", query) for query in made(captured)]


def test_an_unknown_address_is_answered_alike(phone: Device, bob: Device) -> None:
    """Neither what is said nor what is done tells whether there is an account."""
    type(bob.user)._default_manager.filter(pk=bob.user.pk).update(
        is_active=False, email="bob@example.com"
    )
    seen = []
    for email in (ANN, "nobody@example.com", "bob@example.com"):
        with CaptureQueriesContext(connection) as captured:
            response = phone.post("/auth/code/ask/", {"email": email})
            challenge = response.json()["challenge"]
            refused = exchanged(phone, challenge, "12345678")
        answer = response.status_code, len(challenge), refused.status_code, refused.content
        seen.append((answer, shape(captured)))
    assert seen == [seen[0]] * 3
    assert [it.to for it in mail.outbox] == [[ANN], ["nobody@example.com"], ["bob@example.com"]]
    assert [bool(re.search(r"\d{8}", str(it.body))) for it in mail.outbox] == [True, False, False]


def test_a_code_of_an_unknown_address_opens_nothing(phone: Device) -> None:
    with patch("secrets.randbelow", return_value=12345678):
        challenge, _ = asked(phone, "nobody@example.com")
    assert exchanged(phone, challenge, "12345678").status_code == 401
    assert not Session.objects.exists()


def test_the_mail_goes_to_the_address_on_file(phone: Device) -> None:
    """What the database takes for the same address may be that of somebody else."""
    asked(phone, "ANN@Example.com")
    assert mail.outbox[-1].to == [ANN]


def test_an_address_of_two_users_is_that_of_none(phone: Device) -> None:
    other = make_user("another@example.com")
    other.email = "ANN@example.com"
    other.save()
    assert asked(phone)[1] == ""


def test_a_code_is_good_once(phone: Device) -> None:
    challenge, code = asked(phone)
    assert exchanged(phone, challenge, code).status_code == 200
    assert exchanged(phone, challenge, code).status_code == 401
    assert Session.objects.count() == 1


@committing
def test_of_several_exchanges_at_the_same_instant_one_logs_in(phone: Device) -> None:
    challenge, code = asked(phone)
    got = race(5, lambda: exchanged(Device(phone.user), challenge, code).status_code)
    assert sorted(got) == [200, *[401] * 4]
    assert Session.objects.count() == 1


def test_a_code_is_good_for_its_own_challenge(phone: Device, laptop: Device) -> None:
    """Whoever asked for one cannot use what was mailed for another, nor guess at that."""
    first, code = asked(phone)
    second, other = asked(laptop)
    for challenge, given in ((second, code), ("x" * 43, other), (f"{first} ", other)):
        assert exchanged(phone, challenge, given).status_code == 401
    assert exchanged(phone, first, code).status_code == 200
    assert exchanged(laptop, second, other).status_code == 200


@pytest.mark.parametrize("change", ["email", "password", "is_active", "deleted"])
def test_a_change_of_the_user_voids_a_code(phone: Device, change: str) -> None:
    challenge, code = asked(phone)
    user = phone.user
    if change == "password":
        user.set_password("another")
    else:
        setattr(user, change, "ann@example.org" if change == "email" else False)
    user.save()
    if change == "deleted":
        user.delete()
    assert exchanged(phone, challenge, code).status_code == 401
    assert not Session.objects.exists()


def test_a_code_ends(phone: Device, clock: Any) -> None:
    challenge, code = asked(phone)
    clock.shift(10 * MINUTE - 1)
    assert exchanged(phone, challenge, wrong(code)).status_code == 401
    clock.shift(1)
    assert exchanged(phone, challenge, code).status_code == 401


def test_a_code_cannot_be_tried_out(phone: Device, clock: Any, settings: Any) -> None:
    """From one address, or from many."""
    settings.JWT_REFRESH = {"LOGIN_RATE": "1000/min"}
    challenge, code = asked(phone)
    got = []
    for number in range(6):
        phone.http.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        got.append(exchanged(phone, challenge, wrong(code)).status_code)
    assert got == [401] * 5 + [429]
    assert exchanged(phone, challenge, code).status_code == 429


def test_wrong_codes_count_with_wrong_passwords(phone: Device, clock: Any, settings: Any) -> None:
    """By address and by account, as at the login endpoint."""
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    challenge, code = asked(phone)
    assert exchanged(phone, challenge, wrong(code)).status_code == 401
    phone.password = "wrong"
    assert phone.login().status_code == 401
    assert exchanged(phone, challenge, code).status_code == 429
    phone.http.defaults["REMOTE_ADDR"] = "192.0.2.1"
    assert exchanged(phone, challenge, code).status_code == 429
    clock.shift(MINUTE)
    assert exchanged(phone, challenge, code).status_code == 200


def test_nobody_is_sent_many_mails(phone: Device, clock: Any) -> None:
    """Of one address, however it is spelt, and by one asker."""
    for number in range(5):
        phone.http.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        asked(phone, ANN if number % 2 else "Ann@example.com")
    assert phone.post("/auth/code/ask/", {"email": ANN}).status_code == 429
    phone.http.defaults["REMOTE_ADDR"] = "192.0.2.99"
    answers = [
        phone.post("/auth/code/ask/", {"email": f"{number}@example.com"}).status_code
        for number in range(21)
    ]
    assert answers == [200] * 20 + [429]
    assert len(mail.outbox) == 25


def test_neither_challenge_nor_code_is_in_the_cache(phone: Device) -> None:
    challenge, code = asked(phone)
    exchanged(phone, challenge, wrong(code))
    stored: Any = cache
    content = repr(stored._cache)
    assert len(stored._cache) > 2
    for secret in (challenge, code, wrong(code)):
        assert secret not in content


def test_in_cookie_mode_no_other_site_logs_its_visitor_in(ann: Any, settings: Any) -> None:
    """An attacker has a code for his own account, and lets the browser of another exchange it."""
    settings.JWT_REFRESH = SLIDING_COOKIES
    victim = Browser(ann, "cross-site")
    response = exchanged(victim, *asked(victim))
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert not victim.cookies
    assert [*Session.objects.values_list("revoked_reason", flat=True)] == ["csrf_failed"]
    page = Browser(ann)
    response = exchanged(page, *asked(page))
    assert response.status_code == 200
    assert "access_token" not in response.json()
    assert page.cookies.keys() == {ACCESS}
    assert page.get().status_code == 200


def test_a_form_of_another_site_is_no_try(phone: Device) -> None:
    challenge, code = asked(phone)
    form, site = {"challenge": challenge, "code": code}, {"Sec-Fetch-Site": "cross-site"}
    response = phone.http.post("/auth/code/", form, headers=site)
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert phone.http.post("/auth/code/", form).status_code == 200


@pytest.mark.parametrize("away", [ConnectionRefusedError, SMTPRecipientsRefused({})])
def test_a_mail_server_that_does_not_take_a_mail(phone: Device, away: Any) -> None:
    with patch("logins.email_code.send_mail", side_effect=away):
        response = phone.post("/auth/code/ask/", {"email": ANN})
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_an_address_that_no_mail_can_have(phone: Device) -> None:
    """Django 6 refuses more of them than its field for addresses does."""
    with patch("logins.email_code.send_mail", side_effect=ValueError("Invalid address")):
        response = phone.post("/auth/code/ask/", {"email": ANN})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def test_a_cache_that_does_not_answer(phone: Device, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    for place, body in (
        ("/auth/code/ask/", {"email": ANN}),
        ("/auth/code/", {"challenge": "x", "code": "12345678"}),
    ):
        response = phone.post(place, body)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_nobody_is_sent_more_mails_for_another_spelling(phone: Device) -> None:
    """A database may take letters for the same that Python does not."""
    with patch("logins.email_code.owner_of", return_value=phone.user):
        asked = [
            phone.post("/auth/code/ask/", {"email": f"ann@example{number}.com"}).status_code
            for number in range(6)
        ]
    assert asked == [200] * 5 + [429]


def test_a_malformed_request_is_the_clients_fault(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None}
    good = {"challenge": "x" * 43, "code": "12345678", "transport": "body"}
    for place, body in (("/auth/code/ask/", {"email": ANN}), ("/auth/code/", good)):
        for response in answers(place, body):
            assert 400 <= response.status_code < 500, response.content
            assert isinstance(response.json(), dict)
    assert not mail.outbox
    assert not Session.objects.exists()
