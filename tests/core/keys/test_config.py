"""The ring that the settings describe; and changes of keys, which log nobody out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jwt
import pytest
from django.core.signals import setting_changed
from django.test import override_settings
from pytest_django import Settings

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Kind
from jwt_refresh.core.keys.config import KeyConfigError
from jwt_refresh.exceptions import Unavailable
from tests.support import forging, key_pairs
from tests.support.devices import PAIR, Device
from tests.support.forging import segment
from tests.support.http import said
from tests.support.key_pairs import (
    EC,
    ED,
    NEW,
    NEXT,
    OLD,
    RSA,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
    secret_jwk,
    text,
)
from tests.support.threads import race

over_http = pytest.mark.django_db(transaction=True, databases="__all__")

RS512 = {"kid": "rsa", "alg": "RS512"}


def of(**given: Any) -> dict[str, Any]:
    return {"JWT_REFRESH": given}


class Stage(NamedTuple):
    """The settings of the server that issues, and of a service that verifies, at one step."""

    home: dict[str, Any]
    service: dict[str, Any]


def shared(*homes: dict[str, Any]) -> list[Stage]:
    """With secrets: whoever verifies could sign as well."""
    return [Stage(home, home) for home in homes]


def to_a_pair(secret: dict[str, Any], listed: Any, algorithm: str, key: Any) -> list[Stage]:
    """From a secret to a key pair; the last two services hold nothing that signs."""
    public, private = public_pem(key), private_pem(key)
    return [
        *shared(of(**secret), of(**secret | {"SECRET": listed, "PUBLIC_KEYS": [public]})),
        Stage(
            of(ALGORITHM=algorithm, SECRET=listed, PRIVATE_KEYS=[private]),
            of(ALGORITHM=algorithm, SECRET=listed, PUBLIC_KEYS=[public]),
        ),
        Stage(
            of(ALGORITHM=algorithm, PRIVATE_KEYS=[private]),
            of(ALGORITHM=algorithm, PUBLIC_KEYS=[public]),
        ),
    ]


def between_pairs(old: tuple[str, Any, Any], new: tuple[str, Any, Any]) -> list[Stage]:
    """Each of the two: its algorithm, its private and its public half."""
    (before, old_private, old_public), (after, new_private, new_public) = old, new
    both = [old_public, new_public]
    return [
        Stage(
            of(ALGORITHM=before, PRIVATE_KEYS=[old_private]),
            of(ALGORITHM=before, PUBLIC_KEYS=[old_public]),
        ),
        Stage(
            of(ALGORITHM=before, PRIVATE_KEYS=[old_private], PUBLIC_KEYS=[new_public]),
            of(ALGORITHM=before, PUBLIC_KEYS=both),
        ),
        Stage(
            of(ALGORITHM=after, PRIVATE_KEYS=[new_private, old_private]),
            of(ALGORITHM=after, PUBLIC_KEYS=both),
        ),
        Stage(
            of(ALGORITHM=after, PRIVATE_KEYS=[new_private]),
            of(ALGORITHM=after, PUBLIC_KEYS=[new_public]),
        ),
    ]


def pem_pair(algorithm: str, number: int = 0) -> tuple[str, str, str]:
    key = private_key(algorithm, number)
    return algorithm, private_pem(key), public_pem(key)


WALKS = {
    "HS256, a new secret": shared(
        of(SECRET=OLD), of(SECRET=[OLD, NEW]), of(SECRET=[NEW, OLD]), of(SECRET=NEW)
    ),
    "HS256, a new SECRET_KEY": shared(
        {"SECRET_KEY": OLD},
        {"SECRET_KEY": OLD, "SECRET_KEY_FALLBACKS": [NEW]},
        {"SECRET_KEY": NEW, "SECRET_KEY_FALLBACKS": [OLD]},
        {"SECRET_KEY": NEW},
    ),
    "HS256 to HS512": shared(
        of(ALGORITHM="HS256", SECRET=OLD),
        of(ALGORITHM="HS256", SECRET=[OLD, secret_jwk(NEW, "HS512")]),
        of(ALGORITHM="HS512", SECRET=[NEW, secret_jwk(OLD, "HS256")]),
        of(ALGORITHM="HS512", SECRET=NEW),
    ),
    "HS256 to EdDSA": to_a_pair({"SECRET": OLD}, [OLD], "EdDSA", ED),
    "HS512 to EdDSA": to_a_pair(
        {"ALGORITHM": "HS512", "SECRET": OLD}, [secret_jwk(OLD, "HS512")], "EdDSA", ED
    ),
    "derived to ES256": to_a_pair({}, [None], "ES256", EC),
    "derived to RS256": to_a_pair({}, [None], "RS256", RSA),
    "EdDSA, a new pair": between_pairs(pem_pair("EdDSA"), pem_pair("EdDSA", 1)),
    "RS256 to EdDSA": between_pairs(pem_pair("RS256"), pem_pair("EdDSA")),
    "RS512, as JWK, to ES384": between_pairs(
        ("RS512", private_jwk(RSA) | RS512, public_jwk(RSA) | RS512), pem_pair("ES384")
    ),
    "EdDSA back to HS256": [
        Stage(
            of(ALGORITHM="EdDSA", PRIVATE_KEYS=[private_pem(ED)]),
            of(ALGORITHM="EdDSA", PUBLIC_KEYS=[public_pem(ED)]),
        ),
        Stage(
            of(ALGORITHM="EdDSA", SECRET=[NEW], PRIVATE_KEYS=[private_pem(ED)]),
            of(ALGORITHM="EdDSA", SECRET=[NEW], PUBLIC_KEYS=[public_pem(ED)]),
        ),
        *shared(of(ALGORITHM="HS256", SECRET=[NEW], PUBLIC_KEYS=[public_pem(ED)]), of(SECRET=NEW)),
    ],
}


def stages_of(walk: Sequence[Stage], style: dict[str, Any]) -> list[Stage]:
    def styled(given: dict[str, Any]) -> dict[str, Any]:
        return given | {"JWT_REFRESH": given.get("JWT_REFRESH", {}) | style}

    return [Stage(styled(home), styled(service)) for home, service in walk]


both_styles = pytest.mark.parametrize(
    "style", [{}, pytest.param(PAIR, marks=pytest.mark.full)], ids=["sliding", "pair"]
)


def check_served(device: Device, stage: Stage) -> None:
    """Its token is good for everything, at home and at the service."""
    with override_settings(**stage.home):
        assert device.get().json()["user"] == device.user.get_username()
        assert device.verify().status_code == 200
    with override_settings(**stage.service):
        assert device.get("/me/stateless/").json()["user"] == str(device.user.pk)


def check_refused(device: Device, stage: Stage) -> None:
    invalid = (401, "token_invalid", "The token is not valid.")
    with override_settings(**stage.home):
        assert said(device.get()) == invalid
        assert said(Device(device.user).refresh(device.refreshable)) == invalid
    with override_settings(**stage.service):
        assert said(device.get("/me/stateless/")) == invalid


def logged_in(user: Any, stage: Stage) -> Device:
    device = Device(user)
    with override_settings(**stage.home):
        assert device.login().status_code == 200
    return device


@over_http
@both_styles
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", WALKS)
def test_no_step_of_a_change_of_keys_logs_anybody_out(name: str, style: Any, ann: Any) -> None:
    """Servers are changed one after the other, so that the two settings of a step meet: what
    one of them issues, each accepts and exchanges."""
    stages = stages_of(WALKS[name], style)
    assert len(stages) == 4
    phone = logged_in(ann, stages[0])
    for before, after in pairwise(stages):
        for stage in (after, before, after):
            check_served(phone, before)
            check_served(phone, after)
            with override_settings(**stage.home):
                assert phone.refresh().status_code == 200
        check_served(logged_in(ann, after), before)
    check_served(phone, stages[-1])


@over_http
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", WALKS)
def test_what_a_key_signed_is_good_until_it_is_retired(name: str, ann: Any) -> None:
    now, publish, sign, retire = stages_of(WALKS[name], PAIR)
    for device in (logged_in(ann, now), logged_in(ann, publish)):
        check_served(device, sign)
        check_refused(device, retire)
    check_served(logged_in(ann, sign), retire)


@over_http
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", WALKS)
def test_a_key_that_was_not_published_opens_nothing(name: str, ann: Any) -> None:
    """Why the first step is there: a server that has not heard of a key refuses it."""
    now, _, sign, _ = stages_of(WALKS[name], PAIR)
    check_refused(logged_in(ann, sign), now)


@over_http
@both_styles
@pytest.mark.usefixtures("clock")
def test_ed25519_gets_its_new_name_without_another_key(style: Any, ann: Any) -> None:
    """RFC 9864: both names verify everywhere, so that there is nothing to publish or retire."""
    names = [
        Stage(
            of(ALGORITHM=name, PRIVATE_KEYS=[private_pem(ED)]),
            of(ALGORITHM=name, PUBLIC_KEYS=[public_pem(ED)]),
        )
        for name in ("EdDSA", "Ed25519")
    ]
    old, new = stages_of(names, style)
    phone = logged_in(ann, old)
    for stage, name in ((old, "EdDSA"), (new, "Ed25519"), (old, "EdDSA")):
        with override_settings(**stage.home):
            assert phone.refresh().status_code == 200
        assert jwt.get_unverified_header(phone.token)["alg"] == name
        check_served(phone, old)
        check_served(phone, new)


# What the settings give


def kids(**given: Any) -> list[str]:
    """The ring of these settings: what signs, and the ``kid`` of each key."""
    with override_settings(JWT_REFRESH=given):
        ring = conf.keyring()
    return ["-" if ring.signing is None else ring.signing.kid, *(key.kid for key in ring.keys)]


PRIVATE, PUBLIC = private_pem(ED), public_pem(ED)
KID, NEXT_KID, RSA_KID = map(key_pairs.thumbprint, (ED, NEXT, RSA))
RINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing set": ({}, ["HS256", "HS256"]),
    "another hash": ({"ALGORITHM": "HS384"}, ["HS384", "HS384"]),
    "secrets of two hashes": (
        {"SECRET": [OLD, secret_jwk(NEW, "HS512"), None]},
        ["HS256", "HS256", "HS512"],
    ),
    "a secret as JWK that names no hash": (
        {"ALGORITHM": "HS512", "SECRET": [{"kty": "oct", "k": segment(OLD)}]},
        ["HS512", "HS512"],
    ),
    "a pair": ({"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE]}, [KID, KID]),
    "a tuple": ({"ALGORITHM": "EdDSA", "PRIVATE_KEYS": (PRIVATE,)}, [KID, KID]),
    "JWKs": (
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_jwk(ED) | {"kid": "a"}]},
        ["a", "a"],
    ),
    "a key of another algorithm in the second place": (
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE, private_pem(RSA)]},
        [KID, KID, RSA_KID],
    ),
    "public keys alone": (
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_pem(RSA), PUBLIC]},
        ["-", RSA_KID, KID],
    ),
    "public keys, and the secret of old": (
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [PUBLIC], "SECRET": [OLD]},
        ["-", KID, "HS256"],
    ),
    "all there is": (
        {
            "ALGORITHM": "EdDSA",
            "SECRET": [None, OLD],
            "PRIVATE_KEYS": [PRIVATE],
            "PUBLIC_KEYS": [public_pem(NEXT)],
        },
        [KID, KID, NEXT_KID, "HS256"],
    ),
    "a secret that signs, beside a pair": (
        {"SECRET": [OLD], "PUBLIC_KEYS": [PUBLIC]},
        ["HS256", "HS256", KID],
    ),
}


@pytest.mark.parametrize(("given", "expected"), RINGS.values(), ids=RINGS)
def test_the_first_key_signs_and_all_are_there(given: dict[str, Any], expected: list[str]) -> None:
    assert kids(**given) == expected


@pytest.mark.parametrize("secret", [OLD, '{"k": 7}' * 8, "[7]" * 30, "7" * 40, f'"{OLD}"'])
def test_a_secret_that_is_no_jwk_is_taken_as_it_is(settings: Settings, secret: str) -> None:
    settings.JWT_REFRESH = {"SECRET": secret}
    assert conf.keyring().keys[0].verifying == (secret.encode(),)


def test_the_secret_of_a_jwk_is_its_k(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": [secret_jwk(NEW, "HS256"), OLD]}
    assert conf.keyring().keys[0].verifying == (NEW.encode(), OLD.encode())
    settings.JWT_REFRESH = {"SECRET": text(secret_jwk(NEW, "HS256"))}
    assert conf.keyring().keys[0].verifying == (NEW.encode(),)


CIRCULAR: dict[str, Any] = {"kty": "OKP"}
CIRCULAR["x"] = CIRCULAR
NO_SECRET = "has a JWK that is no secret"
REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no algorithm": ("ALGORITHM", "is not known", {"ALGORITHM": "none"}),
    # Whoever mixes the two could sign with what others can read (RFC 8725 section 2.1).
    "a secret and a public key": ("ALGORITHM", "is HS256, beside", {"PUBLIC_KEYS": [PUBLIC]}),
    "a secret and a private key": (
        "ALGORITHM",
        "is HS512, beside",
        {"ALGORITHM": "HS512", "SECRET": OLD, "PRIVATE_KEYS": [PRIVATE]},
    ),
    "a private key and a secret": (
        "SECRET",
        "is set, and EdDSA uses none",
        {"ALGORITHM": "EdDSA", "SECRET": OLD, "PRIVATE_KEYS": [PRIVATE]},
    ),
    "no pair": ("ALGORITHM", "is EdDSA, and there is no key", {"ALGORITHM": "EdDSA"}),
    "no pair, but secrets": (
        "ALGORITHM",
        "is RS256, and there is no key",
        {"ALGORITHM": "RS256", "SECRET": [OLD]},
    ),
    "no secrets": ("SECRET", "is an empty list", {"SECRET": []}),
    "no secrets beside a pair": (
        "SECRET",
        "is an empty list",
        {"ALGORITHM": "EdDSA", "SECRET": (), "PRIVATE_KEYS": [PRIVATE]},
    ),
    "another first key": (
        "PRIVATE_KEYS",
        "has a first key that is not for EdDSA",
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(RSA), PRIVATE]},
    ),
    "a first key that says otherwise": (
        "PRIVATE_KEYS",
        "has a first key that is not for Ed25519",
        {"ALGORITHM": "Ed25519", "PRIVATE_KEYS": [private_jwk(ED) | {"alg": "EdDSA"}]},
    ),
    "another first secret": (
        "SECRET",
        "has a first secret that is not for HS256",
        {"SECRET": [secret_jwk(NEW, "HS512"), OLD]},
    ),
    "one key twice": (
        "PUBLIC_KEYS",
        "or 'PRIVATE_KEYS' has two keys with one kid",
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE, PRIVATE]},
    ),
    "a key and its own half": (
        "PUBLIC_KEYS",
        "or 'PRIVATE_KEYS' has two keys with one kid",
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE], "PUBLIC_KEYS": [PUBLIC]},
    ),
    "two keys of one name": (
        "PUBLIC_KEYS",
        "or 'PRIVATE_KEYS' has two keys with one kid",
        {
            "ALGORITHM": "EdDSA",
            "PUBLIC_KEYS": [public_jwk(key) | {"kid": "a"} for key in (ED, NEXT)],
        },
    ),
    "a key that has the name of secrets": (
        "PUBLIC_KEYS",
        "or 'PRIVATE_KEYS' has two keys with one kid",
        {"SECRET": [OLD], "PUBLIC_KEYS": [public_jwk(ED) | {"kid": "HS256"}]},
    ),
    "the wrong half": (
        "PRIVATE_KEYS",
        "has an entry 1 that is a public key",
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE, public_pem(NEXT)]},
    ),
    "the other wrong half": (
        "PUBLIC_KEYS",
        "has an entry 0 that is a private key",
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [PRIVATE]},
    ),
    "junk": (
        "PUBLIC_KEYS",
        "has an entry 0 that is neither PEM text nor a JWK",
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [b"bytes"]},
    ),
    "a short secret": (
        "SECRET",
        "does not serve. An HS256 secret needs 32 bytes",
        {"SECRET": OLD[:31]},
    ),
    "a short secret as JWK": (
        "SECRET",
        "does not serve. An HS512 secret needs 64 bytes",
        {"SECRET": [OLD, secret_jwk(OLD[:63], "HS512")]},
    ),
    "a public key for a secret": ("SECRET", "does not serve. It is a key", {"SECRET": PUBLIC}),
    "a JWK for a secret": ("SECRET", NO_SECRET, {"SECRET": text(public_jwk(ED))}),
    **{
        f"a secret with {members}": (
            "SECRET",
            NO_SECRET,
            {"SECRET": [secret_jwk(NEW, "HS256") | members]},
        )
        for members in (
            {"kty": "OKP"},
            {"kty": None},
            {"alg": "RS256"},
            {"alg": ["HS256"]},
            {"alg": None},
            {"use": "enc"},
            {"key_ops": ["encrypt"]},
            {"k": 7},
            {"k": segment(OLD) + "=="},
            {"k": "é"},
        )
    },
    **{
        f"a JWK in {name} with {what}": (
            name,
            "has a JWK that is no JSON",
            {"ALGORITHM": algorithm, name: [jwk]},
        )
        for name, algorithm in (
            ("SECRET", "HS256"),
            ("PRIVATE_KEYS", "EdDSA"),
            ("PUBLIC_KEYS", "EdDSA"),
        )
        for what, jwk in (
            ("bytes", {"kty": "OKP", "x": b"bytes"}),
            ("a name that is no text", {"kty": "OKP", 7: "x", "x": "y"}),
            ("itself in it", CIRCULAR),
        )
    },
    "nested JSON for a key": (
        "PUBLIC_KEYS",
        "has an entry 0 that is neither PEM text nor a JWK",
        {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": ["[" * 100_000]},
    ),
    "PEM text with a lone surrogate": (
        "PRIVATE_KEYS",
        "has an entry 0 that is no PEM text",
        {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE.replace("\n", "\ud800")]},
    ),
    "a secret with a lone surrogate": (
        "SECRET",
        "has a lone surrogate",
        {"SECRET": OLD + "\ud800"},
    ),
    "a secret without k": ("SECRET", NO_SECRET, {"SECRET": [{"kty": "oct"}]}),
}


@pytest.mark.parametrize(("name", "fault", "given"), REFUSED.values(), ids=REFUSED)
def test_keys_that_do_not_serve_are_refused_with_the_mend(
    settings: Settings, name: str, fault: str, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    for build in (conf.keyring, lambda: conf.issuer(None), lambda: conf.verifier(None)):
        with pytest.raises(KeyConfigError) as refusal:
            build()
        assert refusal.value.name == name
        assert refusal.value.fault.startswith(fault)
        assert refusal.value.mend
        said_of_it = str(refusal.value)
        assert said_of_it == f"{name} {refusal.value.fault} {refusal.value.mend}"
        hidden = str([given[key] for key in given if key != "ALGORITHM"])
        assert not any(said_of_it[at : at + 8] in hidden for at in range(len(said_of_it) - 7))
        assert refusal.value.__context__ is None or refusal.value.__suppress_context__


@pytest.mark.parametrize("name", ["SECRET", "PRIVATE_KEYS", "PUBLIC_KEYS"])
def test_a_jwk_that_is_nested_too_deep_is_refused(settings: Settings, name: str) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    settings.JWT_REFRESH = {name: [{"kty": "OKP", "x": nested}]}
    with pytest.raises(KeyConfigError, match=f"^{name} has a JWK that is no JSON"):
        conf.keyring()


def test_nested_json_for_a_secret_is_a_secret_like_any_other(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": "[" * 100_000}
    assert conf.keyring().keys[0].verifying == (b"[" * 100_000,)


def test_secret_key_may_be_bytes_as_django_allows(settings: Settings) -> None:
    encoded = issue()
    settings.SECRET_KEY = settings.SECRET_KEY.encode()
    assert conf.verifier(None).ours(encoded).sub == "7"
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = b"another one" * 3, [settings.SECRET_KEY]
    assert conf.verifier(None).ours(encoded).sub == "7"


@pytest.mark.parametrize("fallback", [None, 7, "\ud800" * 32])
def test_a_secret_key_that_is_no_text_is_refused_with_the_mend(
    settings: Settings, fallback: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [fallback]
    with pytest.raises(KeyConfigError, match=r"^SECRET is derived from SECRET_KEY"):
        conf.keyring()


# Keys that a function of the project fetches


class Vault:
    """Gives keys, or fails; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: Any = [PRIVATE]

    def __call__(self) -> Any:
        self.asked += 1
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys


