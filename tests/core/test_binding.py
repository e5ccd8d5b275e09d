"""Proofs of a key, by the letter of RFC 9449, and whatever else a client may send."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from time_machine import travel

from jwt_refresh.core.binding import ALGORITHMS, MAX_LENGTH, WINDOW, Proof, normalized, read
from jwt_refresh.core.encoding import is_digest
from jwt_refresh.core.keys.pairs import thumbprint
from jwt_refresh.exceptions import NonceNeeded, ProofInvalid
from tests.support import forging
from tests.support.forging import ABSENT, NOW, nested, respell, segment, text_of
from tests.support.proofs import ProofKey, digest_of

URI = "https://api.example.com/auth/refresh/"
LEEWAY = 5
KEY, OTHER = ProofKey(), ProofKey()
ED = ProofKey("EdDSA")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

pytestmark = pytest.mark.usefixtures("now")


def check(encoded: str, method: str = "POST", uri: str = URI, **config: Any) -> Proof:
    given: dict[str, Any] = {"leeway": LEEWAY, "end_of": {"good": NOW + 90.0}.get} | config
    return read(encoded, method=method, uri=uri, **given)


def proof(key: ProofKey = KEY, **changes: Any) -> str:
    return key.proof("POST", URI, **changes)


# The vectors of RFC 9449 (sections 4.1, 5, 7.1, 8) and RFC 7638 (section 3.1)

JWK = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
)
TOKEN_REQUEST = (
    HEADER + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4"
    "YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4"
    "PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
REFRESH_REQUEST = (
    HEADER + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4"
    "YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsG"
    "SuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA"
)
RESOURCE_REQUEST = (
    HEADER + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5l"
    "eGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc"
    "05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y"
    "6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"


@pytest.mark.parametrize(
    ("encoded", "method", "uri", "at", "jti"),
    [
        (TOKEN_REQUEST, "POST", "https://server.example.com/token", 1562262616, "-BwC3ESc6acc2lTc"),
        (
            REFRESH_REQUEST,
            "POST",
            "https://server.example.com/token",
            1562265296,
            "-BwC3ESc6acc2lTc",
        ),
        (
            RESOURCE_REQUEST,
            "GET",
            "https://resource.example.org/protectedresource",
            1562262618,
            "e1j3V_bKic8-LAEB",
        ),
    ],
    ids=["section 4.1", "section 5", "section 7.1"],
)
def test_the_proofs_of_the_rfc(encoded: str, method: str, uri: str, at: int, jti: str) -> None:
    with travel(at, tick=False):
        seen = check(encoded, method, uri)
    assert (seen.jkt, seen.jti, seen.by_nonce) == (JKT, jti, False)
    assert seen.until == at + WINDOW + LEEWAY
    # The one of section 7.1 alone names a token.
    assert seen.names(ACCESS_TOKEN) is (encoded == RESOURCE_REQUEST)
    assert not seen.names(ACCESS_TOKEN[:-1])


def test_the_payload_of_section_8() -> None:
    """By another key, since the RFC gives no signature of it."""
    nonce = "eyJ7S_zG.eyJH0-Z.HX4w-7v"
    encoded = KEY.proof(
        "POST",
        "https://server.example.com/token",
        jti="-BwC3ESc6acc2lTc",
        iat=1562262616,
        nonce=nonce,
    )
    seen = check(encoded, uri="https://server.example.com/token", end_of={nonce: NOW + 7.0}.get)
    assert (seen.by_nonce, seen.until) == (True, NOW + 7.0)
    with pytest.raises(NonceNeeded):
        check(encoded, uri="https://server.example.com/token")


def test_the_thumbprints_of_the_rfcs() -> None:
    rsa = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
        "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
        "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
        "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
        "Cur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(rsa) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(JWK) == JKT


# Keys and their algorithms


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_is_taken(algorithm: str) -> None:
    key = ProofKey(algorithm)
    seen = check(proof(key))
    assert seen.jkt == key.jkt == thumbprint(key.jwk)
    assert is_digest(seen.jkt)


def test_the_key_of_a_proof_has_one_name_whatever_its_algorithm_is_called() -> None:
    """RFC 9864 has another name for EdDSA with Ed25519."""
    names = {check(proof(ED, header={"alg": name})).jkt for name in ("EdDSA", "Ed25519")}
    assert names == {ED.jkt}


def odd(*values: Any) -> tuple[Any, ...]:
    """Values of any type."""
    return values


def jwk(**members: Any) -> dict[str, Any]:
    changed = KEY.jwk | members
    return {"header": {"jwk": {name: it for name, it in changed.items() if it is not ABSENT}}}


def der(message: bytes) -> bytes:
    signature = KEY.sign(message)
    numbers = [int.from_bytes(half, "big") for half in (signature[:32], signature[32:])]
    return encode_dss_signature(*numbers)


def by_public_key(message: bytes) -> bytes:
    return hmac.digest(json.dumps(KEY.jwk).encode(), message, "sha256")


def numbers(r: int, s: int) -> Callable[[bytes], bytes]:
    return lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big")


P384, P521 = ProofKey("ES384").jwk, ProofKey("ES512").jwk
OCT = {"kty": "oct", "k": segment(b"s" * 32)}
RSA = {"kty": "RSA", "n": segment(b"\xff" * 256), "e": "AQAB"}

# What is wrong with the key, the header, or the signature.
BAD_HEADERS: dict[str, dict[str, Any]] = {
    "no typ": {"header": {"typ": ABSENT}},
    **{
        f"typ {typ!r}": {"header": {"typ": typ}}
        for typ in odd("JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", "", None, [])
    },
    "no alg": {"header": {"alg": ABSENT}},
    **{
        f"alg {alg!r}": {"header": {"alg": alg}}
        for alg in odd("none", "None", "", "es256", "ES256K", "RS256", "PS256", None, 1, [], {})
    },
    **{
        f"alg {alg}, of another key": {"header": {"alg": alg}}
        for alg in ("ES384", "ES512", "EdDSA", "Ed25519")
    },
    **{
        f"alg {alg}, signed with the public key": {"header": {"alg": alg}, "sign": by_public_key}
        for alg in ("HS256", "HS384", "HS512")
    },
    "unsigned": {"header": {"alg": "none"}, "sign": lambda _: b""},
    "no jwk": {"header": {"jwk": ABSENT}},
    **{f"jwk {it!r}": {"header": {"jwk": it}} for it in odd(None, [], "x", 7, {})},
    "jwk in a list": {"header": {"jwk": [KEY.jwk]}},
    "a private key": jwk(d=segment(b"d" * 32)),
    "a private key that is empty": jwk(d=""),
    "a symmetric key": {"header": {"jwk": OCT, "alg": "HS256"}},
    "a symmetric key as ES256": {"header": {"jwk": OCT}},
    "an RSA key": {"header": {"jwk": RSA}},
    "an RSA key as RS256": {"header": {"jwk": RSA, "alg": "RS256"}},
    **{
        f"a key with {name}": jwk(**{name: "x"})
        for name in ("kid", "use", "alg", "key_ops", "x5c", "x5u", "ext", "k", "n")
    },
    **{f"a key without {name}": jwk(**{name: ABSENT}) for name in KEY.jwk},
    **{f"kty {it!r}": jwk(kty=it) for it in odd("OKP", "ec", "RSA", "", None, 1, ["EC"])},
    **{f"crv {it!r}": jwk(crv=it) for it in odd("P-384", "secp256k1", "p-256", "", None, 1, [])},
    "a key of P-384 as ES256": {"header": {"jwk": P384}},
    "a key of P-521 as ES256": {"header": {"jwk": P521}},
    "a key of P-384": {"header": {"jwk": P384, "alg": "ES384"}},
    "a key of P-521": {"header": {"jwk": P521, "alg": "ES512"}},
    "a point that is on no curve": jwk(y=KEY.jwk["x"]),
    "the point at infinity": jwk(x=segment(bytes(32)), y=segment(bytes(32))),
    "a short x": jwk(x=KEY.jwk["x"][:-4]),
    "a long x": jwk(x="AAAA" + KEY.jwk["x"]),
    "an x that is padded": jwk(x=KEY.jwk["x"] + "="),
    "an x in another spelling": jwk(x=respell(KEY.jwk["x"])),
    **{f"x {it!r}": jwk(x=it) for it in odd("", None, 1, [], "\ud800", "é" * 43)},
    "the key of another": {"header": {"jwk": OTHER.jwk}},
    "the key of another kind": {"header": {"jwk": ED.jwk, "alg": "EdDSA"}},
    **{
        f"{name} in the header": {"header": {name: it}}
        for name, it in {
            "kid": "x",
            "crit": ["b64"],
            "b64": False,
            "jku": "https://example.com/jwks.json",
            "x5u": "https://example.com/x",
            "x5c": ["x"],
            "zip": "DEF",
            "cty": "JWT",
        }.items()
    },
    "no signature": {"sign": lambda _: b""},
    "half of the signature": {"sign": lambda message: KEY.sign(message)[:32]},
    "a byte too many": {"sign": lambda message: KEY.sign(message) + b"\0"},
    "DER": {"sign": der},
    "of another key": {"sign": OTHER.sign},
    "of another message": {"sign": lambda message: KEY.sign(message + b"x")},
    **{
        f"r = {r}, s = {s}": {"sign": numbers(r * P256_ORDER, s * P256_ORDER)}
        for r in (0, 1)
        for s in (0, 1)
    },
}


@pytest.mark.parametrize("changes", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_key_or_signature_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProofInvalid) as refusal:
        check(proof(**changes))
    assert type(refusal.value) is ProofInvalid
    assert KEY.jwk["x"] not in str(refusal.value)


@pytest.mark.parametrize("algorithm", ["ES384", "ES512"])
def test_a_larger_curve_is_refused_though_its_proof_is_good(algorithm: str) -> None:
    with pytest.raises(ProofInvalid, match=r"^proof: algorithm$"):
        check(proof(ProofKey(algorithm)))


def test_an_okp_key_of_another_length_or_kind_is_refused() -> None:
    for it in (segment(b"x" * 31), segment(b"x" * 33), segment(b"x" * 57), "", None):
        for curve in ("Ed25519", "Ed448", "X25519", None):
            with pytest.raises(ProofInvalid):
                check(proof(ED, header={"jwk": {"kty": "OKP", "crv": curve, "x": it}}))


# What it says of its request

BAD_CLAIMS: dict[str, dict[str, Any]] = {
    **{f"no {name}": {name: ABSENT} for name in ("jti", "htm", "htu", "iat")},
    **{
        f"{name} {it!r}": {name: it}
        for name in ("jti", "htm", "htu", "ath", "nonce")
        for it in odd(None, "", 7, True, [], {}, "\ud800", "a\0b", "x" * 256)
    },
    **{
        f"{name} {it!r}": {name: it}
        for name in ("iat", "exp", "nbf")
        for it in odd(None, str(NOW), NOW + 0.5, True, [])
    },
    **{f"htm {it}": {"htm": it} for it in ("post", "GET", "POST ", " POST", "*")},
    "exp that is over": {"exp": NOW},
    "nbf to come": {"nbf": NOW + LEEWAY + 1},
    **{
        f"htu {it}": {"htu": it}
        for it in (
            *("https://api.example.com/auth/refresh", "https://api.example.com/auth//refresh/"),
            *("http://api.example.com/auth/refresh/", "https://example.com/auth/refresh/"),
            *(
                "https://api.example.com:8443/auth/refresh/",
                "https://api.example.com./auth/refresh/",
            ),
            *("https://api.example.com/AUTH/refresh/", "https://api.example.com/auth/login/"),
            *("/auth/refresh/", "//api.example.com/auth/refresh/", "https:///auth/refresh/"),
            *(URI + "?", URI + "?next=/", URI + "#", URI + "#x", URI + " ", " " + URI, URI + "\n"),
            *(URI.replace("/auth", "\t/auth"), "https://ann@api.example.com/auth/refresh/"),
            *("https://api.example.com@evil.example/auth/refresh/", "javascript:alert(1)"),
            *(
                "https://[::1/auth/refresh/",
                "https://api.example.com:x/auth/refresh/",
                "https://:443/",
            ),
            *("https://api.example.com:99999/auth/refresh/", "https://api.example.com\\@evil/x"),
            *("https://api.example.com/x/../auth/refresh/", "wss://api.example.com/auth/refresh/"),
        )
    },
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_claims_that_are_none_or_of_another_request_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProofInvalid) as refusal:
        check(proof(**changes))
    # A nonce of ours is in each refusal that asks for one: not in these.
    is_nonce = changes.keys() == {"nonce"} and changes["nonce"] == "x" * 256
    assert type(refusal.value) is ProofInvalid or is_nonce


@pytest.mark.parametrize("sent", ["POST", "PUT", "post"])
def test_a_method_is_compared_as_it_is(sent: str) -> None:
    encoded = KEY.proof(sent, URI)
    assert check(encoded, sent).jkt == KEY.jkt
    with pytest.raises(ProofInvalid, match=r"^proof: htm$"):
        check(encoded, "DELETE")


SAME = [
    ("https://api.example.com/a", "HTTPS://API.Example.COM/a"),
    ("https://api.example.com/a", "https://api.example.com:443/a"),
    ("http://api.example.com/a", "http://api.example.com:80/a"),
    ("https://api.example.com/", "https://api.example.com"),
    ("https://api.example.com/", "https://api.example.com:/"),
    ("https://api.example.com/a%7Eb", "https://api.example.com/a~b"),
    ("https://api.example.com/a%c3%a9", "https://api.example.com/a%C3%A9"),
    ("https://api.example.com/a%3Ab", "https://api.example.com/a:b"),
    ("https://api.example.com/a%20b%25", "https://api.example.com/a%20b%25"),
    ("https://[::1]:8000/a", "https://[::1]:8000/a"),
]
OTHERS = [
    ("https://api.example.com/a", "https://api.example.com/A"),
    ("https://api.example.com/a", "https://api.example.com/a/"),
    ("https://api.example.com:8000/a", "https://api.example.com/a"),
    ("http://api.example.com:443/a", "https://api.example.com/a"),
    ("https://api.example.com/%61%20", "https://api.example.com/a+"),
    ("https://api.example.com/a%2541", "https://api.example.com/a%41"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_uri_has_one_normal_form(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)
    assert check(proof(htu=one), uri=other).jkt == KEY.jkt


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_what_is_another_uri_stays_another(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


# When it was made


@pytest.mark.parametrize("age", [WINDOW + LEEWAY, 0, -WINDOW - LEEWAY])
def test_a_proof_may_be_as_old_as_the_window_is_wide(age: int) -> None:
    seen = check(proof(iat=NOW - age))
    assert seen.until == NOW - age + WINDOW + LEEWAY


@pytest.mark.parametrize(
    "age", [WINDOW + LEEWAY + 1, -WINDOW - LEEWAY - 1, NOW, 10**30, -(10**400)]
)
def test_a_clock_that_is_off_needs_a_nonce(age: int) -> None:
    with pytest.raises(NonceNeeded, match=r"^proof: iat is off$"):
        check(proof(iat=NOW - age))
    assert check(proof(iat=NOW - age, nonce="good")).until == NOW + 90


@pytest.mark.parametrize("nonce", ["bad", "goo", "good ", "é"])
def test_a_nonce_that_is_none_of_ours_is_no_good_whatever_the_clock_says(nonce: str) -> None:
    """RFC 9449 section 4.3, step 10: there is no falling back to iat."""
    with pytest.raises(NonceNeeded, match=r"^proof: the nonce is over, or none of ours$"):
        check(proof(nonce=nonce))


def test_ends_that_a_proof_names_itself_are_kept() -> None:
    assert check(proof(exp=NOW + 1, nbf=NOW + LEEWAY)).jkt == KEY.jkt


# The token that it names


def test_a_proof_names_one_token_or_none() -> None:
    assert check(proof(token="a.b.c")).names("a.b.c")
    assert not check(proof(token="a.b.c")).names("a.b.d")
    assert not check(proof()).names("a.b.c")
    for ath in (
        digest_of("a.b.c") + "=",
        digest_of("a.b.c")[:-1],
        respell(digest_of("a.b.c")),
        "é",
    ):
        assert not check(proof(ath=ath)).names("a.b.c")


# How it is written

GOOD = proof(iat=NOW)
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


def resigned(header: Any, payload: Any) -> str:
    return KEY.signed(header, payload)


def claims() -> dict[str, Any]:
    return {"jti": "j-1", "htm": "POST", "htu": URI, "iat": NOW}


def header() -> dict[str, Any]:
    return {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}


MALFORMED: dict[str, str] = {
    "nothing": "",
    "a space": " ",
    "dots": "..",
    "one segment": HEAD,
    "two segments": f"{HEAD}.{PAYLOAD}",
    "four segments": f"{GOOD}.e30",
    "two proofs": f"{GOOD},{GOOD}",
    "two proofs and a space": f"{GOOD}, {GOOD}",
    "a padded signature": f"{GOOD}==",
    "a padded header": f"{HEAD}=.{PAYLOAD}.{SIGNATURE}",
    "another spelling of the signature": f"{HEAD}.{PAYLOAD}.{respell(SIGNATURE)}",
    "a newline behind": f"{GOOD}\n",
    "a space before": f" {GOOD}",
    "NUL behind": f"{GOOD}\0",
    "letters of full width": GOOD.replace("e", "\uff45"),
    "a surrogate": f"{GOOD}\ud800",
    "JSON": json.dumps({"payload": PAYLOAD, "protected": HEAD, "signature": SIGNATURE}),
    "a list for a header": resigned([], claims()),
    "a list for a payload": resigned(header(), []),
    "no JSON": resigned(b"{", claims()),
    "a payload that is no JSON": resigned(header(), b'{"jti":'),
    "alg twice": resigned(text_of(header(), '"alg":"ES256"'), claims()),
    "jwk twice": resigned(text_of(header(), f'"jwk":{json.dumps(OTHER.jwk)}'), claims()),
    "x twice": resigned(
        json.dumps(header() | {"jwk": 0}).replace("0}", text_of(KEY.jwk, '"x":"x"') + "}"), claims()
    ),
    "htu twice": resigned(header(), text_of(claims(), '"htu":"https://evil.example/"')),
    "NaN": resigned(header(), text_of(claims(), '"x":NaN')),
    "a payload in UTF-16": resigned(header(), json.dumps(claims()).encode("utf-16")),
    "a deep header": resigned(nested(1400), claims()),
    "too long": resigned(header(), claims() | {"x": "x" * MAX_LENGTH}),
    "a key of a megabyte": resigned(header() | {"jwk": {"kty": "EC", "x": "A" * 10**6}}, claims()),
}


@pytest.mark.parametrize("encoded", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_refused(encoded: str) -> None:
    with pytest.raises(ProofInvalid) as refusal:
        check(encoded)
    assert type(refusal.value) is ProofInvalid


def test_as_long_as_it_may_be() -> None:
    rest = MAX_LENGTH - len(resigned(header(), claims() | {"x": ""}))
    full = resigned(header(), claims() | {"x": "x" * (rest * 3 // 4 - 3)})
    assert MAX_LENGTH - 8 <= len(full) <= MAX_LENGTH
    assert check(full).jti == "j-1"


def test_the_error_holds_nothing_of_a_proof() -> None:
    for encoded in (*MALFORMED.values(), *(proof(**it) for it in BAD_CLAIMS.values())):
        with pytest.raises(ProofInvalid) as refusal:
            check(encoded)
        assert refusal.value.__cause__ is None
        assert len(str(refusal.value)) < 60


def test_a_proof_shows_nothing_that_could_be_sent() -> None:
    assert GOOD.split(".")[2] not in repr(check(GOOD))


# Whatever it is

any_claims = st.dictionaries(
    st.sampled_from(["jti", "htm", "htu", "iat", "exp", "nbf", "ath", "nonce", "x"]),
    forging.json_values | st.sampled_from(["good", URI, "POST", NOW]),
)
any_header = st.dictionaries(
    st.sampled_from(["typ", "alg", "jwk", "kid", "crit"]),
    forging.json_values
    | st.sampled_from(["dpop+jwt", *ALGORITHMS])
    | st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d"]), forging.json_values),
)


@given(any_header, any_claims, st.booleans())
def test_whatever_is_sent_is_taken_or_refused(
    changed: dict[str, Any], claimed: dict[str, Any], known: bool
) -> None:
    """And whatever is taken, ``jwt.decode`` takes as well, with the key that stands in it."""
    head = header() | ({} if known else changed)
    encoded = KEY.signed(head, claims() | claimed)
    with travel(NOW, tick=False):
        try:
            seen = check(encoded)
        except ProofInvalid:
            return
        assert seen.jkt == KEY.jkt
        options: Any = {"verify_aud": False, "verify_iat": not seen.by_nonce}
        key = jwt.PyJWK(head["jwk"], algorithm=head["alg"])
        leeway = WINDOW + LEEWAY
        read_by_pyjwt = jwt.decode(
            encoded, key, algorithms=[head["alg"]], options=options, leeway=leeway
        )
    assert read_by_pyjwt["jti"] == seen.jti


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for encoded in (text, f"{HEAD}.{text}.{SIGNATURE}", f"{text}.{PAYLOAD}.{SIGNATURE}"):
        with pytest.raises(ProofInvalid):
            check(encoded)


@given(st.text(st.characters(exclude_categories=()), max_size=60) | st.just(None))
def test_no_uri_breaks_it(text: Any) -> None:
    for uri in (text, f"https://{text}", f"https://a/{text}"):
        try:
            scheme, host, port, path = normalized(uri)
        except ValueError:
            continue
        assert scheme in ("http", "https")
        assert host == host.lower()
        assert 0 <= port < 65536
        assert normalized(f"{scheme}://a{path}")[3] == path


def test_the_clock_is_looked_up() -> None:
    encoded = proof(iat=int(time.time()))
    assert check(encoded)
    with travel(NOW + 1000, tick=False), pytest.raises(NonceNeeded):
        check(encoded)
