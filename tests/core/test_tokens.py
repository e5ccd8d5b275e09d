"""Every way a token can be wrong is one row of ``WRONG``; then what is right, and how long."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import Algorithm, OKPAlgorithm

from jwt_refresh.core.claims import Claims, Kind
from jwt_refresh.core.keys.keyring import HMAC_KEY_BYTES, Key, Keyring, hmac_key
from jwt_refresh.core.keys.pairs import key_pair
from jwt_refresh.core.tokens import HEADER_MEMO, MAX_LENGTH, MAX_LIFETIME, Issuer, Verifier
from jwt_refresh.exceptions import TokenExpired, TokenInvalid
from tests.core.verifying import (
    AUDIENCE,
    GOOD,
    ISSUER,
    LEEWAY,
    LONGER,
    METHODS,
    RETIRED,
    RING,
    claims,
    verifier,
)
from tests.support import forging, key_pairs
from tests.support.forging import (
    ABSENT,
    NOW,
    SECRET,
    header,
    nested,
    respell,
    segment,
    sign,
    text_of,
    token,
)
from tests.support.lanes import sized

pytestmark = pytest.mark.usefixtures("now")

JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
"""The thumbprint of the examples of RFC 9449."""
NO_THUMBPRINTS: list[Any] = [
    *("", "a", f"{JKT}=", JKT[:-1], f"{JKT}A", respell(JKT), f"{JKT}\n", "é" * 43),
    *(None, 7, True, [JKT], {"jkt": JKT}),
]


def of_length(length: int) -> str:
    """A good token of that many characters, filled up with the white space that JSON allows."""
    taken = len(sign(f"{HEADER}."))
    return sign(f"{HEADER}.{segment(json.dumps(claims()).ljust((length - taken) * 3 // 4))}")


HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
SIGNED = f"{HEADER}.{PAYLOAD}"
SIGNATURE_BYTES = base64.urlsafe_b64decode(SIGNATURE + "=")
JSON_HEADER, JSON_CLAIMS = json.dumps(header()), json.dumps(claims())
# Six bytes stand before the odd characters, so that they fill base64 characters of their own.
ODD_PAYLOAD = segment('{"x":"~~~???",' + JSON_CLAIMS[1:])

NO_TEXT = {
    "null": None,
    "empty": "",
    "NUL": "a\0b",
    "newline": "a\n",
    "DEL": "a\x7f",
    "C1 control": "a\x85",
    "256 characters": "a" * 256,
    "lone surrogate": "a\ud800",
    "number": 7,
    "bool": True,
    "list": ["a"],
    "object": {"a": "a"},
}
NO_TIME = {
    "null": None,
    "string": str(NOW),
    "float": float(NOW),
    "1e308": 1e308,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "list": [NOW],
}
# Wrong whoever looks, and whenever: no issuer makes them, and no verifier takes them.
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    **{f"no {name}": {name: ABSENT} for name in ("sub", "sid", "jti", "iat", "exp")},
    **{
        f"{name} {what}": {name: text}
        for name in ("sub", "sid", "jti")
        for what, text in NO_TEXT.items()
    },
    **{
        f"{name} {what}": {name: text}
        for name in ("iss", "aud", "client_id")
        for what, text in {"null": None, "number": 7, "list": [AUDIENCE]}.items()
    },
    **{
        f"{name} {what}": {name: time}
        for name in ("iat", "exp", "nbf", "auth_time")
        for what, time in NO_TIME.items()
    },
    "iat true": {"iat": True, "exp": 100},
    "exp true": {"iat": 0, "exp": True},
    "nbf true": {"nbf": True},
    "auth_time true": {"auth_time": True},
    "iat negative": {"iat": -1, "exp": 100},
    "exp negative": {"exp": -1},
    "auth_time negative": {"auth_time": -1},
    "nbf negative": {"nbf": -1},
    "iat of 401 digits": {"iat": 10**400},
    "exp of 401 digits": {"exp": 10**400},
    "exp at iat": {"iat": NOW, "exp": NOW},
    "exp before iat": {"iat": NOW, "exp": NOW - 1},
    "a second more than 400 days": {"exp": NOW - 60 + MAX_LIFETIME + 1},
    "auth_time after iat": {"auth_time": NOW - 59},
    "cnf null": {"cnf": None},
    "cnf empty": {"cnf": {}},
    "cnf a text": {"cnf": JKT},
    **{f"cnf.jkt {jkt!r}": {"cnf": {"jkt": jkt}} for jkt in NO_THUMBPRINTS},
    "cnf of a certificate": {"cnf": {"x5t#S256": JKT}},
    "cnf with a key": {"cnf": {"jkt": JKT, "jwk": {}}},
}


def row(name: str, encoded: Any, **config: Any) -> Any:
    return pytest.param(encoded, config, id=name)


WRONG = [
    # No text, or too much of it
    *[row(f"a {type(thing).__name__}", thing) for thing in (None, 7, GOOD.encode(), [GOOD])],
    row("a character too long", of_length(MAX_LENGTH + 1)),
    row("signed, 1 MB", of_length(1_000_000)),
    row("junk, 1 MB", "a" * 1_000_000),
    row("dots, 1 MB", "." * 1_000_000),
    # Characters
    *[row(f"{char!r} in front", char + GOOD) for char in " \n\0\ufeff\ud800é"],
    *[row(f"{char!r} behind", GOOD + char) for char in " \n\0\ufeff\ud800é"],
    *[
        row(f"{char!r} within", sign(f"{HEADER}.{PAYLOAD[:8]}{char}{PAYLOAD[8:]}"))
        for char in " \n\0"
    ],
    row("letters of full width", GOOD.translate({ord("e"): "\uff45"})),
    row("padded header", sign(f"{segment(JSON_HEADER.ljust(100))}==.{PAYLOAD}")),
    row("padded payload", sign(f"{HEADER}.{segment(JSON_CLAIMS.ljust(200))}=")),
    row("padded signature", f"{GOOD}="),
    row("respelt header", sign(f"{respell(segment(JSON_HEADER.ljust(100)))}.{PAYLOAD}")),
    row("respelt payload", sign(f"{HEADER}.{respell(segment(JSON_CLAIMS.ljust(200)))}")),
    row("respelt signature", f"{SIGNED}.{respell(SIGNATURE)}"),
    row("the + of the other alphabet", sign(f"{HEADER}.{ODD_PAYLOAD.replace('-', '+')}")),
    row("the / of the other alphabet", sign(f"{HEADER}.{ODD_PAYLOAD.replace('_', '/')}")),
    # Segments
    row("nothing", ""),
    row("a word", "token"),
    *[row("." * count, "." * count) for count in (1, 2, 3, 4)],
    row("two segments", SIGNED),
    row("two segments, signed", sign(PAYLOAD)),
    row("four segments", sign(f"{SIGNED}.e30")),
    row("five segments", sign(f"{SIGNED}.e30.e30")),
    row("a dot in front", f".{GOOD}"),
    row("a dot behind", f"{GOOD}."),
    row("empty header", sign(f".{PAYLOAD}")),
    row("empty payload", sign(f"{HEADER}.")),
    row("encrypted", f"{segment({'alg': 'dir', 'enc': 'A256GCM'})}..e30.e30.e30"),
    row("two tokens", f"{GOOD},{GOOD}"),
    row("two tokens with a space", f"{GOOD} {GOOD}"),
    row("the scheme twice", f"Bearer {GOOD}"),
    row(
        "flattened JSON serialisation",
        json.dumps({"protected": HEADER, "payload": PAYLOAD, "signature": SIGNATURE}),
    ),
    row(
        "general JSON serialisation",
        json.dumps(
            {"payload": PAYLOAD, "signatures": [{"protected": HEADER, "signature": SIGNATURE}]}
        ),
    ),
    # JSON, in the header and in the payload
    *[
        row(f"{what} as {place}", token(*parts))
        for what, text in {
            "list": "[]",
            "string": '"HS256"',
            "number": "1",
            "null": "null",
            "nothing but white space": " ",
            "no UTF-8": b'{"a":"\xff"}',
            "deep nesting": nested(2500),
            "an object around deep nesting": f'{{"kid":{nested(2500)}}}',
        }.items()
        for place, parts in {"header": (text, claims()), "payload": (header(), text)}.items()
    ],
    *[
        row(f"{what} {place}", token(*parts))
        for what, (start, encoding) in {
            "byte order mark before": ("\ufeff", "utf-8"),
            "UTF-16": ("", "utf-16"),
            "UTF-16 without its mark": ("", "utf-16-le"),
            "UTF-32": ("", "utf-32"),
        }.items()
        for place, parts in {
            "header": ((start + JSON_HEADER).encode(encoding), claims()),
            "payload": (header(), (start + JSON_CLAIMS).encode(encoding)),
        }.items()
    ],
    *[
        row(f"header with {member} twice", token(text_of(header(), member), claims()))
        for member in ('"alg": "none"', '"alg": "HS256"', '"\\u0061lg": "HS256"', '"kid": "HS256"')
    ],
    *[
        row(f"payload with {member}", token(header(), text_of(claims(), member)))
        for member in (
            '"sub": "8"',
            '"\\u0073ub": "8"',
            '"exp": 1900000000',
            '"aud": "shop"',
            '"x": {"y": 1, "y": 1}',
            '"x": NaN',
            '"x": Infinity',
            '"x": [-Infinity]',
        )
    ],
    *[
        row(f"exp {name}", token(header(), text_of(claims(exp=ABSENT), f'"exp": {number}')))
        for name, number in {
            "1e999": "1e999",
            "-1e999": "-1e999",
            "5000 digits": "9" * 5000,
        }.items()
    ],
    # Header members
    *[
        row(f"{name} {value}", token(header(**{name: value}), claims()))
        for name, value in [
            ("crit", ["exp"]),
            ("crit", ["b64"]),
            ("crit", []),
            ("crit", "exp"),
            ("b64", True),
            ("b64", False),
            ("b64", 0),
            ("zip", "DEF"),
            ("enc", "A256GCM"),
            ("p2c", 10**9),
            ("cty", "JWT"),
            ("jku", "https://evil.example/jwks.json"),
            ("jwk", {"kty": "oct", "k": segment(SECRET)}),
            ("x5u", "https://evil.example/chain.pem"),
            ("x5c", ["MIIB"]),
            ("x5t", "a"),
            ("x", "a"),
        ]
    ],
    row("crit with b64", token(header(crit=["b64"], b64=True), claims())),
    row("a token within a token", token(header(), GOOD)),
    row("a token within a token, with cty", token(header(cty="JWT"), GOOD)),
    # Algorithm
    *[
        row(f"alg {name}, {how}", encoded)
        for name, alg in {
            **{repr(text): text for text in ("none", "None", "NONE", "nOnE", "none ", "")},
            **{
                repr(text): text
                for text in ("hs256", "HS256 ", "\0HS256", "HS384", "RS256", "EdDSA")
            },
            "absent": ABSENT,
            "null": None,
            "0": 0,
            "true": True,
            "[]": [],
            "{}": {},
            "list": ["HS256"],
        }.items()
        for how, encoded in {
            "unsigned": forging.unsigned(header(alg=alg), claims()) + ".",
            "signed": token(header(alg=alg), claims()),
        }.items()
    ],
    row("HS512 with the key of HS256", token(header(alg="HS512"), claims(), digest="sha512")),
    row("HS512 with the kid of HS256", token(header(alg="HS512"), claims(), LONGER, "sha512")),
    row("HS256 with the key of HS512", token(header(kid="HS512"), claims(), LONGER)),
    row("HS384 with a key of HS512", token(header(alg="HS384"), claims(), LONGER, "sha384")),
    # Name of the key
    *[
        row(f"kid {name}", token(header(kid=kid), claims()))
        for name, kid in {
            **{repr(text): text for text in ("", "unknown", "hs256", "HS256 ", "\0", "\ud800")},
            **{
                repr(text): text
                for text in ("../../dev/null", "' OR 1=1 --", "__proto__", "{{7*7}}", "|/bin/sh")
            },
            "absent": ABSENT,
            "null": None,
            "number": 7,
            "list": ["HS256"],
            "object": {"HS256": "HS256"},
            "of 4000 characters": "HS256" * 800,
        }.items()
    ],
    # Kind
    *[
        row(f"typ {name}", token(header(typ=typ), claims()))
        for name, typ in {
            **{repr(text): text for text in ("", "JWT", "jwt", "application/jwt", "application/")},
            **{
                repr(text): text for text in ("sliding", "sliding+jwt ", "sliding+jwt;x", "SLIDING")
            },
            "of another media type": "text/sliding+jwt",
            "prefixed twice": "application/application/sliding+jwt",
            "absent": ABSENT,
            "null": None,
            "number": 7,
            "list": ["sliding+jwt"],
        }.items()
    ],
    # Claims
    *[row(name, token(header(), claims(**wrong))) for name, wrong in WRONG_CLAIMS.items()],
    row("iat beyond the leeway", token(header(), claims(iat=NOW + LEEWAY + 1))),
    row("iat and exp of 401 digits", token(header(), claims(iat=10**400, exp=10**400 + 1))),
    row("nbf beyond the leeway", token(header(), claims(nbf=NOW + LEEWAY + 1))),
    row("nbf of 401 digits", token(header(), claims(nbf=10**400))),
    *[
        row(f"{name} {value}", token(header(), claims(**{name: value})))
        for name, ours in {"iss": ISSUER, "aud": AUDIENCE}.items()
        for value in ("", ours[:-1], ours[1:], f"{ours}/", ours.upper(), [ours, "other"], "other")
    ],
    row("no iss", token(header(), claims(iss=ABSENT))),
    row("no aud", token(header(), claims(aud=ABSENT))),
    row("iss where none is set", token(header(), claims(aud=ABSENT)), issuer=None, audience=None),
    row("aud where none is set", token(header(), claims(iss=ABSENT)), issuer=None, audience=None),
    # Signature
    row("no signature", f"{SIGNED}."),
    row("signature short of a character", GOOD[:-1]),
    row("half of the signature", GOOD[:-22]),
    row("signature short of a byte", f"{SIGNED}.{segment(SIGNATURE_BYTES[:-1])}"),
    row("signature with a byte more", f"{SIGNED}.{segment(SIGNATURE_BYTES + bytes(1))}"),
    row("signature with a character more", f"{GOOD}A"),
    row("signature twice", f"{GOOD}{SIGNATURE}"),
    row("signature of zeros", f"{SIGNED}.{segment(bytes(32))}"),
    row("signature of another token", f"{SIGNED}.{token(header(), claims(sub='8'))[-43:]}"),
    row("signature with another hash", sign(SIGNED, digest="sha512")),
    row("signature of another key", sign(SIGNED, b"a secret that is none of ours at all")),
    row("signature of the key of another algorithm", sign(SIGNED, LONGER)),
    row("signature of an empty key", sign(SIGNED, b"")),
    row("signature of the kid", sign(SIGNED, b"HS256")),
]


def test_a_claim_nested_too_deep_for_the_interpreter_is_invalid() -> None:
    """How deep that is, differs from one Python to the next."""
    encoded = token(header(), text_of(claims(), '"x": ' + nested(2500)))
    try:
        read = verifier().current(encoded)
    except TokenInvalid:
        read = None
    assert read is None or "x" in read


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("encoded", "config"), WRONG)
def test_a_wrong_token_is_invalid(method: str, encoded: Any, config: dict[str, Any]) -> None:
    """Before and after the verifier saw a good one, and the error repeats nothing of it."""
    read = getattr(verifier(**config), method)
    good = {"iss": config.get("issuer", ISSUER) or ABSENT, "aud": ABSENT if config else AUDIENCE}
    for _ in range(2):
        with pytest.raises(TokenInvalid) as refusal:
            read(encoded)
        assert type(refusal.value) is TokenInvalid
        text = str(refusal.value)
        assert not any(text[i : i + 6] in str(encoded) for i in range(len(text) - 5))
        assert refusal.value.__context__ is None or refusal.value.__suppress_context__
        assert read(token(header(), claims(**good))).sub == "7"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(GOOD, id="as they come"),
        pytest.param(of_length(MAX_LENGTH), id="as long as may be"),
        pytest.param(token(header(), claims(), RETIRED), id="signed with a retired secret"),
        pytest.param(
            token(header(alg="HS512", kid="HS512"), claims(), LONGER, "sha512"),
            id="signed with another key of the ring",
        ),
        pytest.param(sign(f"{HEADER}.{ODD_PAYLOAD}"), id="with odd characters"),
        pytest.param(token(header(), JSON_CLAIMS.replace("sub", "\\u0073ub")), id="with an escape"),
        pytest.param(token(header(), claims(client_id="shop", x=1.5)), id="with more claims"),
        pytest.param(token(header(), claims(sub="é" * 255)), id="with a sub of 255 characters"),
        pytest.param(token(header(), claims(exp=NOW - 60 + MAX_LIFETIME)), id="for 400 days"),
        pytest.param(token(header(), claims(auth_time=NOW - 60)), id="just logged in"),
        pytest.param(token(header(), claims(auth_time=0, nbf=0)), id="logged in long ago"),
    ],
)
def test_a_good_token_is_taken(method: str, encoded: str) -> None:
    assert len(encoded) <= MAX_LENGTH
    read: Claims = getattr(verifier(), method)(encoded)
    assert read.kind is Kind.SLIDING
    assert not read.expired
    payload = encoded.split(".")[1]
    assert dict(read) == json.loads(base64.urlsafe_b64decode(payload + "=="))


@pytest.mark.parametrize(
    ("iat", "nbf", "now"),
    [
        pytest.param(NOW + LEEWAY, 0, NOW, id="iat"),
        pytest.param(NOW, NOW + LEEWAY, NOW, id="nbf"),
        pytest.param(NOW + LEEWAY + 1, NOW, NOW + 1, id="iat a second later"),
        pytest.param(NOW + LEEWAY, 0, NOW + 0.5, id="iat within a second"),
    ],
)
def test_what_is_ahead_by_the_leeway_is_taken(iat: int, nbf: int, now: float) -> None:
    encoded = token(header(), claims(iat=iat, nbf=nbf, exp=NOW + 60))
    with time_machine.travel(now, tick=False):
        assert verifier().current(encoded)["iat"] == iat


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_without_leeway_a_token_is_good_from_its_second_on(name: str) -> None:
    encoded = token(header(), claims(**{name: NOW}))
    strict = Verifier(RING, issuer=ISSUER, audience=AUDIENCE)
    assert strict.current(encoded)
    with time_machine.travel(NOW - 0.001, tick=False), pytest.raises(TokenInvalid):
        strict.current(encoded)


@pytest.mark.parametrize(
    ("exp", "expired"),
    [(NOW - 1, True), (NOW, True), (NOW + 1, False), (NOW + LEEWAY, False)],
)
def test_a_token_expires_at_its_exp_without_leeway(exp: int, expired: bool) -> None:
    encoded = token(header(), claims(exp=exp))
    assert verifier().ours(encoded).expired is expired
    assert verifier().refreshable(encoded).expired is expired


KINDS = {
    "authenticating": {Kind.ACCESS, Kind.SLIDING},
    "current": {Kind.ACCESS, Kind.REFRESH, Kind.SLIDING},
    "refreshable": {Kind.REFRESH, Kind.SLIDING},
    "ours": {Kind.ACCESS, Kind.REFRESH, Kind.SLIDING},
}


@pytest.mark.parametrize("expired", [False, True], ids=["in time", "expired"])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("method", METHODS)
def test_each_kind_serves_where_it_should(method: str, kind: Kind, expired: bool) -> None:
    exp = NOW if expired else NOW + 1
    encoded = token(header(typ=kind.value), claims(origin_jti="j-0", exp=exp))
    read = getattr(verifier(), method)
    if kind not in KINDS[method]:
        with pytest.raises(TokenInvalid):
            read(encoded)
    elif expired and method in ("authenticating", "current"):
        with pytest.raises(TokenExpired) as refusal:
            read(encoded)
        assert type(refusal.value) is TokenExpired
    else:
        assert (read(encoded).kind, read(encoded).expired) == (kind, expired)


def test_a_verifier_that_knows_a_header_still_tells_kinds_apart() -> None:
    reader = verifier()
    tokens = [token(header(typ=kind.value), claims(origin_jti="j-0")) for kind in Kind]
    for _ in range(2):
        assert [reader.ours(encoded).kind for encoded in tokens] == list(Kind)
    with pytest.raises(TokenInvalid):
        reader.refreshable(tokens[0])


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_a_typ_has_several_spellings(typ: str) -> None:
    """RFC 7515 section 4.1.9: a media type, without regard to case, its prefix left out or not."""
    encoded = token(header(typ=typ), claims(origin_jti="j-0"))
    assert verifier().authenticating(encoded).kind is Kind.ACCESS


WRONG_ORIGINS = [
    pytest.param(origin, id=name) for name, origin in {"absent": ABSENT, **NO_TEXT}.items()
]


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
def test_an_access_token_needs_its_origin(origin: Any) -> None:
    members = claims(origin_jti=origin)
    for method in ("authenticating", "current", "ours"):
        with pytest.raises(TokenInvalid):
            getattr(verifier(), method)(token(header(typ="at+jwt"), members))
    with pytest.raises(ValueError, match="refused: origin_jti"):
        Issuer(RING).issue(Kind.ACCESS, **members)


@pytest.mark.parametrize(
    ("issuer", "audience"), [(None, None), (ISSUER, None), (None, AUDIENCE), (ISSUER, AUDIENCE)]
)
def test_iss_and_aud_are_required_where_they_are_set(
    issuer: str | None, audience: str | None
) -> None:
    encoded = Issuer(RING, issuer=issuer, audience=audience).issue(Kind.SLIDING, **forging.claims())
    read = verifier(issuer=issuer, audience=audience).ours(encoded)
    assert (read.get("iss"), read.get("aud")) == (issuer, audience)
    assert ("iss" in read, "aud" in read) == (issuer is not None, audience is not None)


@pytest.mark.parametrize("kind", Kind)
def test_a_token_that_authenticates_may_be_bound_to_a_key(kind: Kind) -> None:
    """By RFC 9449 section 6.1. A refresh token is bound by its session, and says nothing."""
    content = claims(cnf={"jkt": JKT}, origin_jti="j-0")
    encoded = token(header(typ=kind.value), content)
    if kind is Kind.REFRESH:
        with pytest.raises(TokenInvalid, match=r"^cnf$"):
            verifier().ours(encoded)
        return
    assert verifier().ours(encoded).jkt == JKT
    del content["cnf"]
    assert verifier().ours(token(header(typ=kind.value), content)).jkt == ""


def test_an_issued_token_says_what_it_should_and_no_more() -> None:
    issuer = Issuer(RING, issuer=ISSUER, audience=AUDIENCE)
    encoded = issuer.issue(Kind.SLIDING, **forging.claims(x=1))
    head, payload, _ = encoded.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == header()
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == claims(x=1)
    assert encoded == sign(f"{head}.{payload}")


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_no_issuer_makes_what_every_verifier_refuses(name: str) -> None:
    with pytest.raises(ValueError, match=r"^Such a token would be refused: "):
        Issuer(RING).issue(Kind.SLIDING, **forging.claims(**WRONG_CLAIMS[name]))


def test_no_issuer_makes_a_token_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's own claims grow: better no token than one that is refused everywhere."""

    def of_size(size: int) -> str:
        return Issuer(RING).issue(Kind.SLIDING, **claims(x="a" * size))

    size = 5_000 + (MAX_LENGTH - len(of_size(5_000))) * 3 // 4
    encoded = of_size(size)
    assert MAX_LENGTH - 1 <= len(encoded) <= MAX_LENGTH
    assert verifier().ours(encoded).sub == "7"
    with pytest.raises(ValueError, match=f"refused: longer than {MAX_LENGTH} characters"):
        of_size(size + 2)
    # Not every length can be hit, so the limit is moved.
    monkeypatch.setattr("jwt_refresh.core.tokens.MAX_LENGTH", len(encoded))
    assert of_size(size) == encoded
    monkeypatch.setattr("jwt_refresh.core.tokens.MAX_LENGTH", len(encoded) - 1)
    with pytest.raises(ValueError, match="refused: longer than"):
        of_size(size)


