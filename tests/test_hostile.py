"""Tokens that we never signed, at every place that takes one: refused before any query."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from jwt_refresh.conf import conf

from .devices import Device
from .statements import statements
from .test_stories import claims, said

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning"),
]

PLACES = [
    ("/me/", "header"),
    ("/hello/", "header"),
    ("/auth/logout/all/", "header"),
    *((f"/auth/{name}/", place) for name in ("refresh", "verify", "logout") for place in
      ("header", "body")),
]  # fmt: skip


def segment(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(token: str) -> str:
    header = jwt.get_unverified_header(token) | {"alg": "none"}
    return f"{segment(header)}.{token.split('.')[1]}."


def signed(token: str, key: Any = None, header: Any = (), **changed: Any) -> str:
    ours: Any = conf.keyring().signing.signing
    return jwt.encode(
        claims(token) | changed,
        key or ours,
        headers=jwt.get_unverified_header(token) | dict(header),
    )


FORGERIES = {
    "garbage": lambda token: "garbage",
    "a megabyte": lambda token: token + "a" * 1_000_000,
    "dots": lambda token: "." * 1_000_000,
    "unsigned": unsigned,
    "without its signature": lambda token: token.rpartition(".")[0] + ".",
    "the key of somebody else": lambda token: signed(token, "k" * 32),
    "another algorithm": lambda token: signed(token, header={"alg": "HS512"}),
    "an unknown kid": lambda token: signed(token, header={"kid": "../../dev/null"}),
    "a key of its own": lambda token: signed(token, header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "an access token": lambda token: signed(token, header={"typ": "JWT"}),
    "from the future": lambda token: signed(token, iat=claims(token)["iat"] + 60),
    "immortal": lambda token: signed(token, exp=10**12),
    "bound to a key": lambda token: signed(token, cnf={"jkt": "x"}),
    "NUL in sub": lambda token: signed(token, sub="1\0"),
    "a lone surrogate in sid": lambda token: signed(token, sid="\ud800"),
    "for another audience": lambda token: signed(token, aud="elsewhere"),
    "padded": lambda token: token + "=",
    "two tokens": lambda token: f"{token}.{token}",
}


def present(device: Device, path: str, place: str, token: str) -> Any:
    if place == "body":
        return device.post(path, {"token": token}, token=None)
    if path.startswith("/auth"):
        return device.post(path, token=token)
    return device.get(path, token=token)


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize(("path", "place"), PLACES)
def test_a_forgery_is_refused_without_a_query(
    phone: Device, path: str, place: str, forge: Any, log: Any
) -> None:
    phone.login()
    forged = forge(phone.token)
    with statements(0):
        response = present(phone, path, place, forged)
    assert said(response)[:2] == (401, "token_invalid")
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert forged[-40:] not in log.text + response.content.decode()
    assert phone.get().status_code == 200


@pytest.mark.parametrize("path", ["/me/", "/hello/", "/auth/verify/", "/auth/logout/all/"])
def test_an_expired_token_is_refused_without_a_query(phone: Device, path: str, clock: Any) -> None:
    phone.login()
    clock.shift(1800)
    with statements(0):
        assert said(present(phone, path, "header", phone.token))[1] == "token_expired"
