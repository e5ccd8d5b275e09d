"""What attackers make of an honest token.

Each row of ``ATTACKS`` says what they send, and what they get. The names begin with the number of
the attack in a list of the known ones.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.forging import ABSENT, nested, respell, segment, text_of
from tests.support.honest import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    P256_ORDER,
    Honest,
    but,
    spellings,
)

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493

Build = Callable[[Honest], str]
INVALID, MALFORMED = (401, "token_invalid"), (400, "invalid_request")
TOO_LARGE = (413, "request_too_large")


class Attack(NamedTuple):
    """A token, and what is said to it in a header and in a body."""

    name: str
    build: Build
    header: tuple[int, str] = INVALID
    body: tuple[int, str] = INVALID
    rings: tuple[str, ...] = ALGORITHMS


PAIRS = ("RS256", "ES256", "EdDSA")
MEGABYTE = 1_000_000
STRANGER = ed25519.Ed25519PrivateKey.generate()
STRANGERS_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": segment(STRANGER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
}
NOWHERE = "http://127.0.0.1:9/keys.json"


def followed_by(text: str) -> Build:
    return lambda honest: honest.encoded + text


def header_with(**members: Any) -> Build:
    return lambda honest: honest.with_header(**members)


def claims_with(**members: Any) -> Build:
    return lambda honest: honest.with_claims(**members)


def header_text(*more: str) -> Build:
    return lambda honest: honest.signed(header=text_of(honest.header, *more))


def payload_text(*more: str, without: str = "") -> Build:
    """The JSON of the claims with further members, and without one of its own."""
    return lambda honest: honest.signed(
        payload=text_of(but(honest.claims, {without: ABSENT}), *more)
    )


def payload_bytes(recode: Callable[[bytes], bytes]) -> Build:
    return lambda honest: honest.signed(payload=recode(json.dumps(honest.claims).encode()))


def header_bytes(recode: Callable[[bytes], bytes]) -> Build:
    return lambda honest: honest.signed(header=recode(json.dumps(honest.header).encode()))


def signature_of(change: Callable[[bytes], bytes]) -> Build:
    return lambda honest: honest.resigned(change(honest.signature))


def confused(spelling: str, kid: str | None) -> Build:
    """Signed with the public key as if it were the secret of an HMAC."""

    def build(honest: Honest) -> str:
        secret = honest.ring.public[spelling]
        members = {"alg": "HS256"} | ({} if kid is None else {"kid": kid})
        return honest.with_header(
            how=lambda message: hmac.digest(secret, message, "sha256"), **members
        )

    return build


def sibling(number: int) -> Build:
    """Signed as it should be, by the right key, with an algorithm that is not the key's."""

    def build(honest: Honest) -> str:
        name, how = list(honest.ring.siblings.items())[number]
        return honest.with_header(alg=name, how=how)

    return build


def numbers(r: int, s: int) -> Build:
    return lambda honest: honest.resigned(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def der(signature: bytes) -> bytes:
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    return encode_dss_signature(r, s)


def beyond_the_order(signature: bytes) -> bytes:
    """S + L for S, which signs the same where it is not compared with L (RFC 8032 section 8.4)."""
    s = ED25519_ORDER + int.from_bytes(signature[32:], "little")
    return signature[:32] + s.to_bytes(32, "little")


def with_own_key(**members: Any) -> Build:
    """Signed by a stranger, whose header says where to find the key."""
    return lambda honest: honest.with_header(how=STRANGER.sign, **members)


def embedded_secret(honest: Honest) -> str:
    jwk = {"kty": "oct", "k": segment(b"s" * 32)}
    return honest.with_header(
        alg="HS256", jwk=jwk, how=lambda message: hmac.digest(b"s" * 32, message, "sha256")
    )


def by_an_empty_key(kid: str) -> Build:
    """Where ``kid`` is taken for a path, /dev/null is a key that everybody knows."""
    return lambda honest: honest.with_header(
        alg="HS256", kid=kid, how=lambda message: hmac.digest(b"", message, "sha256")
    )


def encrypted(**members: Any) -> Build:
    return lambda honest: f"{segment({'alg': 'dir', 'enc': 'A256GCM'} | members)}.e30.e30.e30.e30"


def detached(honest: Honest) -> str:
    head, payload, _ = honest.with_header(b64=False, crit=["b64"]).split(".")
    return f"{head}..{honest.sign(f'{head}.{payload}').split('.')[2]}"


def unencoded(honest: Honest) -> str:
    """The payload as it is, as RFC 7797 has it; without a dot, lest it were two segments."""
    head = segment(honest.header | {"b64": False, "crit": ["b64"]})
    payload = json.dumps(but(honest.claims, {"iss": ABSENT}), separators=(",", ":"))
    return honest.sign(f"{head}.{payload}")


def flattened(honest: Honest) -> str:
    head, payload, signature = honest.parts
    return _compact({"protected": head, "payload": payload, "signature": signature})


def general(honest: Honest) -> str:
    head, payload, signature = honest.parts
    signatures = [{"protected": head, "signature": signature}]
    return _compact({"payload": payload, "signatures": signatures})


def _compact(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))