def test_a_ring_that_only_verifies_issues_nothing() -> None:
    public = key_pair(key_pairs.public_pem(key_pairs.private_key("EdDSA")), "EdDSA", private=False)
    for keys in ([public], [public, hmac_key([SECRET], "HS256")]):
        with pytest.raises(ValueError, match="none of them can sign"):
            Issuer(Keyring(keys))


def signer(algorithm: str, number: int = 0) -> Key:
    if algorithm in HMAC_KEY_BYTES:
        return hmac_key([[LONGER, LONGER[::-1]][number]], algorithm)
    pem = key_pairs.private_pem(key_pairs.private_key(algorithm, number))
    return key_pair(pem, algorithm, private=True)


def signed(key: Key, header: dict[str, Any], payload: Any) -> str:
    message = forging.unsigned(header, payload)
    return f"{message}.{segment(key.sign(message.encode()))}"


EVERY_ALGORITHM = [*HMAC_KEY_BYTES, *key_pairs.ALGORITHMS]


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_a_key_verifies_under_its_own_name_alone(algorithm: str) -> None:
    """RFC 8725 section 3.1; Ed25519 has an old and a new name (RFC 9864)."""
    key = signer(algorithm)
    read = Verifier(Keyring([key])).ours
    good = [algorithm, *{"EdDSA": ["Ed25519"], "Ed25519": ["EdDSA"]}.get(algorithm, [])]
    for name in [*EVERY_ALGORITHM, "Ed448", "ES256K", algorithm.lower(), f"{algorithm} "]:
        encoded = signed(key, header(alg=name, kid=key.kid), forging.claims())
        if name in good:
            assert read(encoded).sub == "7"
        else:
            with pytest.raises(TokenInvalid, match="not of that algorithm"):
                read(encoded)


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_tokens_of_every_algorithm_come_back_and_name_their_key(algorithm: str) -> None:
    key = signer(algorithm)
    encoded = Issuer(Keyring([key])).issue(Kind.SLIDING, **forging.claims())
    assert jwt.get_unverified_header(encoded) == header(alg=algorithm, kid=key.kid)
    assert Verifier(Keyring([key])).ours(encoded).sub == "7"
    forged = f"{encoded.rpartition('.')[0]}.{segment(signer(algorithm, 1).sign(b'm'))}"
    with pytest.raises(TokenInvalid):
        Verifier(Keyring([key])).ours(forged)


