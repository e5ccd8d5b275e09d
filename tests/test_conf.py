from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

import tests.settings
from jwt_refresh.conf import Conf, conf
from jwt_refresh.core.claims import Kind
from jwt_refresh.core.rotation import Windows
from jwt_refresh.exceptions import TokenInvalid

from .support.forging import segment
from .support.key_pairs import private_jwk, private_key, private_pem

pytestmark = pytest.mark.usefixtures("clock")

OLD = "the old secret, which is long enough for HS256"
ED = private_key("EdDSA")
NEW = "the new secret, which is long enough for HS256"

DEFAULTS = {
    "SECRET": None,
    "ALGORITHM": "HS256",
    "PRIVATE_KEYS": (),
    "PUBLIC_KEYS": (),
    "ISSUER": None,
    "AUDIENCE": None,
    "CLIENT_ID": None,
    "LEEWAY": timedelta(seconds=5),
    "LIFETIME": timedelta(minutes=30),
    "REFRESH_LIFETIME": None,
    "SESSION_LIFETIME": timedelta(days=30),
    "LOGIN_LIFETIMES": None,
    "DPOP": "off",
    "REFRESH_GRACE": timedelta(seconds=30),
    "RETRY_WINDOW": timedelta(days=1),
    "ON_REUSE": "session",
    "MAX_SESSIONS": None,
    "AUTH_HEADER_NAME": "Authorization",
    "AUTH_HEADER_TYPES": ("Bearer",),
    "ACCESS_COOKIE": None,
    "REFRESH_COOKIE": None,
    "COOKIE_SECURE": True,
    "COOKIE_SAMESITE": "Lax",
    "COOKIE_DOMAIN": None,
    "COOKIE_PATH": "/",
    "RECORD_CLIENT": "truncated",
    "USER_ID_FIELD": "pk",
    "CLAIMS": None,
    "LOGIN_RATE": "10/min",
    "REFRESH_RATE": "60/min",
    "DENYLIST_CACHE": None,
}


def issue(in_seconds: int = 0) -> str:
    iat = int(time.time()) + in_seconds
    return conf.issuer(None).issue(Kind.SLIDING, sub="1", sid="s", jti="j", iat=iat, exp=iat + 60)


def accepted(encoded: str) -> bool:
    try:
        return conf.verifier(None).current(encoded).sid == "s"
    except TokenInvalid:
        return False


def test_the_defaults_are_those_of_the_documents() -> None:
    assert {name: getattr(conf, name) for name in Conf.__annotations__} == DEFAULTS


def test_a_project_that_sets_nothing_has_a_dict_all_the_same() -> None:
    """Django raises and catches two errors for each look-up of a setting that is not there."""
    assert "JWT_REFRESH" not in vars(tests.settings)
    assert getattr(project, "JWT_REFRESH") == {}  # noqa: B009 - no setting that mypy knows


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_setting_is_read_whenever_it_is_asked_for(settings: Settings, name: str) -> None:
    value: Any = object()
    settings.JWT_REFRESH = {name: value}
    assert getattr(conf, name) is value
    del settings.JWT_REFRESH
    assert getattr(conf, name) == DEFAULTS[name]


def test_windows_follow_their_settings(settings: Settings) -> None:
    assert conf.windows() == Windows(grace=timedelta(seconds=30), retry=timedelta(days=1))
    settings.JWT_REFRESH = {"REFRESH_GRACE": timedelta(1), "RETRY_WINDOW": timedelta(2)}
    assert conf.windows() == Windows(grace=timedelta(1), retry=timedelta(2))


