"""The proof in a request: where it is looked at, what it costs, and that it is good once."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import request_finished
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from pytest_django import Settings
from rest_framework.request import Request

from jwt_refresh import sessions
from jwt_refresh.authentication import authenticate
from jwt_refresh.core import binding
from jwt_refresh.exceptions import (
    NonceNeeded,
    ProofInvalid,
)
from jwt_refresh.login import log_in
from jwt_refresh.models import Session
from jwt_refresh.sessions import proving, refreshing
from jwt_refresh.testing import start_session
from tests.support.devices import PASSWORD, START, Device
from tests.support.http import MINUTE, said
from tests.support.proofs import BoundDevice, ProofKey
from tests.support.statements import statements
from tests.support.threads import race
from tests.support.told import Told, names

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

COMMITS = pytest.mark.django_db(transaction=True, databases="__all__")
"""What is told waits for a commit."""
KEY = ProofKey()
NOW = int(START.timestamp())
ALL = {"DPOP": "all"}


@pytest.fixture(autouse=True)
def _bound(settings: Settings) -> None:
    settings.JWT_REFRESH = ALL


def asked(
    method: str = "GET", where: str = "/", *, proof: str | None = None, **extra: Any
) -> HttpRequest:
    """A request with a good proof, or with this one."""
    plain = RequestFactory().generic(method, where, **extra)
    plain.META["HTTP_DPOP"] = KEY.proof(method, where) if proof is None else proof
    return plain


def key_of(request: HttpRequest, *, fresh: bool = False) -> str:
    return proving.check_key(KEY.jkt, request, fresh=fresh).jkt


# The nonce


def test_a_nonce_is_the_same_for_everybody_for_a_while(clock: Any) -> None:
    first = proving.nonce()
    assert first == proving.nonce()
    clock.shift(proving.NONCE_SECONDS)
    assert first != proving.nonce()


@pytest.mark.parametrize("ahead", [0, 1, proving.NONCE_SECONDS - 1])
def test_a_nonce_is_good_until_the_end_of_the_next_while(clock: Any, ahead: int) -> None:
    """Whenever it was handed out, there is time to use it."""
    clock.move_to(NOW - NOW % proving.NONCE_SECONDS + ahead)
    nonce = proving.nonce()
    clock.shift(2 * proving.NONCE_SECONDS - ahead - 1)
    assert key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)
    clock.shift(1)
    with pytest.raises(NonceNeeded):
        key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)


def test_a_nonce_of_a_server_whose_clock_is_ahead_is_good(clock: Any) -> None:
    """It begins the next while before we do."""
    clock.move_to(NOW - NOW % proving.NONCE_SECONDS)
    nonce = proving.nonce()
    clock.shift(-30)
    assert key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)
    clock.shift(-proving.NONCE_SECONDS)
    with pytest.raises(NonceNeeded):
        key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)


def test_a_nonce_outlives_a_change_of_the_secret(settings: Settings) -> None:
    nonce = proving.nonce()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 64, [settings.SECRET_KEY]
    assert proving.nonce() != nonce
    assert key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NonceNeeded):
        key_of(asked(proof=KEY.proof("GET", "/", nonce=nonce)), fresh=True)


def test_a_nonce_says_nothing_of_the_secret(settings: Settings) -> None:
    assert settings.SECRET_KEY not in proving.nonce()
    assert proving.nonce().isalnum()
    assert len(proving.nonce()) == 64


# Once


@pytest.mark.parametrize("nonce", [False, True])
def test_a_proof_is_remembered_for_as_long_as_it_would_be_taken(clock: Any, nonce: bool) -> None:
    """From the first second in which it is, to the last one."""
    claims: dict[str, Any] = {"iat": NOW + binding.WINDOW + 5}
    longest = 2 * (binding.WINDOW + 5)
    if nonce:
        clock.move_to(NOW - NOW % proving.NONCE_SECONDS)
        claims, longest = {"nonce": proving.nonce()}, 2 * proving.NONCE_SECONDS - 1
    proof = KEY.proof("GET", "/", **claims)
    assert key_of(asked(proof=proof))
    for age in (0, 1, longest):
        clock.move_to(NOW + age if not nonce else NOW - NOW % proving.NONCE_SECONDS + age)
        with pytest.raises(ProofInvalid, match=r"^proof: used before$"):
            key_of(asked(proof=proof))
    clock.shift(1)
    with pytest.raises(NonceNeeded):
        key_of(asked(proof=proof))


def test_a_proof_is_remembered_through_a_change_of_the_secret(settings: Settings) -> None:
    proof = KEY.proof("GET", "/")
    assert key_of(asked(proof=proof))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 64, [settings.SECRET_KEY]
    with pytest.raises(ProofInvalid, match=r"^proof: used before$"):
        key_of(asked(proof=proof))


@pytest.mark.parametrize("port", ["65536", "99999"])
def test_a_host_that_no_request_can_have_fits_no_proof(port: str) -> None:
    """The client says it, and Django takes any digits for a port."""
    for where in ("/", f"http://testserver:{port}/"):
        proof = KEY.proof("GET", where)
        with pytest.raises(ProofInvalid, match=r"^proof: htu is no URI$"):
            key_of(asked(proof=proof, HTTP_HOST=f"testserver:{port}"))


def test_nobody_uses_up_what_another_client_will_send() -> None:
    """Whoever guesses a jti needs the key as well."""
    other = ProofKey()
    proving.check_key(other.jkt, asked(proof=other.proof("GET", "/", jti="j")), fresh=False)
    assert key_of(asked(proof=KEY.proof("GET", "/", jti="j")))
    with pytest.raises(ProofInvalid):
        key_of(asked("POST", "/", proof=KEY.proof("POST", "/", jti="j")))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of the cache."""
    made: list[str] = []
    for name in ("add", "get", "set", "incr", "has_key", "delete"):
        method = getattr(LocMemCache, name)

        def called(self: Any, *args: Any, _name: str = name, _do: Any = method, **kw: Any) -> Any:
            made.append(_name)
            return _do(self, *args, **kw)

        monkeypatch.setattr(LocMemCache, name, called)
    return made