def later(seconds: int, name: str) -> Build:
    return lambda honest: honest.with_claims(**{name: honest.claims["iat"] + seconds})


def odd(character: str) -> Build:
    """Signed, with characters of the other alphabet in the payload."""

    def build(honest: Honest) -> str:
        # Six bytes stand before the odd characters, so that they fill base64 of their own.
        payload = segment('{"x":"~~~???",' + json.dumps(honest.claims)[1:])
        return honest.sign(f"{honest.parts[0]}.{payload.translate(_OTHERS[character])}")

    return build


_OTHERS = {"+": {ord("-"): "+"}, "/": {ord("_"): "/"}}


def respelt(part: int) -> Build:
    """One segment in another spelling of the same bytes, signed as it then is."""

    def build(honest: Honest) -> str:
        head, payload = json.dumps(honest.header), json.dumps(honest.claims)
        # White space makes the length such that bits of the last character are unused.
        parts = [segment(text.ljust(-len(text) % 3 + len(text) + 1)) for text in (head, payload)]
        parts[part] = respell(parts[part])
        return honest.sign(".".join(parts))

    return build


NO_ALGORITHM: list[Any] = ["none", "None", "NONE", "nOnE", "none ", "", None, 0, [], {}]
TIMES_THAT_ARE_NONE = {
    "a string": '"1900000000"',
    "true": "true",
    "a float": "1900000000.5",
    "negative": "-1",
    "0": "0",
    "-0": "-0",
    "1e308": "1e308",
    "1e999": "1e999",
    "of 401 digits": "1" + "0" * 400,
    "of 5000 digits": "9" * 5000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
}
NAMES_THAT_ARE_NONE = {
    "a number": 7,
    "a list": ["1"],
    "an object": {"1": "1"},
    "true": True,
    "null": None,
    "empty": "",
}
RECODED: dict[str, Callable[[bytes], bytes]] = {
    "with a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "in UTF-16": lambda text: text.decode().encode("utf-16"),
    "in UTF-16 without a mark": lambda text: text.decode().encode("utf-16-be"),
    "in UTF-32": lambda text: text.decode().encode("utf-32"),
    "that is no UTF-8": lambda text: text[:-1] + b',"x":"\xff"}',
    "with overlong UTF-8": lambda text: text[:-1] + b',"x":"\xc0\xae"}',
}