def test_a_changed_secret_refuses_what_the_old_one_signed(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": OLD}
    encoded = issue()
    assert accepted(encoded)
    settings.JWT_REFRESH = {"SECRET": NEW}
    assert not accepted(encoded)
    assert accepted(issue())


def test_a_secret_that_comes_second_still_verifies_and_no_longer_signs(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": OLD}
    encoded = issue()
    settings.JWT_REFRESH = {"SECRET": [NEW, OLD]}
    assert accepted(encoded)
    signed_by_new = issue()
    settings.JWT_REFRESH = {"SECRET": NEW}
    assert accepted(signed_by_new)


def test_without_a_secret_the_key_follows_secret_key(settings: Settings) -> None:
    encoded = issue()
    assert accepted(encoded)
    settings.SECRET_KEY = NEW
    assert not accepted(encoded)
    assert accepted(issue())


def test_a_fallback_of_secret_key_still_verifies_and_does_not_sign(settings: Settings) -> None:
    encoded = issue()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    assert accepted(encoded)
    signed_by_new = issue()
    settings.SECRET_KEY_FALLBACKS = []
    assert accepted(signed_by_new)
    assert not accepted(encoded)


def test_the_derived_key_is_not_secret_key_itself(settings: Settings) -> None:
    encoded = issue()
    settings.JWT_REFRESH = {"SECRET": settings.SECRET_KEY}
    assert not accepted(encoded)


def test_a_changed_algorithm_refuses_what_the_old_one_signed(settings: Settings) -> None:
    encoded = issue()
    settings.JWT_REFRESH = {"ALGORITHM": "HS512"}
    assert not accepted(encoded)
    assert accepted(issue())


@pytest.mark.parametrize("name", ["ISSUER", "AUDIENCE"])
def test_issuer_and_audience_are_written_and_asked_for_at_once(
    settings: Settings, name: str
) -> None:
    without = issue()
    settings.JWT_REFRESH = {name: "https://one.example"}
    assert not accepted(without)
    encoded = issue()
    assert accepted(encoded)
    settings.JWT_REFRESH = {name: "https://two.example"}
    assert not accepted(encoded)
    del settings.JWT_REFRESH
    assert not accepted(encoded)
    assert accepted(without)


@pytest.mark.parametrize("name", ["ISSUER", "AUDIENCE"])
def test_a_function_that_names_nobody_issues_and_verifies_nothing(
    settings: Settings, name: str
) -> None:
    """Else a tenant that is not known would share the tokens of all that are not."""
    encoded = issue()
    for answer in (None, "", 7, b"shop"):
        settings.JWT_REFRESH = {name: lambda request, answer=answer: answer}
        for act in (issue, lambda: conf.verifier(None).current(encoded)):
            with pytest.raises(ImproperlyConfigured, match="must return a text"):
                act()
    settings.JWT_REFRESH = {name: lambda request: "shop"}
    assert accepted(issue())
    assert not accepted(encoded)


def test_the_leeway_of_the_moment_decides_on_tokens_from_the_future(settings: Settings) -> None:
    early, earlier = issue(in_seconds=5), issue(in_seconds=6)
    assert [accepted(early), accepted(earlier)] == [True, False]
    settings.JWT_REFRESH = {"LEEWAY": timedelta(seconds=6)}
    assert accepted(earlier)
    settings.JWT_REFRESH = {"LEEWAY": timedelta(0)}
    assert not accepted(early)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SECRET": OLD},
        {"SECRET": [NEW, OLD]},
        {"SECRET": [NEW, {"kty": "oct", "alg": "HS256", "k": segment(OLD.encode())}]},
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(ED)]},
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_jwk(ED)], "SECRET": [None]},
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": lambda: [private_pem(ED)]},
    ],
)
def test_keys_are_prepared_once_while_settings_stand_still(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    keyring, verifier = conf.keyring(), conf.verifier(None)
    assert conf.keyring() is keyring
    assert conf.verifier(None) is verifier
    settings.JWT_REFRESH = {"SECRET": "another secret, which is long enough for HS256"}
    assert conf.keyring() is not keyring
    assert conf.verifier(None) is not verifier


def test_a_key_that_is_changed_in_its_place_is_seen(settings: Settings) -> None:
    """A project may hold its keys in one list, and change that."""
    keys: list[Any] = [private_jwk(ED)]
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": keys}
    encoded = issue()
    keys[0] |= {"kid": "another name"}
    assert not accepted(encoded)
    keys[:] = [private_pem(ED)]
    assert accepted(encoded)


@pytest.mark.parametrize("secret", ["short", [NEW, "short"]])
def test_a_secret_that_is_too_short_signs_nothing(settings: Settings, secret: Any) -> None:
    settings.JWT_REFRESH = {"SECRET": secret}
    with pytest.raises(ValueError, match="32 bytes"):
        conf.issuer(None)
    with pytest.raises(ValueError, match="32 bytes"):
        conf.verifier(None)