def test_a_proof_costs_one_call_of_the_cache_and_one_that_is_none_nothing(
    ann: Any, calls: list[str]
) -> None:
    token = sessions.start(ann, jkt=KEY.jkt).access_token
    good = {"Authorization": f"DPoP {token}", "DPoP": KEY.proof("GET", "/me/", token=token)}
    assert Client().get("/me/", headers=good).status_code == 200
    assert calls == ["add"]
    calls.clear()
    for proof in ("x", KEY.proof("GET", "/other/"), KEY.proof("GET", "/me/", iat=0)):
        bad = {"Authorization": f"DPoP {token}", "DPoP": proof}
        assert Client().get("/me/", headers=bad).status_code == 401
    bearer = {"Authorization": f"Bearer {sessions.start(ann, jkt='').access_token}"}
    assert Client().get("/me/", headers=bearer).status_code == 200
    assert calls == []


def test_a_proof_is_verified_once_in_a_request_whoever_asks(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sessions.start(ann, jkt=KEY.jkt).access_token
    read = Mock(side_effect=binding.read)
    monkeypatch.setattr(binding, "read", read)
    request = asked(proof=KEY.proof("GET", "/", token=token))
    for _ in range(3):
        assert authenticate(token, request)[0] == ann
    assert read.call_count == 1
    # The one proof speaks for its own token alone.
    other = sessions.start(ann, jkt=KEY.jkt).access_token
    with pytest.raises(ProofInvalid, match=r"^proof: ath$"):
        authenticate(other, request)
    with pytest.raises(NonceNeeded):
        key_of(request, fresh=True)


# Where the cache is away


class Away(LocMemCache):
    def add(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("redis://:hunter2@cache.example")


class Hiding(LocMemCache):
    """As clients answer that ignore errors."""

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return False

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return None


@pytest.mark.parametrize("backend", ["Away", "Hiding"])
def test_a_proof_that_nobody_can_remember_is_refused_for_now(
    ann: Any, settings: Settings, backend: str, log: Any
) -> None:
    settings.JWT_REFRESH = ALL | {"LOGIN_RATE": None, "REFRESH_RATE": None}
    owner = BoundDevice(ann)
    owner.login()
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{backend}"}}
    for response in (owner.get(), owner.refresh(), owner.login(), owner.verify()):
        assert said(response)[:2] == (503, "unavailable")
    assert "hunter2" not in log.text
    # Who sends no proof needs no memory of them.
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "refresh"}
    phone = Device(ann)
    assert phone.login().status_code == phone.get().status_code == 200


# The request that it is for


@pytest.mark.parametrize(
    ("where", "extra"),
    [
        ("https://api.example.com/a/b/", {"secure": True, "HTTP_HOST": "api.example.com"}),
        ("https://api.example.com/a/b/", {"secure": True, "HTTP_HOST": "api.example.com:443"}),
        ("http://api.example.com/a/b/", {"HTTP_HOST": "API.example.com:80"}),
        ("http://api.example.com:8000/a/b/", {"HTTP_HOST": "api.example.com:8000"}),
        ("http://[::1]:8000/a/b/", {"HTTP_HOST": "[::1]:8000"}),
        ("http://testserver/shop/a/b/", {"SCRIPT_NAME": "/shop"}),
        (
            "https://api.example.com/a/b/",
            {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "api.example.com"},
        ),
    ],
)
def test_a_request_has_the_address_that_its_client_knows(
    settings: Settings, where: str, extra: dict[str, Any]
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.USE_X_FORWARDED_HOST = "HTTP_X_FORWARDED_HOST" in extra
    secure = extra.pop("secure", False)
    plain = RequestFactory().get("/a/b/?next=/c/#d", secure=secure, **extra)
    plain.META["HTTP_DPOP"] = KEY.proof("GET", where)
    assert key_of(plain)
    plain = RequestFactory().get("/a/b/", secure=secure, **extra)
    plain.META["HTTP_DPOP"] = KEY.proof("GET", where.replace("/b/", "/c/"))
    with pytest.raises(ProofInvalid, match=r"^proof: htu$"):
        key_of(plain)


@pytest.mark.parametrize(
    "path",
    [
        "/%ED%95%9C/",
        "/a%20b",
        "/a%2Fb",
        "/a%3Ab;c=d,e",
        "/a+b@c&d=$",
        "/%7Eann/",
        "/a//b",
        "/a%25",
    ],
)
def test_a_path_is_the_same_to_both_however_it_is_escaped(path: str) -> None:
    assert key_of(asked(where=path))


@pytest.mark.parametrize("host", ["evil.example", "a b", "x:y:z", "", "\xe9"])
def test_a_host_that_is_not_ours_is_refused_as_a_proof_is(host: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    with pytest.raises(ProofInvalid, match=r"^proof: the host of the request$"):
        key_of(asked(HTTP_HOST=host))


# From Python


def test_without_a_request_a_bound_token_is_good_for_nothing(ann: Any) -> None:
    """For WebSockets, GraphQL, other frameworks."""
    token = sessions.start(ann, jkt=KEY.jkt).access_token
    for check in (authenticate, sessions.refresh):
        with statements(0 if check is authenticate else 1), pytest.raises(ProofInvalid):
            check(token)
    assert authenticate(token, asked(proof=KEY.proof("GET", "/", token=token)))[0] == ann


def test_a_login_of_a_project_is_bound_to_the_proof_of_its_request(ann: Any) -> None:
    plain = asked("POST", "/code/")
    assert sessions.start(ann, plain).token_type == "DPoP"
    assert sessions.start(ann, Request(plain)).token_type == "DPoP"
    assert {it.jkt for it in Session.objects.all()} == {KEY.jkt}


def test_a_login_of_a_project_may_say_what_it_is_bound_to(ann: Any) -> None:
    """To a key that was proved by an earlier request of the same login; or to none."""
    other = ProofKey()
    assert sessions.start(ann, asked(), jkt=other.jkt).session.jkt == other.jkt
    assert sessions.start(ann, asked(), jkt="").session.jkt == ""
    assert sessions.start(ann).session.jkt == ""
    for wrong in ("x", other.jkt[:-1], other.jkt + "=", other.jkt[:-1] + "_", "é" * 43):
        with pytest.raises(ValueError, match="thumbprint"):
            sessions.start(ann, jkt=wrong)


def test_where_a_proof_is_required_a_login_without_one_is_none(
    ann: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = {"DPOP": "required"}
    for request in (None, RequestFactory().post("/")):
        with statements(0), pytest.raises(ProofInvalid, match=r"^no proof, where each login"):
            sessions.start(ann, request)
    assert sessions.start(ann, asked()).session.jkt == KEY.jkt
    assert sessions.start(ann, jkt="").session.jkt == ""
    # A test of a project logs in without.
    assert start_session(ann).token_type == "Bearer"


@pytest.mark.parametrize("dpop", ["refresh", "all", "required"])
def test_a_bad_proof_at_login_is_refused_before_any_query(
    ann: Any, settings: Settings, dpop: str
) -> None:
    """It is no wrong password: nobody is told that it was, and it counts for nothing."""
    settings.JWT_REFRESH = {"DPOP": dpop, "LOGIN_RATE": "1/min"}
    phone = BoundDevice(ann)
    for _ in range(3):
        with statements(0):
            response = phone.post("/auth/login/", named(ann), token=None, DPoP="x")
        assert said(response)[:2] == (401, "token_invalid")
        assert "invalid_dpop_proof" in response["WWW-Authenticate"]
    assert phone.login().status_code == 200


def test_where_it_is_off_a_proof_at_login_is_not_even_read(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = {}
    plain = asked("POST", "/", proof="x")
    assert log_in(plain, named(ann)).session.jkt == ""


def named(user: Any) -> dict[str, str]:
    return {user.USERNAME_FIELD: user.get_username(), "password": PASSWORD}


@COMMITS
def test_a_violation_is_told_once_a_minute_for_each_session(ann: Any, clock: Any, log: Any) -> None:
    tokens = [sessions.start(ann, jkt=KEY.jkt).access_token for _ in range(2)]

    def warned() -> int:
        for token in tokens * 3:
            with pytest.raises(ProofInvalid):
                sessions.refresh(token)
        events = [it.event for it in log.records if it.name == "jwt_refresh"]
        log.clear()
        return events.count("binding_violated")

    assert warned() == 2
    clock.shift(MINUTE - 1)
    assert warned() == 0
    clock.shift(1)
    assert warned() == 2


@COMMITS
def test_a_violation_is_told_where_the_cache_is_away(
    ann: Any, settings: Settings, log: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Away"}}
    token = sessions.start(ann, jkt=KEY.jkt).access_token
    for _ in range(2):
        log.clear()
        with pytest.raises(ProofInvalid):
            sessions.refresh(token)
        events = [it.event for it in log.records if it.name == "jwt_refresh"]
        assert events == ["store_unavailable", "binding_violated"]


@COMMITS
def test_a_violation_is_told_after_a_transaction_round_the_request(ann: Any, told: Told) -> None:
    """Which is rolled back, since the answer is an error."""
    claims = proving.refreshable(sessions.start(ann, jkt=KEY.jkt).access_token, None)
    told.clear()
    with pytest.raises(ProofInvalid), transaction.atomic():
        refreshing.exchange(claims)
    assert names(told) == []
    request_finished.send(type(ann))
    assert names(told) == ["violated"]


# At once


@COMMITS
def test_of_eight_that_send_one_proof_at_once_one_is_let_in(ann: Any) -> None:
    token = sessions.start(ann, jkt=KEY.jkt).access_token
    proof = KEY.proof("GET", "/", token=token)
    results = race(8, lambda: authenticate(token, asked(proof=proof))[0])
    assert sorted(str(it) for it in results) == sorted(["proof: used before"] * 7 + [str(ann)])


@COMMITS
def test_eight_tabs_that_hold_an_old_token_get_one_successor(ann: Any, clock: Any) -> None:
    """Each with a proof of its own, however late: nobody is taken for a thief."""

    old = sessions.start(ann, jkt=KEY.jkt).access_token

    def refresh() -> Any:
        proof = KEY.proof("POST", "/", nonce=proving.nonce())
        return sessions.refresh(old, request=asked("POST", "/", proof=proof))

    for _ in range(2):
        results = race(8, refresh)
        jtis = {it.session.current_jti for it in results}
        assert jtis == {Session.objects.get().current_jti}
        clock.shift(20 * MINUTE)
    assert Session.objects.get().generation == 1
