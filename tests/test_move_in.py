"""The command that prints what a move from another package changes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from hypothesis import HealthCheck
from hypothesis import given as given_any
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.views import APIView

from jwt_refresh.checks import types
from jwt_refresh.contrib.simplejwt import old
from jwt_refresh.management.moving import reading
from jwt_refresh.management.moving.finding import VIEWS
from jwt_refresh.management.moving.reasons import PACKAGES, REASONS, TRANSLATED
from tests.support.complaints import complaints
from tests.support.key_pairs import EC, ED, RSA, private_pem, public_pem
from tests.support.lanes import sized

KNOWN = {
    # Those of djangorestframework-simplejwt 5.5.1.
    "SIMPLE_JWT": """
        ACCESS_TOKEN_LIFETIME REFRESH_TOKEN_LIFETIME ROTATE_REFRESH_TOKENS BLACKLIST_AFTER_ROTATION
        UPDATE_LAST_LOGIN ALGORITHM SIGNING_KEY VERIFYING_KEY AUDIENCE ISSUER JSON_ENCODER JWK_URL
        LEEWAY AUTH_HEADER_TYPES AUTH_HEADER_NAME USER_ID_FIELD USER_ID_CLAIM
        USER_AUTHENTICATION_RULE AUTH_TOKEN_CLASSES TOKEN_TYPE_CLAIM JTI_CLAIM TOKEN_USER_CLASS
        SLIDING_TOKEN_REFRESH_EXP_CLAIM SLIDING_TOKEN_LIFETIME SLIDING_TOKEN_REFRESH_LIFETIME
        TOKEN_OBTAIN_SERIALIZER TOKEN_REFRESH_SERIALIZER TOKEN_VERIFY_SERIALIZER
        TOKEN_BLACKLIST_SERIALIZER SLIDING_TOKEN_OBTAIN_SERIALIZER SLIDING_TOKEN_REFRESH_SERIALIZER
        CHECK_REVOKE_TOKEN REVOKE_TOKEN_CLAIM CHECK_USER_IS_ACTIVE
    """,
    # Those of django-rest-knox 5.0 and 5.1.
    "REST_KNOX": """
        SECURE_HASH_ALGORITHM AUTH_TOKEN_CHARACTER_LENGTH TOKEN_TTL USER_SERIALIZER
        TOKEN_LIMIT_PER_USER AUTO_REFRESH AUTO_REFRESH_MAX_TTL MIN_REFRESH_INTERVAL
        AUTH_HEADER_PREFIX EXPIRY_DATETIME_FORMAT TOKEN_MODEL TOKEN_PREFIX
    """,
    # Those of dj-rest-auth 7.0, 7.1 and 7.2.
    "REST_AUTH": """
        LOGIN_SERIALIZER TOKEN_SERIALIZER JWT_SERIALIZER JWT_SERIALIZER_WITH_EXPIRATION
        JWT_TOKEN_CLAIMS_SERIALIZER USER_DETAILS_SERIALIZER PASSWORD_RESET_SERIALIZER
        PASSWORD_RESET_CONFIRM_SERIALIZER PASSWORD_CHANGE_SERIALIZER REGISTER_SERIALIZER
        REGISTER_PERMISSION_CLASSES TOKEN_MODEL TOKEN_CREATOR PASSWORD_RESET_USE_SITES_DOMAIN
        OLD_PASSWORD_FIELD_ENABLED LOGOUT_ON_PASSWORD_CHANGE SESSION_LOGIN USE_JWT JWT_AUTH_COOKIE
        JWT_AUTH_REFRESH_COOKIE JWT_AUTH_REFRESH_COOKIE_PATH JWT_AUTH_SECURE JWT_AUTH_HTTPONLY
        JWT_AUTH_SAMESITE JWT_AUTH_COOKIE_DOMAIN JWT_AUTH_RETURN_EXPIRATION JWT_AUTH_COOKIE_USE_CSRF
        JWT_AUTH_COOKIE_ENFORCE_CSRF_ON_UNAUTHENTICATED MFA_VERIFY_SERIALIZER
        MFA_TOTP_ACTIVATE_INIT_SERIALIZER MFA_TOTP_ACTIVATE_CONFIRM_SERIALIZER
        MFA_TOTP_DEACTIVATE_SERIALIZER MFA_STATUS_SERIALIZER MFA_RECOVERY_CODES_SERIALIZER
        MFA_EPHEMERAL_TOKEN_TIMEOUT MFA_TOTP_DIGITS MFA_TOTP_PERIOD MFA_TOTP_ISSUER
        MFA_RECOVERY_CODE_COUNT
    """,
}
"""The settings that each package knows."""
NAMES = {dict_name: names.split() for dict_name, names in KNOWN.items()}
CLAIMS = "jwt_refresh.contrib.simplejwt.old.claims"
SECRET = "hunter2 hunter2 hunter2 hunter2 hunter2"
DAY = timedelta(days=1)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_setting_is_known(name: str) -> None:
    assert TRANSLATED[name] | REASONS[name].keys() == {*NAMES[name]}
    assert not TRANSLATED[name] & REASONS[name].keys()


def test_the_defaults_are_settings_of_simplejwt() -> None:
    assert old.DEFAULTS.keys() < {*NAMES["SIMPLE_JWT"]}


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("jwt_refresh_move_in", *(arguments or ["--check"]), stdout=out)
    return out.getvalue()


def said(text: str) -> str:
    """Without the marks of comments, on one line."""
    return " ".join(text.replace("#", " ").split())


def moved(**given: Any) -> dict[str, Any]:
    """The ``JWT_REFRESH`` that is printed for such settings; the whole is pasted below them."""
    with override_settings(**given):
        names = dict(given)
        exec(printed(), names)
    return names["JWT_REFRESH"]  # type: ignore[no-any-return]


def faults(jwt_refresh: dict[str, Any]) -> list[str]:
    """What ``manage.py check`` finds wrong with it, where tokens of simplejwt are taken."""
    both = "REFRESH_LIFETIME" not in jwt_refresh
    silenced = ["jwt_refresh.E036"] if both else []
    with override_settings(JWT_REFRESH=jwt_refresh, USE_TZ=True, SILENCED_SYSTEM_CHECKS=silenced):
        return [str(message) for message in complaints()]


def of_simplejwt(**others: Any) -> dict[str, Any]:
    """What corresponds to simplejwt's defaults."""
    return {
        "LIFETIME": timedelta(minutes=5),
        "REFRESH_LIFETIME": DAY,
        "SESSION_LIFETIME": DAY,
        "CLAIMS": CLAIMS,
    } | others


