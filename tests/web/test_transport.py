"""Where a token is found in a request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from pytest_django import Settings

from jwt_refresh import exceptions
from jwt_refresh.exceptions import (
    BindingViolated,
    InvalidCredentials,
    InvalidRequest,
    LoginTooOld,
    NonceNeeded,
    ProofInvalid,
    TokenError,
    TokenInvalid,
    TokenMissing,
    UserInactive,
)
from jwt_refresh.web import transport
from jwt_refresh.web.transport import Refusal, refuse
from tests.support.devices import Device
from tests.support.http import said

pytestmark = pytest.mark.django_db

OK, MISSING, INVALID, MALFORMED = "", "token_missing", "token_invalid", "invalid_request"


@pytest.mark.parametrize("path", ["/me/", "/hello/", "/auth/verify/"])
@pytest.mark.parametrize(
    ("types", "header", "code"),
    [
        (("Bearer",), "Bearer {}", OK),
        (("Bearer",), "bearer {}", OK),
        (("Bearer",), "BEARER   {}  ", OK),
        (("Bearer",), "", MISSING),
        (("Bearer",), "   ", MISSING),
        (("Bearer",), "{}", MISSING),
        (("Bearer",), "Basic {}", MISSING),
        (("Bearer",), "Token {}", MISSING),
        (("Bearer",), "Bearer\t{}", MISSING),
        (("Bearer",), "Basic eDp5, Bearer {}", MISSING),
        (("Bearer",), "Bearer", MALFORMED),
        (("Bearer",), "Bearer ", MALFORMED),
        (("Bearer",), "Bearer {} {}", MALFORMED),
        (("Bearer",), "Bearer Bearer {}", MALFORMED),
        (("Bearer",), "Bearer {}, Bearer {}", MALFORMED),
        (("Bearer",), "Bearer {},Bearer {}", MALFORMED),
        (("Bearer",), "Bearer {},{}", INVALID),
        (("Bearer",), "Bearer \xe9\xff", INVALID),
        (("Bearer",), "Bearer \x00", INVALID),
        (("Bearer",), "Bearer " + "a" * 1_000_000, INVALID),
        (("Bearer",), "Bearer " + "." * 1_000_000, INVALID),
        (("Bearer",), "Bearer null", INVALID),
        (("JWT", "Bearer"), "jwt {}", OK),
        (("JWT", "Bearer"), "Bearer {}", OK),
        (("JWT",), "Bearer {}", MISSING),
        (("Bearer", ""), "{}", OK),
        (("Bearer", ""), " {} ", OK),
        (("Bearer", ""), "Bearer {}", OK),
        (("Bearer", ""), "Bearer", MALFORMED),
        (("Bearer", ""), "{} {}", MISSING),
        (("Bearer", ""), "garbage", INVALID),
    ],
)
def test_what_is_made_of_a_header(
    phone: Device, settings: Any, path: str, types: tuple[str, ...], header: str, code: str
) -> None:
    phone.login()
    settings.JWT_REFRESH = {"AUTH_HEADER_TYPES": types}
    send = phone.http.post if path.startswith("/auth") else phone.http.get
    response = send(path, headers={"Authorization": header.format(*[phone.token] * 2)})
    if code == OK:
        assert response.status_code == 200
    else:
        status = 400 if code == MALFORMED else 401
        assert said(response)[:2] == (status, code)
        assert response["WWW-Authenticate"].startswith(types[0] + " ")


@pytest.mark.parametrize("path", ["verify", "refresh", "logout", "logout/all", "logout/others"])
def test_a_body_of_null_is_no_body(phone: Device, path: str) -> None:
    """Some HTTP clients send it where they were given none."""
    phone.login()
    bearer = {"Authorization": f"Bearer {phone.token}"}
    response = phone.http.post(
        f"/auth/{path}/", b"null", content_type="application/json", headers=bearer
    )
    assert response.status_code in (200, 204)
    if path in ("logout", "logout/all"):
        assert said(phone.get())[1] == "session_revoked"


def test_a_login_of_null_names_the_fields(phone: Device) -> None:
    response = phone.http.post("/auth/login/", b"null", content_type="application/json")
    assert response.status_code == 400
    assert response.json().keys() == {get_user_model().USERNAME_FIELD, "password"}


# AUTH_HEADER_NAME


@pytest.mark.parametrize("name", ["X-Auth-Token", "x-auth-token"])
@pytest.mark.parametrize("path", ["/me/", "/me/stateless/", "/hello/", "/auth/sessions/"])
def test_another_header_carries_the_token(
    phone: Device, settings: Any, path: str, name: str
) -> None:
    """Where ``Authorization`` belongs to somebody else, such as a proxy that asks a password."""
    phone.login()
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": name}
    theirs = {"Authorization": "Bearer of the proxy", "X-Auth-Token": f"Bearer {phone.token}"}
    assert phone.http.get(path, headers=theirs).status_code == 200
    assert said(phone.get(path))[:2] == (401, MISSING)
    response = phone.http.get(path, headers={"X-Auth-Token": "Bearer x"})
    assert said(response)[:2] == (401, INVALID)
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize("path", ["verify", "refresh", "logout"])
def test_endpoints_find_the_token_in_another_header(
    phone: Device, settings: Any, path: str
) -> None:
    phone.login()
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": "X-Auth-Token"}
    assert said(phone.post(f"/auth/{path}/"))[:2] == (401, MISSING)
    theirs = {"X-Auth-Token": f"Bearer {phone.token}"}
    assert phone.http.post(f"/auth/{path}/", headers=theirs).status_code in (200, 204)


@pytest.mark.parametrize("token", [None, "", 0, False, [], {}])
def test_an_empty_token_in_the_body_is_none(phone: Device, token: object) -> None:
    phone.login()
    assert phone.post("/auth/verify/", {"token": token}).status_code == 200
    response = phone.post("/auth/verify/", {"token": token}, token=None)
    assert said(response)[:2] == (401, MISSING)


@pytest.mark.parametrize(
    "token", [1, True, 1.5, ["x"], {"x": "y"}, "\ud800", "nul\0", " ", "x" * 60_000, "a.b.c"]
)
def test_a_body_decides_however_wrong_it_is(phone: Device, token: object) -> None:
    phone.login()
    for path in ("refresh", "verify", "logout"):
        response = phone.post(f"/auth/{path}/", {"token": token})
        assert said(response)[:2] == (401, INVALID)


def test_two_tokens_in_one_form_are_malformed(phone: Device) -> None:
    phone.login()
    response = phone.http.post("/auth/verify/", {"token": [phone.token, phone.token]})
    assert said(response)[:2] == (400, MALFORMED)


def test_a_token_in_the_address_is_not_read(phone: Device) -> None:
    phone.login()
    response = Client().post(f"/auth/verify/?token={phone.token}")
    assert said(response)[:2] == (401, MISSING)


@pytest.mark.parametrize("path", ["login", "refresh", "verify", "logout"])
@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"[1]", "application/json", 400, MALFORMED),
        (b'"text"', "application/json", 400, MALFORMED),
        (b"7", "application/json", 400, MALFORMED),
        (b"{", "application/json", 400, MALFORMED),
        (b"\xff\xfe", "application/json", 400, MALFORMED),
        (b"NaN", "application/json", 400, MALFORMED),
        (b"[" * 60_000, "application/json", 400, MALFORMED),
        (b'{"token":' * 7_000, "application/json", 400, MALFORMED),
        (b'{"token": ' + b"9" * 5000 + b"}", "application/json", 400, MALFORMED),
        (b"&".join([b"a=b"] * 1001), "application/x-www-form-urlencoded", 400, MALFORMED),
        (b"x", "multipart/form-data", 400, MALFORMED),
        (b"x", "multipart/form-data; boundary=\xe9", 400, MALFORMED),
        (b"{}", "application/json; charset=rot13", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=hex", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=undefined", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=utf-16", 415, "unsupported_media_type"),
        (b"a=b", "application/x-www-form-urlencoded; charset=rot13", 415, "unsupported_media_type"),
        (b"<x/>", "text/xml", 415, "unsupported_media_type"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "nonsense", 415, "unsupported_media_type"),
    ],
)
def test_what_is_made_of_a_body(
    path: str, body: bytes, content_type: str, status: int, code: str
) -> None:
    response = Client().generic("POST", f"/auth/{path}/", body, content_type)
    assert said(response)[:2] == (status, code)


@pytest.mark.parametrize("length", ["x", "1" * 5000, "-"])
def test_a_length_that_is_no_number_is_malformed(length: str) -> None:
    response = Client().post("/auth/verify/", {"token": "x"}, CONTENT_LENGTH=length)
    assert said(response)[:2] == (400, MALFORMED)


@pytest.mark.parametrize(("length", "status"), [(255, 200), (256, 400)])
def test_an_idempotency_key_has_a_limit(phone: Device, length: int, status: int) -> None:
    phone.login()
    assert phone.refresh(idempotency_key="x" * length).status_code == status


def test_an_utf8_charset_is_no_trouble(phone: Device) -> None:
    phone.login()
    body = json.dumps({"token": phone.token})
    for charset in ("utf-8", "UTF8", "us-ascii", "unknown"):
        response = Client().generic(
            "POST", "/auth/verify/", body, f"application/json; charset={charset}"
        )
        assert response.status_code == 200


INVALID_TOKEN = 'Bearer realm="api", error="invalid_token"'
WITHOUT_TOKEN = 'Bearer realm="api"'
DPOP = 'DPoP error="{}", algs="ES256 EdDSA Ed25519"'
ANSWERS = {
    "TokenError": (401, "The token is not valid.", INVALID_TOKEN),
    "InvalidRequest": (
        400,
        "The request is malformed.",
        'Bearer realm="api", error="invalid_request"',
    ),
    "InvalidCredentials": (401, "No active account has these credentials.", WITHOUT_TOKEN),
    "CSRFFailed": (403, "A page of another site may have sent this request.", ""),
    "TokenMissing": (401, "A token is required.", WITHOUT_TOKEN),
    "TokenInvalid": (401, "The token is not valid.", INVALID_TOKEN),
    "BindingViolated": (401, "The token is not valid.", DPOP.format("invalid_token")),
    "ProofInvalid": (401, "The token is not valid.", DPOP.format("invalid_dpop_proof")),
    "NonceNeeded": (401, "The token is not valid.", DPOP.format("use_dpop_nonce")),
    "TokenExpired": (401, "The token has expired.", INVALID_TOKEN),
    "TokenAlreadyExpired": (401, "The token has already expired.", INVALID_TOKEN),
    "TokenReused": (
        401,
        "The token was used before. Its session is now revoked.",
        INVALID_TOKEN,
    ),
    "StaleRetry": (409, "This is a late duplicate of an earlier request.", ""),
    "SessionRevoked": (401, "The session has ended.", INVALID_TOKEN),
    "UserInactive": (401, "The user is not active.", INVALID_TOKEN),
    "PasswordChanged": (401, "The password was changed. Please log in again.", INVALID_TOKEN),
    "LoginTooOld": (
        401,
        "Please log in again to do this.",
        'Bearer realm="api", error="insufficient_user_authentication", max_age=300',
    ),
    "Unavailable": (503, "Try again later.", ""),
}


@pytest.mark.parametrize("name", exceptions.__all__)
def test_each_error_has_a_status_a_sentence_and_a_challenge(name: str) -> None:
    refusal = Refusal(getattr(exceptions, name)(300 if name == "LoginTooOld" else "x"))
    detail: Any = refusal.detail
    assert (refusal.status_code, detail["detail"], refusal.auth_header) == ANSWERS[name]


class AccountLocked(UserInactive):
    """An error of a project, below one of ours."""


class OddToken(TokenError):
    """An error of a project, below the root of ours."""

    code = "odd_token"


class NoTokenLeft(TokenMissing):
    code = "no_token_left"


@pytest.mark.parametrize(
    ("error", "code", "sentence", "challenge"),
    [
        (AccountLocked("x"), "user_inactive", "The user is not active.", ', error="invalid_token"'),
        (OddToken("x"), "odd_token", "The token is not valid.", ', error="invalid_token"'),
        (TokenError("x"), "token_invalid", "The token is not valid.", ', error="invalid_token"'),
        (NoTokenLeft("x"), "no_token_left", "A token is required.", ""),
    ],
)
def test_an_error_of_a_project_is_answered_as_its_base_class(
    error: TokenError, code: str, sentence: str, challenge: str
) -> None:
    refusal = Refusal(error)
    assert refusal.detail == {"detail": sentence, "code": code}
    assert (refusal.status_code, refusal.auth_header) == (401, f'Bearer realm="api"{challenge}')


DPOP = 'algs="ES256 EdDSA Ed25519"'
BEARER = 'Bearer realm="api"'


@pytest.mark.parametrize(
    ("dpop", "header", "error", "challenge"),
    [
        # Without an error where no token came, for each scheme that may be meant.
        ("off", "", None, BEARER),
        ("off", "DPoP x", TokenMissing("x"), BEARER),
        ("refresh", "", TokenMissing("x"), BEARER),
        ("all", "", None, f"{BEARER}, DPoP {DPOP}"),
        ("required", "Basic x", TokenMissing("x"), f"{BEARER}, DPoP {DPOP}"),
        ("all", "", InvalidCredentials("x"), f"{BEARER}, DPoP {DPOP}"),
        # With the scheme of the token that came.
        ("all", "Bearer x", TokenInvalid("x"), f'{BEARER}, error="invalid_token", DPoP {DPOP}'),
        ("all", "DPoP x", UserInactive("x"), f'DPoP error="invalid_token", {DPOP}'),
        ("refresh", "dpop x", TokenInvalid("x"), f'DPoP error="invalid_token", {DPOP}'),
        ("off", "DPoP x", TokenInvalid("x"), f'{BEARER}, error="invalid_token"'),
        ("all", "DPoP", InvalidRequest("x"), f'DPoP error="invalid_request", {DPOP}'),
        # Of the proof alone, whatever the setting and the scheme.
        ("off", "Bearer x", ProofInvalid("x"), f'DPoP error="invalid_dpop_proof", {DPOP}'),
        ("all", "Bearer x", BindingViolated("x"), f'DPoP error="invalid_token", {DPOP}'),
        ("refresh", "", NonceNeeded("x"), f'DPoP error="use_dpop_nonce", {DPOP}'),
        (
            "all",
            "DPoP x",
            LoginTooOld(60),
            f'DPoP error="insufficient_user_authentication", max_age=60, {DPOP}',
        ),
        (
            "all",
            "",
            LoginTooOld(60),
            f'{BEARER}, error="insufficient_user_authentication", max_age=60, DPoP {DPOP}',
        ),
    ],
)
def test_a_challenge_names_the_scheme_and_the_error(
    settings: Settings, dpop: str, header: str, error: TokenError | None, challenge: str
) -> None:
    """RFC 6750 section 3, and RFC 9449 sections 7.1 and 7.2."""
    settings.JWT_REFRESH = {"DPOP": dpop}
    request = RequestFactory().get("/", headers={"Authorization": header} if header else {})
    assert transport.challenge(error, request) == challenge


def test_an_error_that_is_made_and_not_sent_is_not_logged(log: Any) -> None:
    Refusal(TokenMissing("x"))
    assert not log.records
    refuse(TokenMissing("x"))
    assert [record.why for record in log.records] == ["x"]