def test_no_issuer_writes_a_number_that_is_not_json() -> None:
    with pytest.raises(ValueError):
        Issuer(RING).issue(Kind.SLIDING, **forging.claims(x=float("nan")))


def test_a_verifier_remembers_so_many_headers_and_no_more() -> None:
    reader = verifier()
    for spaces in range(HEADER_MEMO + 5):
        assert reader.ours(token(JSON_HEADER + " " * spaces, claims())).sub == "7"
    assert len(reader._headers) == HEADER_MEMO


def test_headers_that_signed_nothing_are_not_remembered() -> None:
    reader = verifier()
    for encoded in (sign(SIGNED, LONGER), token(header(kid="unknown"), claims())):
        with pytest.raises(TokenInvalid):
            reader.ours(encoded)
    assert reader._headers == {}


def test_junk_costs_no_cryptography() -> None:
    crypto = Mock(spec=Algorithm)
    crypto.verify.return_value = False
    reader = Verifier(Keyring([Key("HS256", "HS256", crypto, SECRET, (SECRET,))]))
    for junk in ("a" * 1_000_000, "." * 1_000_000, of_length(MAX_LENGTH + 1), SIGNED):
        with pytest.raises(TokenInvalid):
            reader.ours(junk)
    assert crypto.verify.call_count == 0
    with pytest.raises(TokenInvalid):
        reader.ours(GOOD)
    assert crypto.verify.call_count == 1