ATTACKS = [
    *[
        Attack(f"A01 alg {alg!r}, {how}", build)
        for alg in NO_ALGORITHM
        for how, build in {
            "unsigned": header_with(alg=alg, how=lambda _: b""),
            "signed": header_with(alg=alg),
        }.items()
    ],
    Attack("A02 alg in small letters", lambda it: it.with_header(alg=it.ring.algorithm.lower())),
    Attack("A02 a space behind alg", lambda it: it.with_header(alg=it.ring.algorithm + " ")),
    Attack("A02 NUL before alg", lambda it: it.with_header(alg="\0" + it.ring.algorithm)),
    Attack("A02 a list of one alg", lambda it: it.with_header(alg=[it.ring.algorithm])),
    Attack("A02 no alg", header_with(alg=ABSENT)),
    *[
        Attack(f"A03 the public key as a secret, {how}, kid {kid}", confused(how, kid), rings=PAIRS)
        for how in spellings(STRANGER.public_key())
        for kid in (None, "HS256")
    ],
    Attack("A04 a sibling of the algorithm", sibling(0)),
    Attack("A04 another sibling of the algorithm", sibling(1)),
    Attack("A05 no signature", signature_of(lambda it: b"")),
    Attack("A05 half of the signature", signature_of(lambda it: it[: len(it) // 2])),
    Attack("A05 a byte too few", signature_of(lambda it: it[:-1])),
    Attack("A05 a byte too many", signature_of(lambda it: it + b"\0")),
    Attack("A05 the signature twice", signature_of(lambda it: it + it)),
    Attack("A05 a character too few", lambda it: it.encoded[:-1]),
    Attack("A05 zeros", signature_of(lambda it: bytes(len(it)))),
    Attack("A05 one bit", signature_of(lambda it: it[:-1] + bytes([it[-1] ^ 1]))),
    Attack("A05 of another token", lambda it: f"{it.message}.{it.with_claims(x=1).split('.')[2]}"),
    Attack(
        "A05 of a stranger",
        lambda it: it.with_header(how=lambda message: hmac.digest(b"x" * 32, message, "sha256")),
    ),
    Attack("A06 one segment", lambda it: it.parts[1]),
    Attack("A06 two segments", lambda it: it.message),
    Attack("A06 two segments, signed", lambda it: it.sign(it.parts[1])),
    Attack("A06 four segments, signed", lambda it: it.sign(f"{it.message}.e30")),
    Attack("A06 five segments, signed", lambda it: it.sign(f"{it.message}.e30.e30")),
    Attack("A06 a token behind a token", lambda it: f"{it.encoded}.{it.encoded}"),
    Attack("A06 two dots", lambda it: ".."),
    Attack("A06 a million dots", lambda it: "." * MEGABYTE, body=TOO_LARGE,
           rings=("HS256",)),
    *[Attack(f"A07 padded by {it}", followed_by(it)) for it in ("=", "==", "====")],
    Attack("A07 unused bits of the signature", lambda it: f"{it.message}.{respell(it.parts[2])}"),
    Attack("A07 unused bits of the header", respelt(0)),
    Attack("A07 unused bits of the payload", respelt(1)),
    Attack("A07 + of the other alphabet", odd("+")),
    Attack("A07 / of the other alphabet", odd("/")),
    Attack("A07 a space within", lambda it: f"{it.message}. {it.parts[2]}", header=MALFORMED),
    Attack("A07 a newline behind", followed_by("\n")),
    Attack("A07 a tab before", lambda it: "\t" + it.encoded),
    Attack("A07 NUL behind", followed_by("\0")),
    Attack("A07 the scheme twice", lambda it: f"Bearer {it.encoded}", header=MALFORMED),
    *[
        Attack(f"A09 r = {r}, s = {s}", numbers(r * P256_ORDER, s * P256_ORDER), rings=("ES256",))
        for r in (0, 1) for s in (0, 1)
    ],
    Attack("A09 DER", signature_of(der), rings=("ES256",)),
    Attack("A09 s beyond the order", signature_of(beyond_the_order), rings=("EdDSA",)),
    *[
        Attack(f"A10 a key of its own, kid {kid!r}", with_own_key(alg="EdDSA", jwk=jwk, kid=kid))
        for kid, jwk in {ABSENT: STRANGERS_JWK, "x": STRANGERS_JWK | {"kid": "x"}}.items()
    ],
    Attack("A10 a key of its own under our kid", with_own_key(alg="EdDSA", jwk=STRANGERS_JWK)),
    Attack("A10 a secret of its own", embedded_secret),
    *[
        Attack(f"A11 {name}, signed by {who}", build(**{name: value}))
        for name, value in {"jku": NOWHERE, "x5u": NOWHERE, "x5c": ["MIIB"]}.items()
        for who, build in {"us": header_with, "a stranger": with_own_key}.items()
    ],
    *[
        Attack(f"A12 kid {kid!r:.40}", header_with(kid=kid))
        for kid in (
            "../../dev/null", "' OR 1=1 --", "*)(uid=*", "|/bin/sh", "$(id)", "{{7*7}}", "%s%n",
            "", "\0", "\ud800", "k\r\ni\x1b[31md", "ключ", "__proto__", "a" * 4000,
            7, None, ["HS256"], {"HS256": "HS256"}, ABSENT,
        )
    ],
    Attack("A12 kid of a megabyte", header_with(kid="k" * MEGABYTE), body=TOO_LARGE,
           rings=("HS256",)),
    Attack("A12 a path for kid, signed with nothing", by_an_empty_key("../../dev/null")),
    Attack("A12 our kid, signed with nothing", by_an_empty_key("HS256")),
    *[
        Attack(f"A14 crit {crit!r}", header_with(crit=crit))
        for crit in (["x"], [], "exp", ["exp"], ["exp", "exp"], ["b64"], None)
    ],
    Attack("A14 crit with b64", header_with(crit=["b64"], b64=True)),
    *[Attack(f"A15 b64 {value!r}", header_with(b64=value)) for value in (False, True, 0)],
    Attack("A15 no payload", detached),
    Attack("A15 a payload that is not encoded", unencoded),
    Attack("A16 encrypted", encrypted()),
    Attack("A16 encrypted for an RSA key", encrypted(alg="RSA-OAEP")),
    Attack("A16 a billion rounds", encrypted(alg="PBES2-HS256+A128KW", p2c=10**9, p2s="AAAA")),
    Attack("A16 zip", encrypted(zip="DEF")),
    *[
        Attack(f"A16 {name} in the header of three segments", header_with(**{name: value}))
        for name, value in {"enc": "A256GCM", "zip": "DEF", "p2c": 10**9}.items()
    ],
    Attack("A17 a token for a payload", lambda it: it.signed(payload=it.encoded)),
    Attack("A17 … with cty",
           lambda it: it.signed(it.header | {"cty": "JWT"}, it.encoded)),
    Attack("A17 cty alone", header_with(cty="JWT")),
    Attack("A18 JSON, flattened", flattened),
    Attack("A18 JSON, general", general),
    Attack("A18 JSON for a header", lambda it: it.sign(f"{_compact(it.header)}.{it.parts[1]}")),
    *[
        Attack(f"A19 {member} once more in the header", header_text(member))
        for member in ('"alg":"none"', '"typ":"at+jwt"', '"kid":"HS256"', '"\\u0061lg":"HS256"')
    ],
    *[
        Attack(f"A19 {member} once more in the payload", payload_text(member))
        for member in ('"exp":1900000000', '"sub":"1"', '"aud":"shop"', '"sid":"x"', '"jti":"x"',
                       '"\\u0073ub":"1"', '"x":{"y":1,"y":1}')
    ],
    *[Attack(f"A20 a header {how}", header_bytes(it)) for how, it in RECODED.items()],
    *[Attack(f"A20 a payload {how}", payload_bytes(it)) for how, it in RECODED.items()],
    *[
        Attack(f"A20 {what} in {name}", claims_with(**{name: f"1{character}"}))
        for name in ("sub", "sid", "jti")
        for what, character in {"NUL": "\0", "a surrogate": "\ud800", "ESC": "\x1b"}.items()
    ],
    Attack("A20 a surrogate", followed_by("\ud800")),
    Attack("A20 letters of full width", lambda it: it.encoded.replace("e", "\uff45")),
    *[
        Attack(f"A21 {name} {what}", payload_text(f'"{name}":{number}', without=name))
        for name in ("exp", "iat") for what, number in TIMES_THAT_ARE_NONE.items()
        if (name, number) not in (("iat", "0"), ("iat", "-0"))
    ],
    *[
        Attack(f"A22 {name} {what}", claims_with(**{name: value}))
        for name in ("sub", "sid", "jti", "iss", "aud")
        for what, value in NAMES_THAT_ARE_NONE.items()
    ],
    Attack("A22 aud a list with ours", claims_with(aud=[AUDIENCE])),
    Attack("A22 aud a list with ours and another", claims_with(aud=[AUDIENCE, "other"])),
    *[
        Attack(f"A23 no {name}", claims_with(**{name: ABSENT}))
        for name in ("sub", "sid", "jti", "iat", "exp", "iss", "aud")
    ],
    Attack("A24 iat a second beyond the leeway", later(6, "iat")),
    Attack("A24 nbf a second beyond the leeway", later(6, "nbf")),
    Attack("A24 exp at iat", later(0, "exp")),
    Attack("A24 exp before iat", later(-1, "exp")),
    Attack("A24 a second more than 400 days", later(400 * 24 * 60 * 60 + 1, "exp")),
    *[
        Attack(f"A25 for another {name}: {value}", claims_with(**{name: value}))
        for name, ours in {"iss": ISSUER, "aud": AUDIENCE}.items()
        for value in (ours.upper(), f"{ours}/", ours[:-1], "other")
    ],
    Attack("A25 bound to a key", claims_with(cnf={"jkt": "x"})),
    Attack("A25 an access token without its origin", header_with(typ="at+jwt")),
    *[
        Attack(f"A26 typ {typ!r}", header_with(typ=typ))
        for typ in (ABSENT, None, 7, "", "JWT", "jwt", "dpop+jwt", "logout+jwt", "sliding",
                    "sliding+jwt;x", "sliding+jwt ", "application/application/sliding+jwt",
                    "text/sliding+jwt", ["sliding+jwt"])
    ],
    Attack("A27 40 KB", lambda it: it.with_claims(x="x" * 40_000)),
    Attack("A27 a megabyte, signed", lambda it: it.with_claims(x="x" * MEGABYTE), body=TOO_LARGE,
           rings=("HS256",)),
    Attack("A27 2.7 MB", lambda it: it.encoded + "a" * 2_700_000, body=TOO_LARGE,
           rings=("HS256",)),
    Attack("A27 a deep header", lambda it: it.signed(header=nested(100_000)), body=TOO_LARGE,
           rings=("HS256",)),
    Attack("A27 a deep payload", lambda it: it.signed(payload=nested(100_000)), body=TOO_LARGE,
           rings=("HS256",)),
    Attack("A27 a deep header of 5000 characters", lambda it: it.signed(header=nested(1800))),
    Attack("A27 a deep payload of 5000 characters", lambda it: it.signed(payload=nested(1800))),
]  # fmt: skip
