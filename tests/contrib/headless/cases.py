"""Logins of an app through the headless API, as ``docs/extending.md`` sets it up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from jwt_refresh.models import Session
from tests.contrib.headless.passkeys import Passkey
from tests.support.devices import PAIR
from tests.support.http import claims

ORIGIN = "https://testserver"
PASSWORD = "violet-harbor-93"


handed_out: set[str] = set()
"""The sessions of which some app has got tokens."""


@pytest.fixture(autouse=True)
def _no_session_is_nobodys(db: None) -> Iterator[None]:
    handed_out.clear()
    yield
    assert {str(pk) for pk in Session.objects.values_list("pk", flat=True)} == handed_out


class App:
    """An app of a phone: it keeps the token of allauth's own session, and ours."""

    def __init__(self) -> None:
        self.http = Client()
        self.session = ""
        self.token = ""

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        response = self.http.generic(
            method,
            f"/_allauth/app/v1/{path}",
            json.dumps(data) if data is not None else "",
            content_type="application/json",
            secure=True,
            headers={"X-Session-Token": self.session} if self.session else {},
        )
        meta = response.json().get("meta", {})
        self.session = meta.get("session_token", self.session)
        self.token = meta.get("access_token", "")
        if self.token:
            handed_out.add(claims(self.token)["sid"])
        return response

    def log_in(self, password: str = PASSWORD) -> Any:
        return self.ask("POST", "auth/login", {"username": "ann", "password": password})

    def status(self) -> int:
        bearer = {"Authorization": f"Bearer {self.token}"}
        status: int = self.http.get("/me/", headers=bearer).status_code
        return status