CHANGED = {
    "replaced": [
        GOOD[:i] + char + GOOD[i + 1 :]
        for i in range(len(GOOD))
        for char in string.printable
        if char != GOOD[i]
    ],
    "inserted": [
        GOOD[:i] + char + GOOD[i:] for i in range(len(GOOD) + 1) for char in string.printable
    ],
    "deleted": [GOOD[:i] + GOOD[i + 1 :] for i in range(len(GOOD))],
}
"""Every token that is one character away from a good one."""


@pytest.mark.parametrize("change", CHANGED)
def test_no_character_of_a_token_can_be_changed(change: str) -> None:
    reader = verifier()
    assert reader.ours(GOOD).sub == "7"
    for encoded in CHANGED[change]:
        with pytest.raises(TokenInvalid):
            reader.ours(encoded)


any_text = st.text(st.characters(exclude_categories=()))
nearly_a_token = st.text(forging.ALPHABET + ".=+/ \0é", max_size=60)
any_content = st.binary() | any_text.map(lambda text: text.encode(errors="surrogatepass"))


@given(any_text | nearly_a_token | st.builds(forging.unsigned, any_content, any_content))
def test_any_other_text_is_invalid(encoded: str) -> None:
    for method in METHODS:
        with pytest.raises(TokenInvalid):
            getattr(verifier(), method)(encoded)