def of_knox(**others: Any) -> dict[str, Any]:
    hours = timedelta(hours=10)
    headers = {"AUTH_HEADER_TYPES": ["Bearer", "Token"]}
    return {"LIFETIME": hours, "SESSION_LIFETIME": hours} | headers | others


PROJECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "simplejwt, nothing set": ({"SIMPLE_JWT": {}}, of_simplejwt()),
    "simplejwt, as most have it": (
        {
            "SIMPLE_JWT": {
                "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
                "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
                "ROTATE_REFRESH_TOKENS": True,
                "BLACKLIST_AFTER_ROTATION": True,
                "UPDATE_LAST_LOGIN": True,
                "ALGORITHM": "HS256",
                "SIGNING_KEY": SECRET,
                "AUTH_HEADER_TYPES": ("Bearer", "JWT"),
                "AUTH_HEADER_NAME": "HTTP_AUTHORIZATION",
                "USER_ID_CLAIM": "user_id",
                "JTI_CLAIM": "jti",
            }
        },
        of_simplejwt(
            LIFETIME=timedelta(minutes=15),
            REFRESH_LIFETIME=timedelta(days=14),
            SESSION_LIFETIME=timedelta(days=365),
            ALGORITHM="HS256",
            AUTH_HEADER_TYPES=["Bearer", "JWT"],
            AUTH_HEADER_NAME="Authorization",
        ),
    ),
    "simplejwt, with a key pair": (
        {
            "SIMPLE_JWT": {
                "ALGORITHM": "RS256",
                "SIGNING_KEY": private_pem(RSA),
                "VERIFYING_KEY": public_pem(RSA),
                "ISSUER": "https://id.example.com",
                "AUDIENCE": 'the "shop"',
                "LEEWAY": 10,
                "AUTH_HEADER_NAME": "HTTP_X_ACCESS_TOKEN",
                "AUTH_HEADER_TYPES": "JWT",
                "TOKEN_OBTAIN_SERIALIZER": "accounts.serializers.Mine",
            }
        },
        of_simplejwt(
            ALGORITHM="RS256",
            PRIVATE_KEYS=[private_pem(RSA)],
            ISSUER="https://id.example.com",
            AUDIENCE='the "shop"',
            LEEWAY=timedelta(seconds=10),
            AUTH_HEADER_NAME="X-Access-Token",
            AUTH_HEADER_TYPES=["JWT"],
        ),
    ),
    "simplejwt, a key of bytes": (
        {"SIMPLE_JWT": {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(ED).encode()}},
        of_simplejwt(ALGORITHM="EdDSA", PRIVATE_KEYS=[private_pem(ED)]),
    ),
    "simplejwt, a service that verifies": (
        {"SIMPLE_JWT": {"ALGORITHM": "ES256", "VERIFYING_KEY": public_pem(EC)}},
        of_simplejwt(ALGORITHM="ES256", PUBLIC_KEYS=[public_pem(EC)]),
    ),
    "simplejwt, lifetimes out of order": (
        {
            "SIMPLE_JWT": {
                "ACCESS_TOKEN_LIFETIME": timedelta(days=3650),
                "LEEWAY": timedelta(hours=1),
            }
        },
        of_simplejwt(
            LIFETIME=timedelta(days=400),
            REFRESH_LIFETIME=timedelta(days=400),
            SESSION_LIFETIME=timedelta(days=400),
            LEEWAY=timedelta(minutes=5),
        ),
    ),
    "simplejwt, sub": ({"SIMPLE_JWT": {"USER_ID_CLAIM": "sub"}}, of_simplejwt(CLAIMS=None)),
    "knox, nothing set": ({"REST_KNOX": {}}, of_knox()),
    "knox, that extends": (
        {
            "REST_KNOX": {
                "TOKEN_TTL": timedelta(hours=2, microseconds=1),
                "AUTO_REFRESH": True,
                "AUTO_REFRESH_MAX_TTL": timedelta(days=60),
                "TOKEN_LIMIT_PER_USER": 5,
                "AUTH_HEADER_PREFIX": "Knox",
                "USER_SERIALIZER": "accounts.serializers.UserSerializer",
            }
        },
        of_knox(
            LIFETIME=timedelta(hours=2, microseconds=1),
            SESSION_LIFETIME=timedelta(days=60),
            MAX_SESSIONS=5,
            AUTH_HEADER_TYPES=["Bearer", "Knox"],
        ),
    ),
    "knox, that extends for less than a token": (
        {"REST_KNOX": {"AUTO_REFRESH": True, "AUTO_REFRESH_MAX_TTL": timedelta(hours=1)}},
        of_knox(LIFETIME=timedelta(hours=1), SESSION_LIFETIME=timedelta(hours=1)),
    ),
    "knox, without an end": (
        {"REST_KNOX": {"TOKEN_TTL": None}},
        of_knox(LIFETIME=timedelta(days=400), SESSION_LIFETIME=None),
    ),
    "knox beside simplejwt": (
        {"SIMPLE_JWT": {}, "REST_KNOX": {"TOKEN_TTL": timedelta(hours=1)}},
        of_simplejwt(AUTH_HEADER_TYPES=["Bearer", "Token"]),
    ),
    "dj-rest-auth with cookies": (
        {
            "SIMPLE_JWT": {"ROTATE_REFRESH_TOKENS": True},
            "REST_AUTH": {
                "USE_JWT": True,
                "JWT_AUTH_COOKIE": "access-token",
                "JWT_AUTH_REFRESH_COOKIE": "refresh-token",
                "JWT_AUTH_SAMESITE": "strict",
                "JWT_AUTH_COOKIE_DOMAIN": "example.com",
                "JWT_AUTH_HTTPONLY": True,
                "SESSION_LOGIN": False,
            },
        },
        of_simplejwt(
            SESSION_LIFETIME=timedelta(days=365),
            ACCESS_COOKIE="access-token",
            REFRESH_COOKIE="refresh-token",
            COOKIE_SAMESITE="Strict",
            COOKIE_DOMAIN="example.com",
        ),
    ),
    "dj-rest-auth with a path": (
        {
            "REST_AUTH": {
                "USE_JWT": True,
                "JWT_AUTH_COOKIE": "__Host-token",
                "JWT_AUTH_REFRESH_COOKIE": "refresh-token",
                "JWT_AUTH_REFRESH_COOKIE_PATH": "/auth/",
                "JWT_AUTH_COOKIE_DOMAIN": "example.com",
            }
        },
        of_simplejwt(
            ACCESS_COOKIE="__Host-token",
            REFRESH_COOKIE="__Host-Http-refresh-token",
            COOKIE_SAMESITE="Lax",
        ),
    ),
    "dj-rest-auth without a cookie": ({"REST_AUTH": {"USE_JWT": True}}, of_simplejwt()),
    "dj-rest-auth without JWT": ({"REST_AUTH": {"JWT_AUTH_COOKIE": "token"}}, {}),
}


