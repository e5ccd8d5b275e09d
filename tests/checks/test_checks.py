from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import ERROR, INFO, WARNING
from django.db import models
from django.http import HttpRequest
from django.urls import include, path
from django.utils.functional import cached_property
from pytest_django import Settings

from jwt_refresh import checks
from jwt_refresh.checks.cookies import check_path
from jwt_refresh.checks.rules import check_user_id
from jwt_refresh.conf import Conf
from jwt_refresh.models import Session
from tests.support.complaints import complaints
from tests.support.forging import segment
from tests.support.key_pairs import private_jwk, private_key, private_pem, public_jwk, public_pem

GOOD = "k3Vd-9sQ_wZ7pLr2XbTn8YcFhJm4GqAu"
"""A secret of 32 characters."""
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NONE = timedelta(0)
ED = private_key("EdDSA")
SIGNER: dict[str, Any] = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(ED)]}
SERVICE: dict[str, Any] = {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(ED)]}
OTHER = public_pem(private_key("EdDSA", 1))


def failing() -> None:
    raise RuntimeError("hunter2")


def keys() -> list[str]:
    return [private_pem(ED)]


SHARED_CACHE = "django.core.cache.backends.redis.RedisCache"


def claims(user: Any, session: Session) -> None:
    """A function that takes what the one of ``CLAIMS`` is given; no check calls it."""


def tenant(request: HttpRequest | None) -> None:
    """The same for ``ISSUER`` and ``AUDIENCE``."""


urlpatterns = [path("<tenant>/auth/", include("jwt_refresh.urls"))]


async def awaited(user: Any, session: Session) -> None:
    """One that would have to be awaited."""


STATELESS = "jwt_refresh.authentication.StatelessJWTAuthentication"

ACCESS, REFRESH = "__Host-Http-access-token", "__Host-Http-refresh-token"
COOKIE: dict[str, Any] = {"ACCESS_COOKIE": "access-token"}
PAIR_BY_COOKIE: dict[str, Any] = {
    "ACCESS_COOKIE": ACCESS,
    "REFRESH_COOKIE": REFRESH,
    "REFRESH_LIFETIME": DAY,
}

BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("E001", "LIFE_TIME", {"LIFE_TIME": MINUTE}),
    ("E002", "LIFETIME", {"LIFETIME": 30}),
    *(("E002", "DPOP", {"DPOP": value}) for value in (None, True, "", "on", "ALL", ["all"])),
    ("E003", "ALGORITHM", {"ALGORITHM": "none"}),
    ("E003", "ALGORITHM", {"ALGORITHM": "hs256"}),
    ("E004", "SECRET", {"SECRET": GOOD[:31]}),
    ("E004", "SECRET", {"SECRET": GOOD, "ALGORITHM": "HS384"}),
    ("E004", "SECRET", {"SECRET": "abcd" * 8}),
    ("E004", "SECRET", {"SECRET": "a-string-secret-at-least-256-bits-long"}),
    (
        "E004",
        "SECRET",
        {"SECRET": "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long"},
    ),
    ("E003", "ALGORITHM", {"ALGORITHM": "EdDSA"}),
    ("E003", "ALGORITHM", SIGNER | {"ALGORITHM": "HS256"}),
    ("E003", "ALGORITHM", SERVICE | {"ALGORITHM": "HS256", "SECRET": GOOD}),
    ("E004", "SECRET", SIGNER | {"SECRET": GOOD}),
    ("E004", "SECRET", SIGNER | {"SECRET": []}),
    ("E004", "SECRET", {"SECRET": []}),
    ("E004", "SECRET", {"SECRET": [GOOD, "your-256-bit-secret-your-256-bit-secret"]}),
    ("E004", "SECRET", {"SECRET": [{"kty": "oct", "k": segment(GOOD[:31])}]}),
    ("E004", "SECRET", {"SECRET": [public_jwk(ED)]}),
    ("E004", "SECRET", {"SECRET": private_pem(ED)}),
    ("E004", "SECRET", {"SECRET": [GOOD, GOOD[:31]]}),
    ("E005", "LIFETIME", {"LIFETIME": SECOND / 2, "REFRESH_GRACE": NONE}),
    ("E005", "LIFETIME", {"LIFETIME": 400 * DAY + SECOND, "SESSION_LIFETIME": None}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": 30 * MINUTE - SECOND}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": NONE}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": timedelta.max}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": 36_525 * DAY + SECOND}),
    ("E005", "REFRESH_LIFETIME", {"REFRESH_LIFETIME": 30 * MINUTE - SECOND}),
    ("E005", "REFRESH_LIFETIME", {"REFRESH_LIFETIME": 400 * DAY + SECOND}),
    ("E006", "REFRESH_GRACE", {"REFRESH_GRACE": -SECOND}),
    ("E006", "RETRY_WINDOW", {"RETRY_WINDOW": -SECOND}),
    ("E006", "RETRY_WINDOW", {"RETRY_WINDOW": timedelta.max}),
    ("E006", "RETRY_WINDOW", {"RETRY_WINDOW": 400 * DAY + SECOND}),
    ("E007", "LEEWAY", {"LEEWAY": -SECOND}),
    ("E007", "LEEWAY", {"LEEWAY": 5 * MINUTE + SECOND}),
    ("E007", "LEEWAY", {"LEEWAY": timedelta.max}),
    ("E008", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": []}),
    ("E008", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": ["Bearer", "J W T"]}),
    *(
        ("E008", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": [scheme]})
        for scheme in ("Bearer\r\nX: y", "Be\tarer", "Bearer:", "Bär", "\ud800", '"Bearer"')
    ),
    *(
        ("E022", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": ["Bearer", scheme], "DPOP": "refresh"})
        for scheme in ("DPoP", "dpop")
    ),
    *(
        ("E009", "USER_ID_FIELD", {"USER_ID_FIELD": name})
        for name in (
            "shoe_size",
            "",
            "get_username",
            "objects",
            "groups",
            "_meta",
            "Meta",
            "password",
            "is_authenticated",
            "is_anonymous",
            "is_active",
            "__class__",
            "DoesNotExist",
        )
    ),
    ("W009", "USER_ID_FIELD", {"USER_ID_FIELD": "last_login"}),
    *(
        ("E020", "AUTH_HEADER_NAME", {"AUTH_HEADER_NAME": name})
        for name in (
            "",
            "X Token",
            "X_Token",
            "X-Token:",
            "X-Tok\u00e9n",
            "Cookie",
            "HOST",
            "Origin",
            "referer",
            "User-Agent",
            "Content-Type",
            "X-Token\n",
            "DPoP",
        )
    ),
    ("W011", "DPOP", COOKIE | {"DPOP": "all"}),
    ("W011", "DPOP", PAIR_BY_COOKIE | {"DPOP": "required"}),
    ("W010", "AUTH_HEADER_NAME", {"AUTH_HEADER_NAME": "X-Session"}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": "tests.nowhere.lifetimes"}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": "tests.support.devices.absent"}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": "tests.support.devices.START"}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": "lifetimes"}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": ".conftest.make_user"}),
    ("E010", "CLAIMS", {"CLAIMS": "tests.nowhere.claims"}),
    ("E010", "CLAIMS", {"CLAIMS": "tests.checks.broken.claims"}),
    ("E010", "CLAIMS", {"CLAIMS": "\ud800.claims"}),
    ("E010", "CLAIMS", {"CLAIMS": "a\0.claims"}),
    ("E010", "CLAIMS", {"CLAIMS": awaited}),
    ("E010", "CLAIMS", {"CLAIMS": keys}),
    ("E010", "LOGIN_LIFETIMES", {"LOGIN_LIFETIMES": tenant}),
    ("E010", "ISSUER", {"ISSUER": keys}),
    ("E010", "AUDIENCE", {"AUDIENCE": claims}),
    ("E011", "MAX_SESSIONS", {"MAX_SESSIONS": 0}),
    ("E011", "MAX_SESSIONS", {"MAX_SESSIONS": 1_000_001}),
    ("E011", "MAX_SESSIONS", {"MAX_SESSIONS": 2**63}),
    ("E013", "PRIVATE_KEYS", SIGNER | {"PRIVATE_KEYS": [public_pem(ED)]}),
    ("E013", "PRIVATE_KEYS", SIGNER | {"PRIVATE_KEYS": [private_pem(private_key("RS256"))]}),
    ("E013", "PRIVATE_KEYS", SIGNER | {"PRIVATE_KEYS": [private_jwk(ED) | {"use": "enc"}]}),
    ("E013", "PUBLIC_KEYS", SERVICE | {"PUBLIC_KEYS": ["/etc/keys/public.pem"]}),
    ("E013", "PUBLIC_KEYS", SIGNER | SERVICE),
    ("E014", "PRIVATE_KEYS", SIGNER | {"PRIVATE_KEYS": failing}),
    ("E014", "PRIVATE_KEYS", SIGNER | {"PRIVATE_KEYS": "tests.checks.test_checks.failing"}),
    ("E014", "PUBLIC_KEYS", SIGNER | {"PUBLIC_KEYS": failing}),
    ("E015", "LOGIN_RATE", {"LOGIN_RATE": "10"}),
    ("E015", "LOGIN_RATE", {"LOGIN_RATE": ""}),
    ("E015", "LOGIN_RATE", {"LOGIN_RATE": "many/min"}),
    ("E015", "REFRESH_RATE", {"REFRESH_RATE": "10/fortnight"}),
    ("E015", "REFRESH_RATE", {"REFRESH_RATE": "0/min"}),
    ("E016", "DENYLIST_CACHE", {"DENYLIST_CACHE": "nowhere", "RETRY_WINDOW": NONE}),
    ("E016", "DENYLIST_CACHE", {"DENYLIST_CACHE": "", "RETRY_WINDOW": NONE}),
    *(
        ("E017", name, {name: text})
        for name in ("ISSUER", "AUDIENCE", "CLIENT_ID")
        for text in ("", " ", "shop ", "a\nb", "\ud800", "가" * 86, "x" * 256)
    ),
    *(
        ("E031", "ACCESS_COOKIE", {"ACCESS_COOKIE": name})
        for name in (
            *("the token", "token;", "token=", "token,", '"token"', "t\u00f6 token", "token\n"),
            *("(token)", "token:", "token" * 21, "csrftoken"),
        )
    ),
    ("E031", "REFRESH_COOKIE", PAIR_BY_COOKIE | {"REFRESH_COOKIE": ACCESS}),
    ("E032", "ACCESS_COOKIE", {"ACCESS_COOKIE": "__Secure-token", "COOKIE_SECURE": False}),
    ("E032", "ACCESS_COOKIE", {"ACCESS_COOKIE": "__sEcUrE-token", "COOKIE_SECURE": False}),
    ("E032", "ACCESS_COOKIE", {"ACCESS_COOKIE": "__Http-token", "COOKIE_SECURE": False}),
    *(
        ("E032", "ACCESS_COOKIE", {"ACCESS_COOKIE": name} | attributes)
        for name in ("__Host-token", "__HOST-token", ACCESS, "__host-http-token")
        for attributes in (
            {"COOKIE_SECURE": False},
            {"COOKIE_PATH": "/auth/"},
            {"COOKIE_DOMAIN": "example.com"},
        )
    ),
    ("E033", "COOKIE_SAMESITE", COOKIE | {"COOKIE_SAMESITE": "None", "COOKIE_SECURE": False}),
    *(
        ("E034", "COOKIE_PATH", COOKIE | {"COOKIE_PATH": path})
        for path in (
            "",
            "auth/",
            "/auth/; Domain=example.com",
            "/a b/",
            "/\u00e4",
            "/\n",
            "/" * 256,
        )
    ),
    *(
        ("E035", "COOKIE_DOMAIN", COOKIE | {"COOKIE_DOMAIN": domain})
        for domain in ("", ".", "a..b", "example.com:8000", "https://a.b", "a; Secure", "x" * 254)
    ),
    ("W032", "COOKIE_PATH", COOKIE | {"COOKIE_PATH": "/api/"}),
    ("W032", "COOKIE_PATH", COOKIE | {"COOKIE_PATH": "/aut"}),
    ("W033", "REFRESH_COOKIE", {"REFRESH_COOKIE": REFRESH}),
    ("W034", "ACCESS_COOKIE", {"ACCESS_COOKIE": ACCESS, "REFRESH_LIFETIME": DAY}),
    ("W035", "ACCESS_COOKIE", {"ACCESS_COOKIE": "__Host-Http-access"}),
    ("W035", "REFRESH_COOKIE", PAIR_BY_COOKIE | {"REFRESH_COOKIE": "__Host-refresh"}),
    ("W003", "REFRESH_GRACE", {"REFRESH_GRACE": 30 * MINUTE}),
    ("W006", "SECRET", SIGNER | {"SECRET": [GOOD]}),
    ("W006", "SECRET", SERVICE | {"ALGORITHM": "HS256", "SECRET": [None]}),
    ("W007", "DENYLIST_CACHE", {"DENYLIST_CACHE": "default", "RETRY_WINDOW": NONE}),
]
WITHOUT_A_KEY = {
    *{"E012", "E018", "E021", "E030"},
    *{"W001", "W002", "W004", "W005", "W008", "W026", "W027", "W030", "W031", "W036", "W037"},
    "W040",
}
"""Rules on more than one value of the dict, or none; each has a test of its own."""

FINE: list[dict[str, Any]] = [
    {"AUTH_HEADER_NAME": "X-Auth-Token"},
    {"AUTH_HEADER_NAME": "authorization"},
    {},
    {"SECRET": None, "ISSUER": None, "AUDIENCE": None},
    COOKIE | {"DPOP": "refresh"},
    {"DPOP": "required", "REFRESH_COOKIE": REFRESH, "REFRESH_LIFETIME": DAY},
    {"AUTH_HEADER_TYPES": ["DPoP"]},
    {"SECRET": GOOD},
    {"SECRET": "가나다라마바사아자차카"},
    {"SECRET": (GOOD, GOOD[::-1])},
    {"SECRET": GOOD * 2, "ALGORITHM": "HS512"},
    {"ALGORITHM": "HS384", "ISSUER": "https://id.example", "AUDIENCE": "shop"},
    {"LIFETIME": SECOND, "REFRESH_GRACE": NONE, "RETRY_WINDOW": NONE, "LEEWAY": NONE},
    {"LIFETIME": 400 * DAY, "SESSION_LIFETIME": 400 * DAY, "LEEWAY": 5 * MINUTE},
    {"REFRESH_GRACE": 30 * MINUTE - SECOND, "SESSION_LIFETIME": None},
    {"AUTH_HEADER_TYPES": ["Bearer", "JWT", ""]},
    {"USER_ID_FIELD": get_user_model().USERNAME_FIELD},
    {"USER_ID_FIELD": "id"},
    {"SESSION_LIFETIME": 36_525 * DAY, "RETRY_WINDOW": 400 * DAY},
    {"ISSUER": "가" * 85, "AUDIENCE": "x" * 255, "CLIENT_ID": "a b"},
    {"REFRESH_LIFETIME": 30 * MINUTE},
    {"REFRESH_LIFETIME": 400 * DAY, "LIFETIME": 400 * DAY, "SESSION_LIFETIME": None},
    {"REFRESH_LIFETIME": 60 * DAY, "SESSION_LIFETIME": 30 * DAY},
    {"LOGIN_LIFETIMES": "tests.support.devices.make_user", "ON_REUSE": "user", "MAX_SESSIONS": 1},
    {"LOGIN_LIFETIMES": dict, "MAX_SESSIONS": 1_000_000},
    {"RECORD_CLIENT": "off"},
    SIGNER,
    SERVICE,
    SIGNER | {"PUBLIC_KEYS": (OTHER,), "ISSUER": "id.example.com"},
    SIGNER | {"PRIVATE_KEYS": keys},
    SIGNER | {"PRIVATE_KEYS": "tests.checks.test_checks.keys"},
    SIGNER | {"PRIVATE_KEYS": [private_jwk(ED)]},
    {"SECRET": [{"kty": "oct", "k": segment(GOOD)}, None]},
    {
        "CLAIMS": claims,
        "ISSUER": "tests.checks.test_checks.keys",
        "AUDIENCE": tenant,
        "CLIENT_ID": "shop",
    },
    {"LOGIN_RATE": None, "REFRESH_RATE": None},
    {"LOGIN_RATE": "1/s", "REFRESH_RATE": "1000/day"},
    {"ACCESS_COOKIE": ACCESS},
    PAIR_BY_COOKIE,
    PAIR_BY_COOKIE | {"COOKIE_SAMESITE": "None"},
    {"REFRESH_COOKIE": REFRESH, "REFRESH_LIFETIME": DAY},
    {"REFRESH_COOKIE": REFRESH, "LOGIN_LIFETIMES": dict},
    {"ACCESS_COOKIE": "__Secure-token", "COOKIE_DOMAIN": ".example.com", "COOKIE_PATH": "/auth"},
    {"ACCESS_COOKIE": "__Http-token", "COOKIE_DOMAIN": "x" * 253, "COOKIE_PATH": "/auth/"},
    {"ACCESS_COOKIE": "__Hosted-token", "COOKIE_SECURE": False, "COOKIE_SAMESITE": "Strict"},
    {"ACCESS_COOKIE": "token" * 20},
    # Nothing is made of them where there is no cookie.
    {"COOKIE_PATH": "nowhere", "COOKIE_DOMAIN": "", "COOKIE_SAMESITE": "None"},
    {"COOKIE_SECURE": False, "COOKIE_SAMESITE": "None"},
]

SECRETS = "a string or a list of (a string or a JWK or None) or None"
KEYS = "a list of (a string or a JWK) or a string or a function"
MISTYPED = [
    ("LIFETIME", 1800, "a timedelta"),
    ("LIFETIME", None, "a timedelta"),
    ("LEEWAY", 5, "a timedelta"),
    ("REFRESH_GRACE", "30", "a timedelta"),
    ("RETRY_WINDOW", None, "a timedelta"),
    ("SESSION_LIFETIME", 30.0, "a timedelta or None"),
    ("SECRET", b"bytes", SECRETS),
    ("SECRET", [GOOD, 7], SECRETS),
    ("SECRET", {GOOD}, SECRETS),
    ("SECRET", {"kty": "oct"}, SECRETS),
    ("PRIVATE_KEYS", None, KEYS),
    ("PRIVATE_KEYS", [None], KEYS),
    ("PUBLIC_KEYS", {"kty": "OKP"}, KEYS),
    ("PUBLIC_KEYS", [b"-----BEGIN PUBLIC KEY-----"], KEYS),
    ("ALGORITHM", None, "a string"),
    ("ISSUER", 7, "a string or a function or None"),
    ("AUDIENCE", ["shop"], "a string or a function or None"),
    ("CLIENT_ID", 7, "a string or None"),
    ("LOGIN_RATE", 10, "a string or None"),
    ("DENYLIST_CACHE", True, "a string or None"),
    ("AUTH_HEADER_TYPES", "Bearer", "a list of a string"),
    ("AUTH_HEADER_TYPES", ["Bearer", 7], "a list of a string"),
    ("AUTH_HEADER_TYPES", None, "a list of a string"),
    ("USER_ID_FIELD", 7, "a string"),
    ("ON_REUSE", "token", "'session' or 'user'"),
    ("ON_REUSE", None, "'session' or 'user'"),
    ("RECORD_CLIENT", True, "'off' or 'truncated' or 'full'"),
    ("MAX_SESSIONS", True, "a whole number or None"),
    ("MAX_SESSIONS", "3", "a whole number or None"),
    ("ACCESS_COOKIE", True, "a string or None"),
    ("COOKIE_SECURE", 1, "True or False"),
    ("COOKIE_SECURE", None, "True or False"),
    ("COOKIE_SAMESITE", None, "'Lax' or 'Strict' or 'None'"),
    ("COOKIE_SAMESITE", "lax", "'Lax' or 'Strict' or 'None'"),
    ("COOKIE_PATH", None, "a string"),
    ("LOGIN_LIFETIMES", MINUTE, "a string or a function or None"),
    ("CLAIMS", {"role": "admin"}, "a string or a function or None"),
]


@pytest.fixture(autouse=True)
def aware(settings: Settings) -> None:
    settings.USE_TZ = True


LEVELS = {"E": ERROR, "W": WARNING, "I": INFO}


def ids(messages: Sequence[Any] | None = None) -> list[str]:
    """Name the rules, each of which is as grave as the letter of its name says."""
    given = complaints() if messages is None else messages
    names = [message.id.removeprefix("jwt_refresh.") for message in given]
    assert [message.level for message in given] == [LEVELS[name[0]] for name in names]
    return names


@pytest.mark.parametrize("given", FINE)
def test_nothing_is_said_of_settings_that_are_fine(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    assert complaints() == []


def test_nothing_is_said_where_nothing_is_set() -> None:
    assert complaints() == []


@pytest.mark.parametrize(("expected", "name", "given"), BROKEN)
def test_a_broken_rule_is_named_with_its_key_and_the_mend(
    settings: Settings, expected: str, name: str, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    (message,) = complaints()
    assert message.id == f"jwt_refresh.{expected}"
    assert message.level == (ERROR if expected.startswith("E") else WARNING)
    assert repr(name) in message.msg
    assert message.hint


@pytest.mark.parametrize(("name", "value", "takes"), MISTYPED)
def test_a_wrong_type_is_named_with_the_right_one(
    settings: Settings, name: str, value: object, takes: str
) -> None:
    settings.JWT_REFRESH = {name: value}
    (message,) = complaints()
    assert message.id == "jwt_refresh.E002"
    assert repr(name) in message.msg
    assert message.hint == f"It takes {takes}."


@pytest.mark.parametrize("name", Conf.__annotations__)
def test_every_setting_has_a_type(settings: Settings, name: str) -> None:
    settings.JWT_REFRESH = {name: object()}
    assert ids() == ["E002"]


@pytest.mark.parametrize("given", [None, [], "LIFETIME", {"LIFETIME"}])
def test_settings_that_are_no_dict_are_an_error(settings: Settings, given: object) -> None:
    settings.JWT_REFRESH = given
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.E002", ERROR)
    assert "JWT_REFRESH must be a dict" in message.msg


@pytest.mark.parametrize("misspelt", ["LIFE_TIME", "lifetime", "LIFTIME", " LIFETIME"])
def test_a_misspelt_key_gets_the_right_spelling(settings: Settings, misspelt: str) -> None:
    settings.JWT_REFRESH = {misspelt: MINUTE}
    (message,) = complaints()
    assert message.hint == "Did you mean 'LIFETIME'?"


@pytest.mark.parametrize("unknown", ["BLACKLIST_AFTER", 7, None])
def test_a_key_that_is_like_none_gets_the_list_of_keys(settings: Settings, unknown: object) -> None:
    settings.JWT_REFRESH = {unknown: True}
    (message,) = complaints()
    assert message.id == "jwt_refresh.E001"
    assert repr(unknown) in message.msg
    assert message.hint == f"Known: {', '.join(sorted(Conf.__annotations__))}."


def test_every_fault_is_reported_at_once(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": 7, "LIFETIME": 7, "LIFE_TIME": 7}
    assert sorted(ids()) == ["E001", "E002", "E002"]
    settings.JWT_REFRESH = {"SECRET": "short", "LEEWAY": -SECOND, "USER_ID_FIELD": ""}
    assert ids() == ["E004", "E007", "E009"]
    settings.JWT_REFRESH = {"SECRET": ""}
    assert ids() == ["E004", "E004"]
    for name in ("PRIVATE_KEYS", "PUBLIC_KEYS"):
        settings.JWT_REFRESH = {name: "tests.nowhere.keys"}
        assert ids() == ["E014", "E010"]
        assert repr(name) in complaints()[1].msg


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_key_that_is_short_for_its_algorithm_is_a_warning(
    settings: Settings, algorithm: str, least: int
) -> None:
    settings.JWT_REFRESH = {"ALGORITHM": algorithm}
    settings.SECRET_KEY = (GOOD * 2)[:least]
    assert complaints() == []
    settings.SECRET_KEY = settings.SECRET_KEY[1:]
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W001", WARNING)
    assert "SECRET_KEY" in message.msg
    assert str(least) in message.hint
    settings.JWT_REFRESH = {"ALGORITHM": algorithm, "SECRET": GOOD * 2}
    assert complaints() == []


def test_secret_key_itself_as_secret_is_a_warning(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": [GOOD, settings.SECRET_KEY]}
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W002", WARNING)
    assert "'SECRET'" in message.msg
    assert "derived" in message.hint


class Constrained(models.Model):
    badge = models.CharField(max_length=10)
    number = cached_property(str)

    class Meta:
        app_label = "nowhere"
        constraints = [models.UniqueConstraint(fields=["badge"], name="one_badge")]


def test_a_field_that_a_constraint_makes_unique_tells_users_apart(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwt_refresh.checks.rules.get_user_model", lambda: Constrained)
    for name in ("badge", "number"):
        settings.JWT_REFRESH = {"USER_ID_FIELD": name}
        assert not [*check_user_id()]
    settings.JWT_REFRESH = {"USER_ID_FIELD": "badge"}
    monkeypatch.setattr(Constrained._meta, "constraints", [])
    del Constrained._meta.total_unique_constraints
    assert ids([*check_user_id()]) == ["W009"]


def test_a_user_model_whose_password_leaves_no_trace_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_hash")
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W004", WARNING)
    assert message.msg.startswith(get_user_model()._meta.label)
    assert "AbstractBaseUser" in message.hint


class Apart:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model is Session else None


def test_sessions_apart_from_their_users_are_an_error(settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Apart"]
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.E012", ERROR)
    assert "router" in message.hint


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe"])
def test_naive_times_are_an_error_where_clocks_are_set(
    settings: Settings, zone: str, clock: Any
) -> None:
    settings.TIME_ZONE = zone
    settings.USE_TZ = False
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.E018", ERROR)
    assert "USE_TZ" in message.msg
    assert "USE_TZ to True" in message.hint
    settings.USE_TZ = True
    assert not complaints()


@pytest.mark.parametrize("zone", ["Asia/Seoul", "UTC"])
def test_naive_times_are_a_warning_where_they_are_not(settings: Settings, zone: str) -> None:
    settings.TIME_ZONE = zone
    settings.USE_TZ = False
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W005", WARNING)
    assert "USE_TZ" in message.msg
    assert "ambiguous" in message.hint


@pytest.mark.parametrize(
    "given",
    [
        {"JWT_REFRESH": {"DENYLIST_CACHE": "shared"}},
        {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS], "NUM_PROXIES": 0}},
    ],
)
def test_a_retry_window_that_stateless_services_never_close_is_a_warning(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.CACHES = settings.CACHES | {"shared": {"BACKEND": SHARED_CACHE, "LOCATION": "cache"}}
    for name, value in given.items():
        setattr(settings, name, value)
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W008", WARNING)
    assert "'RETRY_WINDOW'" in message.msg
    assert "REFRESH_GRACE" in message.hint
    settings.JWT_REFRESH = given.get("JWT_REFRESH", {}) | {"RETRY_WINDOW": MINUTE / 2}
    assert complaints() == []


@pytest.mark.parametrize("backend", ["dummy.DummyCache", "locmem.LocMemCache"])
def test_a_denylist_that_nobody_else_sees_is_a_warning(settings: Settings, backend: str) -> None:
    settings.CACHES = settings.CACHES | {
        "own": {"BACKEND": f"django.core.cache.backends.{backend}"}
    }
    settings.JWT_REFRESH = {"DENYLIST_CACHE": "own", "RETRY_WINDOW": NONE}
    assert ids() == ["W007"]


# Proxies


def test_where_logins_are_counted_the_proxies_must_be_known(settings: Settings) -> None:
    settings.REST_FRAMEWORK = {}
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W026", WARNING)
    assert "NUM_PROXIES" in message.msg
    assert message.hint


@pytest.mark.parametrize("given", [{"LOGIN_RATE": None}, SERVICE])
def test_where_no_login_is_counted_proxies_do_not_matter(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.REST_FRAMEWORK = {}
    settings.JWT_REFRESH = given
    assert complaints() == []


@pytest.mark.parametrize("given", [{"ALGORITHM": "none"}, SIGNER | {"PRIVATE_KEYS": failing}])
def test_of_keys_that_do_not_serve_no_proxy_is_the_fault(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.REST_FRAMEWORK = {}
    settings.JWT_REFRESH = given
    assert len(complaints()) == 1
    assert ids() != ["W026"]


@pytest.fixture
def axes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """django-axes counts logins, by a user model whose name is an e-mail address."""
    is_installed = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "axes" or is_installed(name))
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    return settings


def test_a_lock_out_that_finds_no_name_is_a_warning(axes: Settings) -> None:
    axes.AXES_USERNAME_FORM_FIELD = "email"
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.W040", WARNING)
    assert "AXES_USERNAME_FORM_FIELD" in message.msg
    assert "'username'" in message.hint


@pytest.mark.parametrize(
    ("name", "given"),
    [("AXES_USERNAME_FORM_FIELD", "username"), ("AXES_USERNAME_CALLABLE", "shop.name_of")],
)
def test_a_lock_out_that_finds_the_name_is_none(axes: Settings, name: str, given: str) -> None:
    setattr(axes, name, given)
    assert complaints() == []


@pytest.mark.parametrize("given", [-1, "1", 1.0, True, [1]])
def test_what_is_no_number_of_proxies_is_an_error(settings: Settings, given: object) -> None:
    settings.REST_FRAMEWORK = {"NUM_PROXIES": given}
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.E030", ERROR)
    assert "NUM_PROXIES" in message.msg
    assert message.hint


# Caches

BACKENDS = "django.core.cache.backends"
CACHES = {
    "database": {"BACKEND": f"{BACKENDS}.db.DatabaseCache", "LOCATION": "cache"},
    "files": {"BACKEND": f"{BACKENDS}.filebased.FileBasedCache", "LOCATION": "/tmp/cache"},
    "Memcached": {"BACKEND": f"{BACKENDS}.memcached.PyMemcacheCache", "LOCATION": "cache:1"},
    "Redis": {"BACKEND": SHARED_CACHE, "LOCATION": "redis://cache"},
    "memory": {"BACKEND": f"{BACKENDS}.locmem.LocMemCache"},
}


def ours() -> list[Any]:
    """What our checks say. Django's make each cache, and one of Memcached needs its client."""
    return checks.check_settings(None)


@pytest.mark.parametrize("name", CACHES)
def test_a_default_cache_that_counts_in_several_steps_is_a_warning(
    settings: Settings, name: str
) -> None:
    settings.CACHES = {"default": CACHES[name]}
    expected = ["W030"] if name in ("database", "files") else []
    assert ids(ours()) == expected
    assert all(CACHES[name]["BACKEND"] in message.msg and message.hint for message in ours())
    for counted_no_more in ("LOGIN_RATE", "REFRESH_RATE"):
        settings.JWT_REFRESH = {counted_no_more: None}
        assert ids(ours()) == expected
    settings.JWT_REFRESH = {"LOGIN_RATE": None, "REFRESH_RATE": None}
    assert ids(ours()) == []


@pytest.mark.parametrize("name", CACHES)
def test_a_default_cache_that_may_lose_used_proofs_is_a_warning(
    settings: Settings, name: str
) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None, "REFRESH_RATE": None, "DPOP": "refresh"}
    expected = ["W037"] if name in ("database", "files") else []
    settings.CACHES = {"default": CACHES[name]}
    assert ids(ours()) == expected
    assert all(message.hint for message in ours())
    for most in (99_999, 100_000):
        settings.CACHES = {"default": CACHES[name] | {"OPTIONS": {"MAX_ENTRIES": most}}}
        assert ids(ours()) == expected
    settings.CACHES = {"default": CACHES[name]}
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "off"}
    assert ids(ours()) == []


@pytest.mark.parametrize("name", CACHES)
def test_a_denylist_that_may_lose_entries_is_a_warning(settings: Settings, name: str) -> None:
    settings.CACHES = settings.CACHES | {"denylist": CACHES[name]}
    settings.JWT_REFRESH = {"DENYLIST_CACHE": "denylist", "RETRY_WINDOW": NONE}
    # What other processes do not even see needs no second warning.
    assert ids(ours()) == {"Redis": [], "memory": ["W007"]}.get(name, ["W031"])
    for most in (99_999, 100_000, "many"):
        large = CACHES[name] | {"OPTIONS": {"MAX_ENTRIES": most}}
        settings.CACHES = settings.CACHES | {"denylist": large}
        few = name == "Memcached" or (name in ("database", "files") and most != 100_000)
        assert ("W031" in ids(ours())) == few


def test_of_caches_that_django_cannot_use_nothing_is_said(settings: Settings) -> None:
    """Django says it, in its own checks or as soon as one is asked."""
    unusable = {"BACKEND": "tests.nowhere.Cache"}
    settings.JWT_REFRESH = {"DENYLIST_CACHE": "denylist", "RETRY_WINDOW": NONE}
    settings.CACHES = {"denylist": unusable}
    assert ours() == []
    settings.CACHES = {"denylist": unusable, "default": unusable}
    assert ours() == []


@pytest.mark.parametrize("name", ["", " ", "path", "Max-Age", "secure", "sessionid"])
def test_a_name_that_is_none_or_taken_is_named(settings: Settings, name: str) -> None:
    settings.JWT_REFRESH = {"ACCESS_COOKIE": name}
    assert ids() == ["E031", "W035"]


@pytest.mark.parametrize(
    "name", ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME"]
)
def test_no_cookie_of_django_is_overwritten(settings: Settings, name: str) -> None:
    settings.JWT_REFRESH = COOKIE
    setattr(settings, name, "access-token")
    (message,) = complaints()
    assert (message.id, message.level) == ("jwt_refresh.E031", ERROR)
    assert name in message.msg


def test_a_prefix_names_each_attribute_that_breaks_it(settings: Settings) -> None:
    settings.JWT_REFRESH = {
        "ACCESS_COOKIE": ACCESS,
        "COOKIE_SECURE": False,
        "COOKIE_PATH": "/auth/",
        "COOKIE_DOMAIN": "example.com",
    }
    (message,) = complaints()
    for name in ("'COOKIE_SECURE': True", "'COOKIE_PATH': '/'", "'COOKIE_DOMAIN': None"):
        assert name in message.hint


def test_where_the_endpoints_are_for_others_to_say_no_path_is_wrong(settings: Settings) -> None:
    settings.JWT_REFRESH = COOKIE | {"COOKIE_PATH": "/api/"}
    settings.ROOT_URLCONF = __name__
    assert complaints() == []
    # Has no patterns.
    settings.ROOT_URLCONF = "tests"
    assert [*check_path()] == []
    del settings.ROOT_URLCONF
    assert [*check_path()] == []


# Where others can reach it


RSA = private_key("RS256")
DEPLOYED: dict[str, Any] = {
    "REST_FRAMEWORK": {"NUM_PROXIES": 1},
    "CACHES": {"default": {"BACKEND": SHARED_CACHE, "LOCATION": "cache"}},
}
NAMED = {"ISSUER": "https://id.example", "AUDIENCE": "shop"}
RISKY: list[tuple[str, str, dict[str, Any]]] = [
    (
        "W020",
        "'PRIVATE_KEYS'",
        {"JWT_REFRESH": NAMED | {"ALGORITHM": "RS256", "PRIVATE_KEYS": [private_pem(RSA)]}},
    ),
    (
        "W020",
        "'PUBLIC_KEYS'",
        {"JWT_REFRESH": NAMED | {"ALGORITHM": "PS256", "PUBLIC_KEYS": [public_pem(RSA)]}},
    ),
    ("W021", "'ISSUER'", {"JWT_REFRESH": SIGNER | {"AUDIENCE": "shop"}}),
    ("W021", "'AUDIENCE'", {"JWT_REFRESH": SERVICE | {"ISSUER": "https://id.example"}}),
    ("W022", "'LIFETIME'", {"JWT_REFRESH": {"LIFETIME": 60 * MINUTE + SECOND}}),
    ("W023", "'SESSION_LIFETIME'", {"JWT_REFRESH": {"SESSION_LIFETIME": None}}),
    ("W024", "'LOGIN_RATE'", {"JWT_REFRESH": {"LOGIN_RATE": None}}),
    ("W024", "'REFRESH_RATE'", {"JWT_REFRESH": {"REFRESH_RATE": None}}),
    (
        "W025",
        "default cache",
        {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}},
    ),
    (
        "W025",
        "default cache",
        {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}},
    ),
]
PRIVATE = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SAFE: list[dict[str, Any]] = [
    {},
    {"JWT_REFRESH": NAMED | SIGNER | {"LIFETIME": 60 * MINUTE}},
    {"REST_FRAMEWORK": {"NUM_PROXIES": 0}},
]


def found_at_deployment(settings: Settings, given: dict[str, Any]) -> list[Any]:
    """What ``manage.py check --deploy`` says beyond what ``check`` does."""
    for name, value in (DEPLOYED | given).items():
        setattr(settings, name, value)
    return [message for message in complaints(deploy=True) if message not in complaints()]


@pytest.mark.parametrize("given", SAFE)
def test_nothing_is_said_of_what_can_be_deployed(settings: Settings, given: dict[str, Any]) -> None:
    assert found_at_deployment(settings, given) == []
    assert complaints() == []


@pytest.mark.parametrize(("expected", "name", "given"), RISKY)
def test_what_is_unsafe_where_others_reach_it_is_a_warning(
    settings: Settings, expected: str, name: str, given: dict[str, Any]
) -> None:
    (message,) = found_at_deployment(settings, given)
    assert (message.id, message.level) == (f"jwt_refresh.{expected}", WARNING)
    assert name in message.msg
    assert message.hint
    assert complaints() == []


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        (("LOGIN_RATE",), ["W024", "W025"]),
        (("REFRESH_RATE",), ["W024", "W025"]),
        (("LOGIN_RATE", "REFRESH_RATE"), ["W024", "W024"]),
    ],
)
def test_what_counts_needs_a_shared_cache_and_addresses(
    settings: Settings, off: tuple[str, ...], expected: list[str]
) -> None:
    given = {"JWT_REFRESH": dict.fromkeys(off), "CACHES": PRIVATE}
    assert ids(found_at_deployment(settings, given)) == expected


@pytest.mark.parametrize("dpop", ["off", "refresh", "all", "required"])
def test_used_proofs_need_a_shared_cache(settings: Settings, dpop: str) -> None:
    given = {"JWT_REFRESH": {"LOGIN_RATE": None, "REFRESH_RATE": None, "DPOP": dpop}}
    found = found_at_deployment(settings, given | {"CACHES": PRIVATE})
    assert ids(found) == ["W024", "W024"] + (["W027"] if dpop != "off" else [])
    assert all(message.level == WARNING and message.hint for message in found)
    assert ids(found_at_deployment(settings, given)) == ["W024", "W024"]


@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_rsa_key_of_128_bits_of_strength_will_do(settings: Settings, bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    given = NAMED | {"ALGORITHM": "RS256", "PRIVATE_KEYS": [private_pem(key)]}
    messages = found_at_deployment(settings, {"JWT_REFRESH": given})
    assert ids(messages) == (["W020"] if bits < 3072 else [])
    assert all(str(bits) in message.msg for message in messages)


def test_where_no_login_is_counted_its_cache_does_not_matter(settings: Settings) -> None:
    given = {"JWT_REFRESH": {"LOGIN_RATE": None}}
    assert ids(found_at_deployment(settings, given)) == ["W024"]


def test_a_cookie_that_travels_without_tls_is_a_warning(settings: Settings) -> None:
    assert found_at_deployment(settings, {"JWT_REFRESH": {"COOKIE_SECURE": False}}) == []
    given = {"JWT_REFRESH": COOKIE | {"COOKIE_SECURE": False}}
    assert ids(found_at_deployment(settings, given)) == ["W036", "I001"]
    settings.DEBUG = True
    assert ids(found_at_deployment(settings, given)) == ["I001"]


@pytest.mark.parametrize(
    ("given", "open_to_siblings"),
    [
        (PAIR_BY_COOKIE, 0),
        ({"ACCESS_COOKIE": "__host-token"}, 0),
        (PAIR_BY_COOKIE | {"REFRESH_COOKIE": "__Secure-token"}, 1),
        ({"ACCESS_COOKIE": "__Http-token", "COOKIE_DOMAIN": "example.com"}, 1),
        ({}, 0),
    ],
)
def test_cookies_that_other_hosts_can_set_are_noted(
    settings: Settings, given: dict[str, Any], open_to_siblings: int
) -> None:
    messages = found_at_deployment(settings, {"JWT_REFRESH": given})
    assert [(each.id, each.level) for each in messages] == (
        [("jwt_refresh.I001", INFO)] * open_to_siblings
    )
    assert all(message.hint for message in messages)


def test_a_warning_hides_none_and_an_error_all(settings: Settings) -> None:
    """A change of keys takes weeks, all of them with W006."""
    given = NAMED | SIGNER | {"SECRET": [None], "SESSION_LIFETIME": None}
    assert ids(found_at_deployment(settings, {"JWT_REFRESH": given})) == ["W023"]
    assert ids() == ["W006"]
    given |= {"LEEWAY": -SECOND}
    assert found_at_deployment(settings, {"JWT_REFRESH": given}) == []
    assert ids() == ["W006", "E007"]


def test_every_id_has_a_test() -> None:
    names = [module.name for module in pkgutil.iter_modules(checks.__path__, "jwt_refresh.checks.")]
    sources = [inspect.getsource(import_module(name)) for name in ["jwt_refresh.checks", *names]]
    known = set(re.findall(r"\b[EW]\d{3}\b", "".join(sources)))
    assert len(names) >= 4
    assert known == {expected for expected, _, _ in BROKEN + RISKY} | WITHOUT_A_KEY


@pytest.mark.parametrize(
    "given",
    [
        {"SECRET": "hunter2"},
        {"SECRET": ["hunter2"]},
        {"SECRET": b"hunter2"},
        {"SECRET": {"key": "hunter2"}},
        {"SECRET": "hunter2", "ALGORITHM": "none"},
        {"SECRTE": "hunter2"},
        {"ALGORITHM": "hunter2"},
        {"USER_ID_FIELD": "hunter2"},
        {"SECRET": [{"kty": "oct", "k": "hunter2"}]},
        {"ALGORITHM": "EdDSA", "SECRET": "hunter2", "PRIVATE_KEYS": [private_pem(ED)]},
        {"PRIVATE_KEYS": ["hunter2"]},
        {"PUBLIC_KEYS": [{"kty": "RSA", "n": "hunter2"}]},
        {"PUBLIC_KEYS": [public_jwk(ED) | {"alg": "hunter2"}]},
        {"PUBLIC_KEYS": [public_jwk(ED) | {"use": "hunter2"}]},
        {"PUBLIC_KEYS": [public_jwk(ED) | {"kid": "hunter2" * 20}]},
        {"PRIVATE_KEYS": "hunter2"},
        {"PRIVATE_KEYS": failing},
        {"PRIVATE_KEYS": b"hunter2"},
        {"LOGIN_RATE": "hunter2"},
        {"CLAIMS": "hunter2"},
        {"DENYLIST_CACHE": "hunter2"},
        "hunter2",
        ["hunter2"],
    ],
)
def test_no_value_is_ever_shown(
    settings: Settings, given: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JWT_REFRESH = given
    messages = complaints()
    assert messages
    assert "hunter2" not in repr(messages) + caplog.text


def test_secret_key_is_never_shown(settings: Settings) -> None:
    settings.SECRET_KEY = "hunter2"
    assert ids() == ["W001"]
    settings.JWT_REFRESH = {"SECRET": "hunter2"}
    assert ids() == ["E004", "W002"]
    assert "hunter2" not in repr(complaints())


def test_a_pem_in_the_place_of_a_list_is_not_shown(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": private_pem(ED)}
    messages = complaints()
    assert ids(messages) == ["E014", "E010"]
    assert not any(
        line in repr(messages) + caplog.text for line in private_pem(ED).splitlines()[1:-1]
    )


def test_a_user_model_that_is_not_there(settings: Settings) -> None:
    settings.AUTH_USER_MODEL = "nowhere.User"
    (problem,) = checks.check_settings(None)
    assert (problem.id, problem.level) == ("jwt_refresh.E021", ERROR)
    assert '"django.contrib.auth"' in str(problem.hint)