@pytest.fixture
def ann() -> User:
    user = User.objects.create_user("ann", "ann@example.com", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def app(ann: User) -> App:
    return App()


def test_a_password_logs_in(app: App, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR
    response = app.log_in()
    assert response.status_code == 200
    ours = {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert response.json()["meta"].keys() == ours | {"is_authenticated", "session_token"}
    assert claims(app.token)["amr"] == ["pwd"]
    assert app.status() == 200
    refreshed = app.http.post(
        "/auth/refresh/", {"refresh_token": response.json()["meta"]["refresh_token"]}
    )
    assert refreshed.status_code == 200


def test_a_proof_that_is_none_is_refused_as_at_our_own_login(app: App, settings: Any) -> None:
    settings.JWT_REFRESH = {"DPOP": "all"}
    app.http.defaults["HTTP_DPOP"] = "no proof"
    response = app.log_in()
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
    assert response["WWW-Authenticate"].startswith("DPoP ")


def test_only_the_answer_that_completes_a_login_has_tokens(app: App) -> None:
    """The token of allauth's session, once stolen, makes no others."""
    app.log_in()
    for method, path in (("GET", "auth/session"), ("GET", "account/email")):
        assert app.ask(method, path).status_code == 200
        assert app.token == ""
    assert app.log_in().status_code == 409
    assert Session.objects.count() == 1


def test_a_wrong_password_is_none(app: App) -> None:
    assert app.log_in("wrong").status_code == 400
    assert app.token == ""
    assert not Session.objects.exists()


def test_nobody_logs_in_past_allauth(app: App) -> None:
    for path in ("/auth/login/", "/auth/login"):
        credentials = {"username": "ann", "password": PASSWORD}
        assert app.http.post(path, credentials).status_code == 404


def test_an_address_must_be_confirmed_first(app: App) -> None:
    EmailAddress.objects.update(verified=False)
    assert app.log_in().status_code == 401
    assert app.token == ""
    assert not Session.objects.exists()


def test_a_second_factor_comes_before_tokens(app: App, ann: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ann, secret)
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    assert app.log_in().status_code == 401
    assert app.token == ""
    wrong = f"{(int(code) + 500_000) % 10**6:06}"
    assert app.ask("POST", "auth/2fa/authenticate", {"code": wrong}).status_code == 400
    assert not Session.objects.exists()
    assert app.ask("POST", "auth/2fa/authenticate", {"code": code}).status_code == 200
    assert claims(app.token)["amr"] == ["pwd", "otp"]
    assert app.status() == 200
    thief = App()
    thief.log_in()
    assert thief.ask("POST", "auth/2fa/authenticate", {"code": code}).status_code == 400
    assert thief.token == ""


def test_a_code_by_mail_logs_in(app: App) -> None:
    app.ask("POST", "auth/code/request", {"email": "ann@example.com"})
    assert app.token == ""
    found = re.search(r"^([A-Z0-9-]{6,})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found
    assert app.ask("POST", "auth/code/confirm", {"code": "AAA-AAA"}).status_code == 400
    assert app.ask("POST", "auth/code/confirm", {"code": found[1]}).status_code == 200
    assert claims(app.token)["amr"] == ["otp"]
    assert app.status() == 200


def test_an_unknown_address_is_answered_as_a_known_one(app: App) -> None:
    known = app.ask("POST", "auth/code/request", {"email": "ann@example.com"})
    unknown = App().ask("POST", "auth/code/request", {"email": "nobody@example.com"})
    assert known.status_code == unknown.status_code == 401
    assert known.json()["data"] == unknown.json()["data"]


@pytest.fixture
def passkey(app: App) -> Passkey:
    """The one that Ann has made while she was logged in."""
    app.log_in()
    app.ask("POST", "auth/reauthenticate", {"password": PASSWORD})
    assert app.token == ""
    made = Passkey(ORIGIN)
    path = "account/authenticators/webauthn"
    options = app.ask("GET", f"{path}?passwordless").json()["data"]["creation_options"]
    answer = {"name": "phone", "credential": made.register(options)}
    assert app.ask("POST", path, answer).status_code == 200
    return made


def offered(app: App) -> Any:
    return app.ask("GET", "auth/webauthn/login").json()["data"]["request_options"]


def test_a_passkey_logs_in(passkey: Passkey) -> None:
    app = App()
    answer = {"credential": passkey.log_in(offered(app))}
    assert app.ask("POST", "auth/webauthn/login", answer).status_code == 200
    assert claims(app.token)["amr"] == ["pop"]
    assert app.status() == 200
    again = App()
    offered(again)
    # What was heard once is good for no other challenge.
    assert again.ask("POST", "auth/webauthn/login", answer).status_code == 400
    assert again.token == ""


def test_a_page_of_another_site_has_no_use_of_a_passkey(passkey: Passkey) -> None:
    app = App()
    answer = {"credential": passkey.log_in(offered(app), "https://testserver.example")}
    assert app.ask("POST", "auth/webauthn/login", answer).status_code == 400
    assert app.token == ""


def test_another_key_is_not_that_of_the_user(passkey: Passkey) -> None:
    forged = Passkey(ORIGIN)
    forged._user = passkey._user
    app = App()
    answer = {"credential": forged.log_in(offered(app))}
    assert app.ask("POST", "auth/webauthn/login", answer).status_code == 400
    assert app.token == ""


def by_provider(app: App, **facts: Any) -> Any:
    token = {"client_id": "shop", "id_token": json.dumps({"id": 7} | facts)}
    body = {"provider": "dummy", "process": "login", "token": token}
    return app.ask("POST", "auth/provider/token", body)


def test_a_provider_logs_in(db: None) -> None:
    facts = {"email": "bob@example.com", "email_verified": True, "username": "bob"}
    app = App()
    assert by_provider(app, **facts).status_code == 200
    content = claims(app.token)
    assert "amr" not in content
    assert content["sub"] == str(User.objects.get(username="bob").pk)
    assert app.status() == 200
    again = App()
    by_provider(again, **facts)
    assert claims(again.token)["sub"] == content["sub"]


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_of_a_provider_finds_no_account_that_is_there(app: App, verified: bool) -> None:
    """At some providers anybody may claim one."""
    by_provider(app, email="ann@example.com", email_verified=verified, username="mallory")
    assert app.token == ""
    assert not Session.objects.exists()