vault = Vault()


@pytest.fixture(params=["dotted path", "function"])
def hook(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(f"{__name__}.vault", Vault())
    return f"{__name__}.vault" if request.param == "dotted path" else vault


def issue() -> str:
    """Long past: `ours` does not mind."""
    return conf.issuer(None).issue(Kind.SLIDING, **forging.claims(iat=1, exp=2))


def test_a_vault_is_asked_once_and_again_when_settings_change(
    settings: Settings, hook: Any
) -> None:
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": hook}
    for _ in range(3):
        assert conf.verifier(None).ours(issue()).sub == "7"
    assert (vault.asked, conf.keyring().signing) == (1, conf.keyring().find(KID))
    vault.keys = [private_jwk(NEXT), PRIVATE]
    assert conf.keyring().find(NEXT_KID) is None
    settings.TIME_ZONE = "Asia/Seoul"
    assert (conf.keyring().signing, vault.asked) == (conf.keyring().find(NEXT_KID), 2)


def test_a_vault_gives_public_keys_as_well(settings: Settings, hook: Any) -> None:
    vault.keys = (public_pem(NEXT), public_jwk(RSA))
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE], "PUBLIC_KEYS": hook}
    assert [key.kid for key in conf.keyring().keys] == [KID, NEXT_KID, RSA_KID]