@pytest.mark.parametrize(("given", "expected"), PROJECTS.values(), ids=PROJECTS)
def test_what_is_printed_can_be_pasted(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = moved(**given)
    assert found == {name: it for name, it in expected.items() if (name, it) != ("CLAIMS", None)}
    assert not faults(found)


def test_the_id_of_a_user_is_translated() -> None:
    model: Any = get_user_model()
    for name, ours in (
        (model._meta.pk.attname, "pk"),
        ("pk", "pk"),
        (model.USERNAME_FIELD, model.USERNAME_FIELD),
    ):
        found = moved(SIMPLE_JWT={"USER_ID_FIELD": name})
        assert found["USER_ID_FIELD"] == ours
        assert not faults(found)


def test_every_setting_that_is_printed_has_its_old_name_above() -> None:
    given = PROJECTS["simplejwt, as most have it"][0]
    with override_settings(**given):
        lines = printed().splitlines()
    at = lines.index('    "LIFETIME": timedelta(minutes=15),')
    assert lines[at - 1] == '    # SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]'
    assert not [line for line in lines if len(line) > 100]


def test_no_line_beside_the_code_is_anything_but_a_comment() -> None:
    held = {"LEEWAY": timedelta(0)}
    with override_settings(SIMPLE_JWT={"SIGNING_KEY": SECRET}, JWT_REFRESH=held):
        head, code = printed().split("from datetime import timedelta\n")
    assert said(head).endswith("that correspond, for the JWT_REFRESH that is there")
    rest = code.partition("\n}\n")[2]
    assert {line[:1] for line in (head + rest).splitlines()} == {"", "#"}


def test_after_the_switch_what_is_there_is_left_alone() -> None:
    """A function of the project stays, with the claims that it adds."""
    given = PROJECTS["simplejwt, as most have it"][0]
    held = {"CLAIMS": "accounts.tokens.with_tier", "LIFETIME": timedelta(minutes=1)}
    with override_settings(**given, JWT_REFRESH=held):
        text = printed()
    assert "which keeps its own LIFETIME, CLAIMS" in said(text)
    names: dict[str, Any] = given | {"JWT_REFRESH": dict(held)}
    exec(text, names)
    assert names["JWT_REFRESH"] == PROJECTS["simplejwt, as most have it"][1] | held


def test_where_all_is_there_no_code_is_printed() -> None:
    given, expected = PROJECTS["simplejwt, as most have it"]
    with override_settings(**given, JWT_REFRESH=expected):
        text = printed()
    assert {line[:1] for line in text.splitlines()} == {"", "#"}
    assert "which keeps its own LIFETIME, " in said(text)


@pytest.mark.parametrize(("framework", "asked"), [({}, True), ({"NUM_PROXIES": 1}, False)])
def test_the_number_of_proxies_is_asked_for(framework: dict[str, Any], asked: bool) -> None:
    with override_settings(SIMPLE_JWT={}, REST_FRAMEWORK=framework):
        assert ('REST_FRAMEWORK["NUM_PROXIES"] is not set' in said(printed())) is asked


@pytest.mark.parametrize("held", [None, ["x"]])
def test_a_jwt_refresh_that_is_no_dict_is_replaced(held: Any) -> None:
    assert moved(SIMPLE_JWT={}, JWT_REFRESH=held) == of_simplejwt()


def test_a_login_that_may_lie_idle_for_longer_ends_no_earlier() -> None:
    given = {"REFRESH_TOKEN_LIFETIME": timedelta(days=400), "ROTATE_REFRESH_TOKENS": True}
    assert moved(SIMPLE_JWT=given)["SESSION_LIFETIME"] == timedelta(days=400)


@pytest.mark.parametrize("name", PACKAGES)
def test_what_has_no_counterpart_is_named_with_the_reason(name: str) -> None:
    reasons = REASONS[name]
    with override_settings(**{name: dict.fromkeys(reasons)}):
        text = said(printed())
    for setting, reason in reasons.items():
        assert f'{name}["{setting}"]: {said(reason)}' in text
        assert reason.endswith(".")


def test_without_check_it_does_nothing() -> None:
    with pytest.raises(CommandError, match="--check"):
        printed("--no-color")


def test_a_project_without_any_of_them_has_nothing_to_move() -> None:
    assert "nothing is to move" in said(printed())


@pytest.mark.parametrize(
    "given",
    [
        {"SIGNING_KEY": SECRET},
        {SECRET: 1, "VERIFYING_KEY": SECRET},
        {"ALGORITHM": "RS256", "SIGNING_KEY": SECRET},
        {"ALGORITHM": "ES256", "SIGNING_KEY": private_pem(ED)},
        {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(ED)},
        {"ALGORITHM": "EdDSA", "VERIFYING_KEY": public_pem(ED)},
        {"ALGORITHM": SECRET, "ISSUER": [SECRET], "LEEWAY": SECRET, "USER_ID_CLAIM": {SECRET}},
        {SECRET},
        SECRET,
    ],
)
def test_no_secret_is_printed(given: Any) -> None:
    with override_settings(SIMPLE_JWT=given):
        text = printed()
    assert "hunter2" not in text
    assert "-----" not in text
    for pem in (private_pem(ED), public_pem(ED)):
        assert pem.splitlines()[1] not in text


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "no dict": ({"SIMPLE_JWT": ["x"]}, "SIMPLE_JWT: It is a list, where simplejwt takes a dict"),
    "a name that is none": ({"REST_KNOX": {3: 4}}, "REST_KNOX: It has a name that is no text"),
    "an unknown name": (
        {"SIMPLE_JWT": {"SIGNING_KEYS": 1}},
        'SIMPLE_JWT["SIGNING_KEYS"]: simplejwt has no such setting',
    ),
    "a number": (
        {"SIMPLE_JWT": {"ACCESS_TOKEN_LIFETIME": 300}},
        'SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]: It is an int, and should be a timedelta',
    ),
    "an algorithm": (
        {"SIMPLE_JWT": {"ALGORITHM": "ES256K"}},
        'SIMPLE_JWT["ALGORITHM"]: We sign by HS256,',
    ),
    "no key": ({"SIMPLE_JWT": {"ALGORITHM": "RS256"}}, "There is no key for it in SIMPLE_JWT"),
    "a key of another kind": (
        {"SIMPLE_JWT": {"ALGORITHM": "ES256", "SIGNING_KEY": private_pem(ED)}},
        "is no key for us: it is not for ES256",
    ),
    "a key of bytes that are no text": (
        {"SIMPLE_JWT": {"ALGORITHM": "RS256", "SIGNING_KEY": b"\xff"}},
        "is no key for us: it is no text",
    ),
    "a key that is an object": (
        {"SIMPLE_JWT": {"ALGORITHM": "RS256", "SIGNING_KEY": RSA}},
        "is no key for us: it is no text",
    ),
    "several audiences": (
        {"SIMPLE_JWT": {"AUDIENCE": ["a", "b"]}},
        'SIMPLE_JWT["AUDIENCE"]: It is not one printable text',
    ),
    "an endless leeway": (
        {"SIMPLE_JWT": {"LEEWAY": float("inf")}},
        'SIMPLE_JWT["LEEWAY"]: It is no length of time',
    ),
    "a leeway of text": ({"SIMPLE_JWT": {"LEEWAY": "1"}}, 'SIMPLE_JWT["LEEWAY"]: It is a str'),
    "two words": (
        {"SIMPLE_JWT": {"AUTH_HEADER_TYPES": ["My Token"]}},
        "It has a scheme that is not one word",
    ),
    "no header": (
        {"SIMPLE_JWT": {"AUTH_HEADER_NAME": "REMOTE_USER"}},
        "It is no header (HTTP_…) that only clients send",
    ),
    "a header of browsers": (
        {"SIMPLE_JWT": {"AUTH_HEADER_NAME": "HTTP_USER_AGENT"}},
        "It is no header (HTTP_…) that only clients send",
    ),
    "another header of browsers": (
        {"SIMPLE_JWT": {"AUTH_HEADER_NAME": "HTTP_CONTENT_TYPE"}},
        "It is no header (HTTP_…) that only clients send",
    ),
    "the header of proofs": (
        {"SIMPLE_JWT": {"AUTH_HEADER_NAME": "HTTP_DPOP"}},
        "It is no header (HTTP_…) that only clients send",
    ),
    "no field": (
        {"SIMPLE_JWT": {"USER_ID_FIELD": "shoe_size"}},
        "It is no field or property of your user model",
    ),
    "no user model": (
        {"SIMPLE_JWT": {"USER_ID_FIELD": "id"}, "AUTH_USER_MODEL": "shop.User"},
        "The user model is not installed",
    ),
    "a claim of ours": (
        {"SIMPLE_JWT": {"USER_ID_CLAIM": "sid"}},
        "A claim of that name is ours to write: let front ends and services read sub",
    ),
    "no token at all": (
        {"REST_KNOX": {"TOKEN_LIMIT_PER_USER": 0}},
        'REST_KNOX["TOKEN_LIMIT_PER_USER"]: Here it is from 1 to 1,000,000',
    ),
    "two words of knox": (
        {"REST_KNOX": {"AUTH_HEADER_PREFIX": "My Token"}},
        'REST_KNOX["AUTH_HEADER_PREFIX"]: It is not one word',
    ),
    "a cookie": (
        {"REST_AUTH": {"USE_JWT": True, "JWT_AUTH_COOKIE": "a b"}},
        'REST_AUTH["JWT_AUTH_COOKIE"]: It is no name of a cookie',
    ),
    "an attribute of a cookie": (
        {"REST_AUTH": {"USE_JWT": True, "JWT_AUTH_COOKIE": "Path"}},
        'REST_AUTH["JWT_AUTH_COOKIE"]: It is no name of a cookie',
    ),
    "one cookie for both": (
        {
            "REST_AUTH": {
                "USE_JWT": True,
                "JWT_AUTH_COOKIE": "token",
                "JWT_AUTH_REFRESH_COOKIE": "token",
            }
        },
        'REST_AUTH["JWT_AUTH_REFRESH_COOKIE"]: Another cookie has that name',
    ),
    "any site": (
        {"REST_AUTH": {"USE_JWT": True, "JWT_AUTH_COOKIE": "token", "JWT_AUTH_SAMESITE": "any"}},
        'REST_AUTH["JWT_AUTH_SAMESITE"]: Here it is',
    ),
    "no domain": (
        {
            "REST_AUTH": {
                "USE_JWT": True,
                "JWT_AUTH_COOKIE": "token",
                "JWT_AUTH_COOKIE_DOMAIN": "a b",
            }
        },
        'REST_AUTH["JWT_AUTH_COOKIE_DOMAIN"]: It is no name of a host',
    ),
    "no dict of REST framework": (
        {"REST_FRAMEWORK": ["x"], "SIMPLE_JWT": {}},
        "REST_FRAMEWORK is no dict",
    ),
    "no list of classes": (
        {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": "x"}, "SIMPLE_JWT": {}},
        "REST_FRAMEWORK is no dict, or its DEFAULT_AUTHENTICATION_CLASSES no list",
    ),
    "no URLconf": (
        {"ROOT_URLCONF": "shop.urls", "SIMPLE_JWT": {}},
        "The URLconf cannot be looked through (ModuleNotFoundError)",
    ),
}


@pytest.mark.parametrize(("given", "expected"), ODD.values(), ids=ODD)
def test_odd_values_are_named(given: dict[str, Any], expected: str) -> None:
    with override_settings(**given):
        text = printed()
    assert said(expected) in said(text)
    compile(text, "printed", "exec")


class Odd:
    """A value that nobody has thought of."""


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.timedeltas(),
    st.text(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.sampled_from(["HS512", "RS256", "EdDSA", "sub", "Token", "HTTP_X_TOKEN", "email", "Strict"]),
    st.sampled_from([private_pem(ED), public_pem(ED), private_pem(RSA), Odd, Odd(), ["Bearer"]]),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none(), max_size=2),
)
DICTS = {
    name: st.dictionaries(st.sampled_from([*names, "OOPS", 3]), VALUES, max_size=8)
    for name, names in NAMES.items()
}


