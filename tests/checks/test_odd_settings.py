"""Settings as odd as a project may have them: named by a check, or they serve.

``SETTINGS_FUZZ`` is the number of dicts that are thought up; where it is not set, the lane decides.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from jwt_refresh import sessions
from jwt_refresh.checks.types import TYPES
from jwt_refresh.conf import conf
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from tests.support.complaints import complaints
from tests.support.devices import PASSWORD
from tests.support.key_pairs import (
    EC,
    ED,
    OLD,
    RSA,
    private_jwk,
    private_pem,
    public_jwk,
    public_pem,
    secret_jwk,
)
from tests.support.lanes import sized

pytestmark = pytest.mark.django_db

DICTS = int(os.environ.get("SETTINGS_FUZZ", sized(100, 3000)))


def fails(*args: object) -> Any:
    raise RuntimeError("hunter2")


def nothing(*args: object) -> Any:
    return None


def shop(request: object) -> str:
    return "shop"


def claims(user: object, session: object) -> dict[str, Any]:
    return {"plan": "free"}


def lifetimes(user: object, request: object) -> Lifetimes:
    return Lifetimes()


async def later(*args: object) -> Any:
    """No answer, but the promise of one."""


HERE = __name__
DURATIONS = [
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(seconds=1),
    timedelta(minutes=5),
    timedelta(days=400),
    timedelta(days=400, microseconds=1),
    timedelta(days=36525),
    timedelta(days=3_000_000),
    timedelta.max,
    timedelta.min,
    timedelta(seconds=-1),
]
TEXTS = [
    "",
    " ",
    "x",
    "\x00",
    "\ud800",
    "\n",
    "a b",
    "가" * 400,
    "\U0001f511" * 90,
    "x" * 300,
    "x" * 20_000,
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"kty":' * 100_000,
    "9" * 5000,
    "10/min",
    "10/",
    "/min",
    "1/1/s",
    "1" * 5000 + "/s",
    "-1/s",
    "get_username",
    "password",
    "is_authenticated",
    "groups",
    "objects",
    "_meta",
    "pk",
    "email",
    "Bearer",
    "Be\r\narer",
    "..",
    ".a",
    "a.",
    "a\x00.b",
    "\ud800.b",
    "tests.settings",
    *(f"{HERE}.{name}" for name in ("fails", "nothing", "shop", "claims", "lifetimes", "DICTS")),
    "HS256",
    "HS512",
    "EdDSA",
    "RS256",
    "none",
    "session",
    "default",
    "full",
    OLD,
    "\ud800" * 40,
    private_pem(ED),
    public_pem(ED),
    private_pem(RSA),
    private_pem(EC).replace("A", "B"),
    "-----BEGIN PRIVATE KEY-----\n\ud800\n-----END PRIVATE KEY-----",
    "-----BEGIN PUBLIC KEY-----",
]
OTHERS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    10**4000,
    1.5,
    float("nan"),
    float("inf"),
    b"",
    b"bytes",
    gettext_lazy("Bearer"),
    object(),
    fails,
    nothing,
    shop,
    claims,
    lifetimes,
    later,
    id,
    {1, 2},
    frozenset({"a"}),
    range(3),
    memoryview(b"x"),
]
JWKS: list[dict[Any, Any]] = [
    private_jwk(ED),
    public_jwk(ED),
    private_jwk(EC),
    private_jwk(RSA),
    public_jwk(RSA),
    secret_jwk(OLD, "HS256"),
    secret_jwk(OLD, "HS512"),
]
circular: dict[str, Any] = {"kty": "OKP"}
circular["x"] = circular

texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()), max_size=80)
scalars = st.sampled_from(DURATIONS) | texts | st.sampled_from(OTHERS)
members = st.sampled_from(
    [
        "kty",
        "crv",
        "alg",
        "use",
        "key_ops",
        "kid",
        "k",
        "d",
        "x",
        "y",
        "n",
        "e",
        "p",
        "oth",
        1,
        b"x",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(members | texts, inner, max_size=3)
    ),
    max_leaves=4,
)
jwks = st.builds(
    lambda jwk, changes: jwk | changes,
    st.sampled_from([*JWKS, circular]),
    st.dictionaries(members, anything, max_size=2),
)
keys = st.lists(jwks | texts, max_size=2)


def like(hint: Any) -> st.SearchStrategy[Any]:
    """Odd values of the type that a setting has."""
    if timedelta in get_args(hint) or hint is timedelta:
        return st.sampled_from(DURATIONS) | st.timedeltas()
    if int in get_args(hint):
        return st.integers()
    return texts | st.sampled_from(OTHERS)


LIKELY: dict[str, st.SearchStrategy[Any]] = {
    **{name: like(hint) for name, hint in TYPES.items()},
    "SECRET": keys | texts | st.lists(st.none() | jwks | texts, max_size=3),
    "PRIVATE_KEYS": keys | texts,
    "PUBLIC_KEYS": keys | texts,
    "ALGORITHM": st.sampled_from(["HS256", "HS512", "EdDSA", "RS256", "ES256"]),
    "AUTH_HEADER_TYPES": st.lists(texts, max_size=2),
    "DPOP": st.sampled_from(["off", "refresh", "all"]),
    "USER_ID_FIELD": st.sampled_from(dir(get_user_model())),
}
dicts: st.SearchStrategy[dict[Any, Any]] = st.one_of(
    st.fixed_dictionaries({}, optional=LIKELY),
    *(st.fixed_dictionaries({name: odd}) for name, odd in LIKELY.items()),
    st.fixed_dictionaries({"ALGORITHM": LIKELY["ALGORITHM"], "PRIVATE_KEYS": keys}),
    st.dictionaries(st.sampled_from(sorted(TYPES)), anything, max_size=2),
    st.dictionaries(texts | st.sampled_from([None, 7, b"LIFETIME"]), anything, max_size=2),
)


# One of each sort, for every run; the search finds the others.
TYPICAL: list[dict[Any, Any]] = [
    {},
    {"SESSION_LIFETIME": timedelta.max},
    {"USER_ID_FIELD": "last_login"},
    {"ISSUER": shop, "CLAIMS": claims, "LOGIN_LIFETIMES": f"{HERE}.lifetimes"},
    {"CLAIMS": fails},
    {"AUDIENCE": nothing},
    {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(ED)]},
]


@pytest.fixture
def user(db: None) -> Any:
    """A user without anything that is not asked for."""
    model = get_user_model()
    user = model(**{model.USERNAME_FIELD: "ann@example.com"})
    user.set_password(PASSWORD)
    user.save()
    return user


def names_a_key(text: str, given: dict[Any, Any]) -> bool:
    return any(repr(name) in text or f"{name} " in text for name in given)


def lists_keys() -> str | None:
    """The refusal of ``generate_signing_key --check``; ``None`` where it lists them."""
    try:
        call_command("generate_signing_key", "--check", stdout=io.StringIO())
    except CommandError as refusal:
        return str(refusal)
    return None


def use(user: Any) -> None:
    """Do what a project does all day; whatever is wrong raises."""
    name = get_user_model().USERNAME_FIELD
    Session.objects.all().delete()
    sessions.purge(keep=timedelta(days=30))
    if conf.keyring().signing is None:
        return
    credentials = {name: user.get_username(), "password": PASSWORD}
    answer = Client().post("/auth/login/", credentials, content_type="application/json")
    assert answer.status_code == 200, answer.content
    tokens = sessions.start(user)
    for _ in range(2):
        _, content = checking.authenticate(tokens.access_token, None)
        assert content["sub"] == str(getattr(user, conf.USER_ID_FIELD))
        tokens = sessions.refresh(tokens.refresh_token or tokens.access_token)
    assert Client().get("/me/").status_code == 401


def use_or_name(user: Any, given: dict[Any, Any]) -> None:
    """Only when it is called does a function of the project show what it is good for."""
    fault = ""
    try:
        use(user)
    except (ImproperlyConfigured, RuntimeError) as error:
        fault = str(error)
    assert fault in ("", "hunter2") or names_a_key(fault, given), fault


def odd(user: Any) -> Callable[[dict[Any, Any]], None]:
    def check(given: dict[Any, Any]) -> None:
        with override_settings(JWT_REFRESH=given, USE_TZ=True):
            found = complaints()
            serious = [message for message in found if message.is_serious()]
            for message in [*found, *complaints(deploy=True)]:
                assert str(message)
            for message in serious:
                assert names_a_key(f"{message.msg} {message.hint}", given), message
            refusal = lists_keys()
            if serious:
                assert refusal is None or names_a_key(refusal, given), refusal
            else:
                assert refusal is None
                # Who was warned that several users are one has been told.
                if not any(message.id == "jwt_refresh.W009" for message in found):
                    use_or_name(user, given)

    return check


@pytest.mark.usefixtures("clock")
def test_odd_settings_are_named_or_serve(user: Any) -> None:
    check = odd(user)
    for given in TYPICAL:
        check(given)

    @settings(
        max_examples=DICTS,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given_any(dicts)
    def search(given: dict[Any, Any]) -> None:
        check(given)

    search()
