"""``jwks.json``: the public keys, for whoever verifies; and a server that only verifies."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from django.test import Client
from django.urls import reverse
from joserfc.jwk import KeySet
from jwt.utils import base64url_decode
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Kind
from jwt_refresh.models import Session
from tests.support import forging, key_pairs
from tests.support.devices import Device
from tests.support.http import said
from tests.support.key_pairs import (
    ED,
    NEXT,
    OLD,
    RSA,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
)

over_http = pytest.mark.django_db(transaction=True, databases="__all__")
PATH = "/auth/jwks.json"


def entry(algorithm: str, key: Any, **members: str) -> dict[str, str]:
    """What the set should say of a key, worked out without the code under test."""
    named = {"use": "sig", "alg": algorithm, "kid": key_pairs.thumbprint(key)}
    return public_jwk(key) | named | members


def keys(path: str = PATH) -> Any:
    response = Client().get(path)
    assert response.status_code == 200
    assert response.json().keys() == {"keys"}
    return response.json()["keys"]


CASES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    **{
        f"{algorithm}, {form}": (
            {"ALGORITHM": algorithm, "PRIVATE_KEYS": [source]},
            [entry(algorithm, private_key(algorithm))],
        )
        for algorithm in key_pairs.ALGORITHMS
        for form, source in {
            "PEM": private_pem(private_key(algorithm)),
            "JWK": private_jwk(private_key(algorithm)),
        }.items()
    },
    "nothing set": ({}, []),
    "a secret": ({"SECRET": OLD, "ALGORITHM": "HS512"}, []),
    "secrets": ({"SECRET": [OLD, {"kty": "oct", "alg": "HS512", "k": forging.segment(OLD)}]}, []),
    "a next key": (
        {
            "ALGORITHM": "EdDSA",
            "PRIVATE_KEYS": [private_pem(ED)],
            "PUBLIC_KEYS": [public_pem(NEXT)],
        },
        [entry("EdDSA", ED), entry("EdDSA", NEXT)],
    ),
    "a retiring key": (
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(ED), private_jwk(RSA)]},
        [entry("EdDSA", ED), entry("RS256", RSA)],
    ),
    "a key that is not to sign yet, beside a secret": (
        {"SECRET": [OLD], "PUBLIC_KEYS": [public_jwk(ED) | {"kid": "next"}]},
        [entry("EdDSA", ED, kid="next")],
    ),
    "a secret that retires": (
        {"ALGORITHM": "Ed25519", "SECRET": [None], "PRIVATE_KEYS": [private_pem(ED)]},
        [entry("Ed25519", ED)],
    ),
    "public keys alone": (
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(RSA), public_pem(ED)]},
        [entry("RS256", RSA), entry("EdDSA", ED)],
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_every_public_key_is_shown_and_nothing_else(
    settings: Settings, given: dict[str, Any], expected: list[dict[str, str]]
) -> None:
    """Nothing private, nor that there is a secret (RFC 7517 section 9)."""
    settings.JWT_REFRESH = given
    found = keys()
    assert found == expected
    assert not any(key_pairs.PRIVATE_MEMBERS & jwk.keys() for jwk in found)
    assert not any(jwk["kty"] == "oct" for jwk in found)


@pytest.mark.parametrize("algorithm", key_pairs.ALGORITHMS)
def test_others_verify_with_what_they_find_there(settings: Settings, algorithm: str) -> None:
    settings.JWT_REFRESH = {
        "ALGORITHM": algorithm,
        "PRIVATE_KEYS": [private_pem(private_key(algorithm))],
        "PUBLIC_KEYS": [public_pem(private_key(algorithm, 1))],
    }
    encoded = conf.issuer(None).issue(Kind.SLIDING, **forging.claims(iat=1, exp=9_000_000))
    found = keys()
    kid = jwt.get_unverified_header(encoded)["kid"]
    # The library knows Ed25519 by its old name alone, so far.
    named = [jwk | {"alg": jwk["alg"].replace("Ed25519", "EdDSA")} for jwk in found]
    key = jwt.PyJWKSet(named)[kid]
    message, _, signature = encoded.rpartition(".")
    assert key.Algorithm.verify(message.encode(), key.key, base64url_decode(signature))
    assert [key.kid for key in KeySet.import_key_set({"keys": found}).keys] == [
        jwk["kid"] for jwk in found
    ]


@pytest.fixture
def with_a_pair(settings: Settings) -> None:
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(ED)]}


@pytest.mark.usefixtures("with_a_pair")
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_the_set_may_be_kept_for_a_while(method: str, slash: str) -> None:
    response = getattr(Client(), method)(PATH + slash)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/jwk-set+json"
    assert response["Cache-Control"] == "public, max-age=300"
    assert not response.cookies
    assert (response.content == b"") is (method == "head")
    assert response["ETag"] == Client().get(PATH)["ETag"]
    assert reverse("jwt_refresh:jwks") == f"{PATH}/"


@pytest.mark.usefixtures("with_a_pair")
@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_what_has_not_changed_is_not_sent_again(method: str, form: str) -> None:
    etag = Client().get(PATH)["ETag"]
    headers = {"If-None-Match": form.format(etag)}
    response = getattr(Client(), method)(PATH, headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "public, max-age=300"


@pytest.mark.usefixtures("with_a_pair")
def test_a_new_key_has_another_etag(settings: Settings) -> None:
    etag = Client().get(PATH)["ETag"]
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"PUBLIC_KEYS": [public_pem(NEXT)]}
    response = Client().get(PATH, headers={"If-None-Match": etag})
    assert response.status_code == 200
    assert response["ETag"] != etag
    assert len(json.loads(response.content)["keys"]) == 2


@pytest.mark.usefixtures("with_a_pair")
def test_nobody_needs_a_token_and_a_bad_one_does_no_harm() -> None:
    for value in ("Bearer junk", "Bearer", "junk"):
        assert Client().get(PATH, headers={"Authorization": value}).status_code == 200


@pytest.mark.usefixtures("with_a_pair")
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_set_can_only_be_read(method: str) -> None:
    response = getattr(Client(), method)(PATH)
    assert said(response)[:2] == (405, "method_not_allowed")
    assert response["Cache-Control"] == "no-store"


# A server that holds no key to sign with


VERIFYING: list[dict[str, Any]] = [
    {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(ED)]},
    {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(ED)], "SECRET": [OLD]},
]


@over_http
@pytest.mark.usefixtures("with_a_pair")
@pytest.mark.parametrize("given", VERIFYING)
def test_a_server_with_public_keys_alone_issues_nothing(
    settings: Settings, given: dict[str, Any], phone: Device
) -> None:
    phone.login()
    settings.JWT_REFRESH = given
    detail = "This server verifies tokens, and issues none."
    for path in ("login", "refresh"):
        for slash in ("", "/"):
            answer = phone.post(f"/auth/{path}{slash}")
            assert said(answer) == (404, "not_found", detail)
            assert answer["Cache-Control"] == "no-store"
    assert said(Device(phone.user).login()) == (404, "not_found", detail)
    assert phone.get().status_code == phone.verify().status_code == 200
    assert phone.get("/me/stateless/").status_code == 200
    assert phone.logout().status_code == 204
    assert said(phone.get())[:2] == (401, "session_revoked")


@over_http
@pytest.mark.parametrize("given", VERIFYING)
def test_sessions_start_only_where_something_signs(
    settings: Settings, given: dict[str, Any], ann: Any
) -> None:
    settings.JWT_REFRESH = given
    with pytest.raises(ValueError, match="none of them can sign"):
        sessions.start(ann)
    assert not Session.objects.exists()
