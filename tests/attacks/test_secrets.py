"""What an attacker learns from answers, logs and keys: nothing that could be used."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from jwt_refresh.conf import conf
from jwt_refresh.core.keys.keyring import hmac_key
from jwt_refresh.models import Session
from tests.support.devices import PASSWORD, Device, make_user
from tests.support.honest import ALGORITHMS, ring_of, settings_of

from .places import PLACES
from .table import PAIRS

pytestmark = pytest.mark.django_db

NAME = get_user_model().USERNAME_FIELD
KNOWN_SECRETS = ["letmein", "changeme", "password", "your-256-bit-secret", "12345678", "k" * 31]


def log_in(name: str, password: str = PASSWORD, agent: str = "curl") -> Any:
    credentials = {NAME: name, "password": password}
    return Client(headers={"User-Agent": agent}).post(
        "/auth/login/", credentials, content_type="application/json"
    )


# Keys, of A03 and A28


@pytest.mark.parametrize("algorithm", PAIRS)
def test_a03_no_public_key_becomes_a_secret(algorithm: str) -> None:
    for text in ring_of(algorithm).public.values():
        with pytest.raises(ValueError, match="another algorithm"):
            hmac_key([text], "HS256")


@pytest.mark.parametrize("algorithm", PAIRS)
def test_a03_a_secret_and_key_pairs_do_not_start_together(algorithm: str, settings: Any) -> None:
    """Unless the secret is given as a list, which says that the mixture is meant."""
    secret = ring_of("HS256").settings
    for mixed in (
        ring_of(algorithm).settings | secret,
        secret | {"PRIVATE_KEYS": ring_of(algorithm).settings["PRIVATE_KEYS"]},
    ):
        settings.JWT_REFRESH = mixed
        with pytest.raises(SystemCheckError):
            call_command("check")


@pytest.mark.parametrize("secret", KNOWN_SECRETS)
def test_a28_a_weak_secret_does_not_start(secret: str, settings: Any) -> None:
    settings.JWT_REFRESH = {"SECRET": secret}
    with pytest.raises(SystemCheckError) as refusal:
        call_command("check")
    assert secret not in str(refusal.value)


# Who is there: A37


def test_a37_a_login_tells_nobody_who_has_an_account(
    ann: Any, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer, for the price of one hash."""
    hash_once = Mock(side_effect=MD5PasswordHasher().encode)
    monkeypatch.setattr(MD5PasswordHasher, "encode", hash_once)
    inactive = make_user("eve@example.com")
    get_user_model()._default_manager.filter(pk=inactive.pk).update(is_active=False)
    answers = []
    for name, password in (
        ("ann@example.com", "wrong"), ("nobody@example.com", "wrong"),
        ("eve@example.com", "wrong"), ("eve@example.com", PASSWORD), ("a" * 4096, "wrong"),
    ):  # fmt: skip
        hash_once.reset_mock()
        response = log_in(name, password)
        answers.append(
            (response.status_code, response.content, response.headers, hash_once.call_count)
        )
    assert answers == [answers[0]] * 5
    assert answers[0][0] == 401
    assert "example.com" not in log.text


# What an attacker may write: A39

HOSTILE = {
    "CR and LF": "a\r\nevent=session_started user_id=1",
    "HTML": "<script>alert(1)</script>",
    "escapes of a terminal": "a\x1b[2J\x1b]0;x\x07",
    "a megabyte": "a" * 1_000_000,
    "NUL": "a\0b",
    "formats": "%s%n{0.__class__}$(id)",
    "other lines": "a\u2028b\u2029c\x85d\x0b\x0c",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a39_nothing_of_a_client_makes_a_record_of_its_own(
    phone: Device, log: Any, text: str
) -> None:
    """In user name, user agent, key of a try, and token."""
    assert log_in(text, text).status_code in (400, 401, 413)
    assert log_in("ann@example.com", agent=text).status_code == 200
    phone.login()
    phone.post("/auth/refresh/", **{"User-Agent": text, "Idempotency-Key": text[:255]})
    for place in PLACES:
        place.send(text)
    ours = [record.getMessage() for record in log.records if record.name == "jwt_refresh"]
    assert len(ours) >= 10
    for message in ours:
        assert message.isprintable()
        assert len(message) < 500
        assert text not in message
    for agent in Session.objects.values_list("agent", flat=True):
        assert agent.isprintable()
        assert len(agent) <= 255


# Public keys: A42


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a42_the_key_set_is_public(algorithm: str, settings: Any) -> None:
    settings.JWT_REFRESH = settings_of(ring_of(algorithm))
    response = Client().get("/auth/jwks.json")
    keys = response.json()["keys"]
    assert len(keys) == (0 if algorithm == "HS256" else 1)
    for key in keys:
        assert key.keys() <= {"kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"}
        assert (key["alg"], key["use"]) == (algorithm, "sig")


@pytest.mark.parametrize("algorithm", PAIRS)
def test_a42_a_retired_secret_is_not_in_the_key_set(algorithm: str, settings: Any) -> None:
    secrets = {"SECRET": [ring_of("HS256").settings["SECRET"]]}
    settings.JWT_REFRESH = ring_of(algorithm).settings | secrets
    assert {key.algorithm for key in conf.keyring().keys} == {algorithm, "HS256"}
    keys = Client().get("/auth/jwks.json").json()["keys"]
    assert [key["alg"] for key in keys] == [algorithm]
