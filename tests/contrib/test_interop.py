"""Our tokens and keys with the libraries of others: joserfc, PyJWT's client, and jose on Node.

``JOSE`` names the directory in which npm has installed ``jose``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from django.test import Client
from joserfc import jwk
from joserfc import jwt as joserfc
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.core.keys.generating import generate_private_key
from jwt_refresh.sessions import checking
from tests.support.devices import PAIR
from tests.support.honest import AUDIENCE, ISSUER
from tests.support.servers import HOST

from .node import ask_node

pytestmark = pytest.mark.django_db

RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
EC = ["ES256", "ES384", "ES512"]
ALGORITHMS = [*RSA, *EC, "EdDSA", "Ed25519"]
# PyJWT knows no JWK whose alg is Ed25519: who has such clients stays with the name EdDSA.
OF_PYJWT = [name for name in ALGORITHMS if name != "Ed25519"]


@cache
def private_key(name: str) -> str:
    """One for all algorithms that share a kind of key: to make one for RSA takes its time."""
    return generate_private_key(name)


def pem_for(algorithm: str) -> str:
    return private_key("RS256" if algorithm in RSA else algorithm)


def joserfc_key(algorithm: str) -> jwk.Key:
    kinds: dict[str, Any] = dict.fromkeys(RSA, "RSA") | dict.fromkeys(EC, "EC")
    key: jwk.Key = jwk.import_key(pem_for(algorithm), kinds.get(algorithm, "OKP"))
    return key


class KeySetServer(ThreadingHTTPServer):
    """Serves what ``jwks.json`` answered, as another service would fetch it."""

    answer: Any = None


class Handler(BaseHTTPRequestHandler):
    server: KeySetServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.server.answer["Content-Type"])
        self.end_headers()
        self.wfile.write(self.server.answer.content)

    def log_message(self, *args: Any) -> None:
        """Not on the terminal of the tests."""


@pytest.fixture
def server(settings: Settings, algorithm: str) -> Iterator[KeySetServer]:
    """A key of ``algorithm`` is in force, and its public half is served."""
    settings.JWT_REFRESH = PAIR | {
        "ALGORITHM": algorithm,
        "PRIVATE_KEYS": [pem_for(algorithm)],
        "ISSUER": ISSUER,
        "AUDIENCE": AUDIENCE,
        "CLIENT_ID": "web",
    }
    with KeySetServer((HOST, 0), Handler) as listening:
        listening.answer = Client().get("/auth/jwks.json")
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def url_of(server: KeySetServer) -> str:
    return f"http://{HOST}:{server.server_port}/jwks.json"


class Ours:
    """A token that we issued, its parts, and a test of what others make of them."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.token = sessions.start(user).access_token
        self.header = jwt.get_unverified_header(self.token)
        self.claims: dict[str, Any] = jwt.decode(self.token, options={"verify_signature": False})

    def check(self, token: str) -> None:
        """A token of others, with our key and our claims, is as good as ours."""
        assert token.split(".")[2] != ""
        session, claims = checking.authenticate(token, None)
        assert session.user == self.user
        assert dict(claims) == self.claims


@pytest.fixture
def ours(ann: Any, server: KeySetServer, algorithm: str) -> Ours:
    made = Ours(ann)
    assert (made.header["alg"], made.header["typ"]) == (algorithm, "at+jwt")
    assert made.claims.keys() >= {"iss", "aud", "client_id", "sub", "jti", "iat", "exp"}
    return made


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_joserfc_reads_ours_and_we_read_its(
    ours: Ours, server: KeySetServer, algorithm: str
) -> None:
    keys = jwk.KeySet.import_key_set(server.answer.json())
    read = joserfc.decode(ours.token, keys, algorithms=[algorithm])
    assert (read.header, read.claims) == (ours.header, ours.claims)
    key = joserfc_key(algorithm)
    assert key.thumbprint() == ours.header["kid"]
    ours.check(joserfc.encode(ours.header, ours.claims, key, algorithms=[algorithm]))


@pytest.mark.parametrize("algorithm", OF_PYJWT)
def test_pyjwt_fetches_our_keys_and_we_read_its_tokens(
    ours: Ours, server: KeySetServer, algorithm: str
) -> None:
    key = jwt.PyJWKClient(url_of(server)).get_signing_key_from_jwt(ours.token)
    assert key.algorithm_name == algorithm
    read = jwt.decode(ours.token, key, algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER)
    assert read == ours.claims
    ours.check(jwt.encode(ours.claims, pem_for(algorithm), algorithm, headers=ours.header))


@pytest.mark.full
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_jose_reads_ours_and_we_read_its(ours: Ours, server: KeySetServer, algorithm: str) -> None:
    private = joserfc_key(algorithm).as_dict(private=True)
    expected = {"issuer": ISSUER, "audience": AUDIENCE, "typ": "at+jwt", "algorithms": [algorithm]}
    verify = {"act": "verify", "url": url_of(server), "expected": expected}
    sign = {"act": "sign", "key": private, "header": ours.header, "claims": ours.claims}
    forged = f"{ours.token[:-12]}AAAAAAAAAAAA"
    questions = [verify | {"token": ours.token}, verify | {"token": forged}, sign]
    read, refused, signed = ask_node("interop.mjs", questions)
    assert read == {"result": {"payload": ours.claims, "header": ours.header}}
    assert refused == {"error": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}
    ours.check(signed["result"])


def test_what_is_missing_is_left_out_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOSE", raising=False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="npm"):
        ask_node("interop.mjs", [])
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="npm"):
        ask_node("interop.mjs", [])