@given(st.builds(token, any_content, any_content | st.just(JSON_CLAIMS.encode())))
def test_signed_junk_with_a_junk_header_is_invalid(encoded: str) -> None:
    with pytest.raises(TokenInvalid):
        verifier().ours(encoded)


@given(any_content | forging.json_values)
def test_signed_junk_is_invalid(payload: Any) -> None:
    with pytest.raises(TokenInvalid):
        verifier().ours(token(header(), payload))


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
times = st.tuples(st.integers(0, 10), st.integers(10, NOW), st.integers(1, MAX_LIFETIME)).map(
    lambda drawn: {"auth_time": drawn[1] - drawn[0], "iat": drawn[1], "exp": drawn[1] + drawn[2]}
)


@given(
    kind=st.sampled_from(Kind),
    content=st.fixed_dictionaries(
        {"sub": names, "sid": names, "jti": names, "origin_jti": names},
        optional={"client_id": names, "roles": forging.json_values},
    ),
    times=times,
    issuer=st.none() | names,
    audience=st.none() | names,
)
def test_what_is_issued_comes_back(
    kind: Kind,
    content: dict[str, Any],
    times: dict[str, int],
    issuer: str | None,
    audience: str | None,
) -> None:
    encoded = Issuer(RING, issuer=issuer, audience=audience).issue(kind, **content, **times)
    read = verifier(issuer=issuer, audience=audience).ours(encoded)
    constant = {"iss": issuer, "aud": audience}
    given_ones = {name: text for name, text in constant.items() if text is not None}
    assert dict(read) == content | times | given_ones
    assert (read.kind, read.expired) == (kind, times["exp"] <= NOW)


