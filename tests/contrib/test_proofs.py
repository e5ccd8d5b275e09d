"""Proofs that others make, at our endpoints: joserfc, and on Node dpop and oauth4webapi.

``JOSE`` names the directory in which npm has installed the two.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from joserfc import jwk
from joserfc import jwt as joserfc
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.sessions import proving
from tests.support.devices import PAIR, PASSWORD
from tests.support.http import claims
from tests.support.proofs import SITE, digest_of

from .node import ask_node

ALL = PAIR | {"DPOP": "all"}


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "Ed25519"])
def test_joserfc_makes_proofs(ann: Any, settings: Settings, algorithm: str) -> None:
    settings.JWT_REFRESH = ALL
    key: Any = (
        jwk.ECKey.generate_key("P-256", auto_kid=False)
        if algorithm == "ES256"
        else jwk.OKPKey.generate_key("Ed25519", auto_kid=False)
    )
    public = key.as_dict(private=False)
    shown = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": shown}

    def proof(method: str, path: str, **more: str) -> str:
        content: dict[str, Any] = {"jti": str(time.time_ns()), "htm": method, "htu": SITE + path}
        content |= {"iat": int(time.time())} | more
        return joserfc.encode(header, content, key, algorithms=[algorithm])

    credentials = {ann.USERNAME_FIELD: ann.get_username(), "password": PASSWORD}
    proved = {"DPoP": proof("POST", "/auth/login/")}
    answer: Any = Client().post("/auth/login/", credentials, headers=proved)
    assert answer.json()["token_type"] == "DPoP"
    assert Session.objects.get().jkt == key.thumbprint()
    token = answer.json()["access_token"]
    proved = {"Authorization": f"DPoP {token}"}
    proved["DPoP"] = proof("GET", "/me/", ath=digest_of(token))
    assert Client().get("/me/", headers=proved).json()["user"] == ann.get_username()
    body = {"refresh_token": answer.json()["refresh_token"]}
    proved = {"DPoP": proof("POST", "/auth/refresh/", nonce=proving.nonce())}
    assert Client().post("/auth/refresh/", body, headers=proved).status_code == 200


def check_goes_on(answers: list[Any], user: Any) -> None:
    for answer in answers:
        assert "error" not in answer, answer
        got = answer["result"]
        # oauth4webapi writes it in small letters.
        assert {got[it]["token_type"].lower() for it in ("first", "second", "again")} == {"dpop"}
        jtis = [claims(got[it]["refresh_token"])["jti"] for it in ("first", "second", "again")]
        assert jtis[0] != jtis[1] == jtis[2]
        assert got["me"]["user"] == got["after"]["user"] == user.get_username()
        sid = claims(got["first"]["access_token"])["sid"]
        assert Session.objects.get(pk=sid).jkt == got["jkt"]
        assert claims(got["again"]["access_token"])["cnf"] == {"jkt": got["jkt"]}


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_clients_on_node_log_in_and_go_on(ann: Any, live_server: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = ALL
    credentials = {ann.USERNAME_FIELD: ann.get_username(), "password": PASSWORD}
    question = {"base": live_server.url, "credentials": credentials}
    answers = ask_node(
        "bound.mjs",
        [
            question | {"act": "proving", "algorithm": "ES256"},
            question | {"act": "proving", "algorithm": "Ed25519"},
            question | {"act": "client"},
        ],
    )
    check_goes_on(answers, ann)
    assert answers[0]["result"]["nonces"] == ["/auth/refresh/"] * 2
    # It keeps the nonce of the first refusal, and sends it along to the end.
    assert answers[2]["result"]["errors"] == ["use_dpop_nonce"]


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_clients_on_node_are_refused_what_they_must_be(
    ann: Any, live_server: Any, settings: Settings
) -> None:
    """An algorithm that is not in ``algs``."""
    settings.JWT_REFRESH = PAIR | {"DPOP": "required"}
    credentials = {ann.USERNAME_FIELD: ann.get_username(), "password": PASSWORD}
    question = {"base": live_server.url, "credentials": credentials, "act": "proving"}
    (answer,) = ask_node("bound.mjs", [question | {"algorithm": "RS256"}])
    assert answer["result"]["first"]["code"] == "token_invalid"
    assert not sessions.revoke_user(ann, "test")