@hypothesis_settings(
    max_examples=sized(100, 2000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given_any(simplejwt=DICTS["SIMPLE_JWT"], knox=DICTS["REST_KNOX"], rest_auth=DICTS["REST_AUTH"])
def test_whatever_is_set_what_is_printed_passes_the_checks(
    simplejwt: dict[Any, Any], knox: dict[Any, Any], rest_auth: dict[Any, Any]
) -> None:
    found = moved(SIMPLE_JWT=simplejwt, REST_KNOX=knox, REST_AUTH=rest_auth)
    assert {*found} <= {*types.TYPES}
    assert not [fault for fault in faults(found) if ".E" in fault]


# Where the other packages are


class StandIns:
    """Packages that are not installed here, by the names of their classes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Any) -> None:
        self._monkeypatch, self._path = monkeypatch, str(path)

    def add(self, name: str, base: type = APIView) -> type:
        """Make a class of that dotted path."""
        module, _, own = name.rpartition(".")
        made = type(own, (base,), {"__module__": module})
        setattr(self.module(module), own, made)
        return made

    def module(self, name: str) -> ModuleType:
        if name in sys.modules:
            return sys.modules[name]
        module: Any = ModuleType(name)
        module.__path__ = [self._path]
        self._monkeypatch.setitem(sys.modules, name, module)
        if "." in name:
            self.module(name.rpartition(".")[0])
        return module  # type: ignore[no-any-return]


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> StandIns:
    return StandIns(monkeypatch, tmp_path)


@pytest.fixture
def route(settings: Settings) -> Callable[..., None]:
    """Give the project these routes."""

    def give(*routes: Any) -> None:
        urls: Any = ModuleType("urls")
        urls.urlpatterns = [*routes]
        settings.ROOT_URLCONF = urls

    return give


def test_each_route_is_named_with_its_successor(
    stand_ins: StandIns, route: Callable[..., None]
) -> None:
    views: dict[str, Any] = {name: stand_ins.add(name) for name in VIEWS}
    route(
        path("api/", include([path(name, view.as_view()) for name, view in views.items()])),
        re_path(r"^also/$", lambda request: HttpResponse()),
    )
    text = said(printed())
    for name, successor in VIEWS.items():
        assert f"/api/{name}: {name} -> {said(successor)}" in text
    assert "also" not in text


def test_a_view_of_the_project_is_named_by_what_it_is_derived_from(
    stand_ins: StandIns, route: Callable[..., None]
) -> None:
    theirs = stand_ins.add("rest_framework_simplejwt.views.TokenObtainPairView")
    mine: Any = type("Login", (theirs,), {"__module__": "accounts.views"})
    kept: Any = stand_ins.add("dj_rest_auth.views.UserDetailsView")
    route(path("login/", mine.as_view()), path("user/", kept.as_view()))
    text = said(printed())
    origin = "rest_framework_simplejwt.views.TokenObtainPairView"
    assert f"/login/: accounts.views.Login, derived from {origin} ->" in text
    assert "what yours adds is yours to carry over" in text
    assert "UserDetailsView -> keep it: that is no matter of ours" in text
    assert "/user/" in text


def test_a_view_with_classes_of_its_own_is_found(
    stand_ins: StandIns, route: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = stand_ins.add("knox.auth.TokenAuthentication", BaseAuthentication)
    members = {"authentication_classes": [theirs, BaseAuthentication], "__module__": "shop.views"}
    mine: Any = type("Orders", (APIView,), members)
    odd: Any = type("Odd", (APIView,), {"authentication_classes": None})
    plain: Any = type("Plain", (APIView,), {})
    monkeypatch.setattr(APIView, "authentication_classes", [theirs])
    route(*(path(f"{view.__name__}/", view.as_view()) for view in (mine, odd, plain)))
    text = said(printed())
    assert "/Orders/ shop.views.Orders: knox.auth.TokenAuthentication -> jwt_refresh" in text
    assert "REST_KNOX" in text
    assert "Odd" not in text
    assert "Plain" not in text


def test_each_default_class_is_named_with_its_successor(
    stand_ins: StandIns, settings: Settings
) -> None:
    stand_ins.add("dj_rest_auth.jwt_auth.JWTCookieAuthentication", BaseAuthentication)
    unknown = stand_ins.add("dj_rest_auth.jwt_auth.Another", BaseAuthentication)
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "dj_rest_auth.jwt_auth.JWTCookieAuthentication",
            # It is not installed any more.
            "rest_framework_simplejwt.authentication.JWTAuthentication",
            "rest_framework.authentication.SessionAuthentication",
            "accounts.authentication.Gone",
            TokenAuthentication,
            unknown,
            3,
        ]
    }
    text = said(printed())
    ours = "jwt_refresh.contrib.simplejwt.authentication.SimpleJWTAuthentication in its place"
    coexisting = "jwt_refresh.authentication.CoexistingJWTAuthentication before it"
    assert f"JWTCookieAuthentication -> {ours}" in text
    assert f"rest_framework_simplejwt.authentication.JWTAuthentication -> {ours}" in text
    assert f"rest_framework.authentication.TokenAuthentication -> {coexisting}" in text
    assert "dj_rest_auth.jwt_auth.Another -> keep it" in text
    assert "SessionAuthentication:" not in text
    assert '"AUTH_HEADER_TYPES": ["Bearer", "Token"]' in text


def test_the_apps_and_tables_that_go_are_named_with_the_day(
    stand_ins: StandIns, settings: Settings, clock: Any
) -> None:
    for name in ("rest_framework_simplejwt.token_blacklist", "knox", "dj_rest_auth"):
        stand_ins.module(name)
    ours = [app for app in settings.INSTALLED_APPS if "simplejwt" not in app]
    theirs = ["rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist", "knox"]
    settings.INSTALLED_APPS = [*ours, *theirs, "dj_rest_auth"]
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [TokenAuthentication]}
    settings.SIMPLE_JWT = {"REFRESH_TOKEN_LIFETIME": timedelta(days=14)}
    settings.REST_KNOX = {"TOKEN_TTL": timedelta(hours=1.5)}
    text = said(printed())
    day = datetime.now(UTC) + timedelta(days=14)
    assert f"ends 14 days after the switch, which is {day:%Y-%m-%d} if that is today" in text
    assert "flushexpiredtokens" in text
    assert "knox_authtoken: the last token of knox ends 1.5 hours after the switch" in text
    assert "authtoken_token: its tokens never end" in text
    assert 'Add "jwt_refresh.contrib.simplejwt" below "jwt_refresh"' in text
    assert 'Take out "rest_framework_simplejwt" with the switch' in text
    for name in ("rest_framework_simplejwt.token_blacklist", "knox"):
        assert f'Take out "{name}" after its tables (6)' in text
    assert 'Take out "dj_rest_auth" once none of its views is left' in text


@pytest.mark.parametrize(
    ("given", "table"),
    [
        ({}, "knox_authtoken"),
        ({"REST_KNOX": {"TOKEN_MODEL": "shop.Token"}}, "the table of your own model for knox"),
        ({"KNOX_TOKEN_MODEL": "shop.Token"}, "the table of your own model for knox"),
        ({"REST_KNOX": ["x"]}, "knox_authtoken"),
    ],
)
def test_tokens_of_knox_that_need_not_end(
    stand_ins: StandIns, settings: Settings, given: dict[str, Any], table: str
) -> None:
    stand_ins.module("knox")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "knox"]
    for name, value in given.items():
        setattr(settings, name, value)
    assert f"{table}: the last token of knox ends 10 hours after" in said(printed())
    settings.REST_KNOX = {"AUTO_REFRESH": True}
    assert "the last token of knox need not end, so choose a day" in said(printed())


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [
        (timedelta.max, "need not end"),
        (timedelta.min, "ends 0 seconds after the switch"),
        (DAY, "ends 1 day after the switch"),
        (timedelta(minutes=5), "ends 5 minutes after the switch"),
    ],
)
def test_without_a_blacklist_there_is_no_table(lifetime: timedelta, expected: str) -> None:
    with override_settings(SIMPLE_JWT={"REFRESH_TOKEN_LIFETIME": lifetime}):
        text = said(printed())
    assert f"there is no table; the last token of simplejwt {expected}" in text
    assert "token_blacklist_" not in text


def test_a_length_of_time_is_written_exactly() -> None:
    odd = timedelta(days=1, microseconds=3)
    for value in (odd, timedelta(0), timedelta(seconds=90), -odd):
        assert eval(reading.duration(value)) == value