PATHS = ["login", "refresh", "verify", "logout", "logout/all", "jwks.json", "sessions"]
FAILURES = [RuntimeError(f"hunter2 {PRIVATE}"), TypeError("hunter2"), Unavailable("hunter2")]


@over_http
@pytest.mark.parametrize("keys", [*FAILURES, None, 7])
@pytest.mark.parametrize("name", ["PRIVATE_KEYS", "PUBLIC_KEYS"])
def test_where_a_vault_fails_nobody_is_let_in_and_nothing_is_told(
    settings: Settings,
    name: str,
    hook: Any,
    keys: Any,
    phone: Device,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    home = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE], name: hook}
    vault.keys = [PRIVATE] if name == "PRIVATE_KEYS" else []
    settings.JWT_REFRESH = home
    phone.login()
    works, vault.keys = vault.keys, keys
    settings.JWT_REFRESH = dict(home)
    asked = vault.asked
    answers = [phone.post(f"/auth/{path}/") for path in PATHS[:5]]
    answers += [phone.get(f"/auth/{path}/") for path in PATHS[5:]]
    answers += [phone.get(path) for path in ("/me/", "/me/stateless/", "/hello/")]
    assert {said(answer)[:2] for answer in answers} == {(503, "unavailable")}
    assert vault.asked == asked + len(answers)
    assert "the function of the keys raised " in caplog.text
    assert "hunter2" not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    # It failed, and that is not remembered: the next request asks again.
    vault.keys = works
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_threads_verify_and_issue_while_the_ring_is_rebuilt(settings: Settings, hook: Any) -> None:
    """Each ring is whole: whatever it signs, and whatever the one before signed, is taken."""
    orders = [[private_pem(ED), private_pem(NEXT)], [private_pem(NEXT), private_pem(ED)]]
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": hook}
    tokens = []
    for vault.keys in orders:
        change()
        tokens.append(issue())

    def work() -> list[str]:
        return [
            conf.verifier(None).ours(token).sub for _ in range(50) for token in (*tokens, issue())
        ]

    def rebuild() -> list[str]:
        for number in range(100):
            vault.keys = orders[number % 2]
            change()
            conf.keyring()
        return []

    acts = iter([rebuild, *[work] * 8])
    results = race(9, lambda: next(acts)())
    assert sorted(map(str, results)) == sorted(map(str, [[], *[["7"] * 150] * 8]))
    change()
    assert conf.keyring().signing is conf.keyring().find(NEXT_KID)


def change() -> None:
    """What Django's tests send when a setting changes."""
    setting_changed.send(Settings, setting="JWT_REFRESH", value=None, enter=True)