good_members = st.fixed_dictionaries(
    {"sub": names, "origin_jti": names},
    optional={
        "iat": st.integers(NOW - 60, NOW + 9),
        "exp": st.integers(NOW - 9, NOW + 60),
        "nbf": st.integers(NOW - 9, NOW + 9),
        "auth_time": st.integers(NOW - 99, NOW - 59),
        "client_id": names,
        "roles": forging.json_values,
    },
)
hostile_members = st.dictionaries(
    st.sampled_from([*claims(), "nbf", "auth_time", "client_id", "origin_jti", "cnf"]),
    st.sampled_from([ABSENT, "", "a\0", "\ud800", "a" * 256, True, 0, -1, 1e308, 10**400])
    | st.sampled_from([NOW, float(NOW), str(NOW), ISSUER, AUDIENCE, [AUDIENCE]])
    | forging.json_values,
    max_size=2,
)
header_members = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "cty"]),
    st.sampled_from([ABSENT, None, "", "HS256", "none", "at+jwt", "RT+JWT", "JWT", True, ["b64"]]),
    max_size=2,
)
more_text = st.sampled_from(['"a": 1', '"sub": "7"', '"a": "\\ud800"', '"a": 1e999', '"a":'])
nothing: st.SearchStrategy[dict[str, Any]] = st.just({})


@pytest.fixture
def ed25519() -> Iterator[None]:
    """The library knows the algorithm by its old name alone, so far."""
    jwt.register_algorithm("Ed25519", OKPAlgorithm())
    yield
    jwt.unregister_algorithm("Ed25519")


@pytest.mark.usefixtures("ed25519")
@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
@time_machine.travel(NOW, tick=False)
def test_whatever_is_taken_here_the_library_takes_as_well(algorithm: str) -> None:
    """The library stays the reference for what a token is."""
    accepted = []
    ours, other = signer(algorithm), signer(algorithm, 1)
    names = [algorithm] if ours.other_name is None else [algorithm, ours.other_name]
    ring = Keyring([ours])
    public: Any = ours.verifying[0]

    @settings(max_examples=sized(50, 500 if algorithm == "HS256" else 150))
    @given(
        name=st.sampled_from(names),
        header_changes=nothing | header_members,
        members=good_members,
        changes=nothing | hostile_members,
        more=st.just([]) | st.lists(more_text, max_size=1),
        key=st.sampled_from([ours, ours, ours, other]),
        issuer=st.sampled_from([None, ISSUER]),
        audience=st.sampled_from([None, AUDIENCE]),
    )
    def check(
        name: str,
        header_changes: dict[str, Any],
        members: dict[str, Any],
        changes: dict[str, Any],
        more: list[str],
        key: Key,
        issuer: str | None,
        audience: str | None,
    ) -> None:
        constant = {"iss": issuer or ABSENT, "aud": audience or ABSENT}
        payload = text_of(forging.claims(**(constant | members | changes)), *more)
        head = header(**({"alg": name, "kid": ours.kid} | header_changes))
        encoded = signed(key, head, payload)
        config: dict[str, Any] = {"leeway": LEEWAY, "issuer": issuer, "audience": audience}
        try:
            read = Verifier(ring, **config).current(encoded)
        except (TokenInvalid, TokenExpired):
            return
        required = [name for name, text in constant.items() if text is not ABSENT]
        assert dict(read) == jwt.decode(
            encoded,
            public,
            algorithms=names,
            options={
                "require": ["sub", "sid", "jti", "iat", "exp", *required],
                "strict_aud": True,
                "enforce_minimum_key_length": True,
            },
            **config,
        )
        accepted.append(encoded)

    check()
    assert len(set(accepted)) > 10
