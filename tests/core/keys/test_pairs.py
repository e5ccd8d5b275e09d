"""Asymmetric keys in each of their forms, and every way in which one can be wrong."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import OKPAlgorithm

from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.core.keys.pairs import KEY_PAIR_ALGORITHMS, key_pair, thumbprint
from tests.support import key_pairs
from tests.support.forging import respell, segment
from tests.support.key_pairs import (
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
    text,
)

RSA, OTHER_RSA = private_key("RS256"), private_key("RS256", 1)
EC, OTHER_EC = private_key("ES256"), private_key("ES256", 1)
ED, OTHER_ED = private_key("EdDSA"), private_key("EdDSA", 1)

TRADITIONAL = PrivateFormat.TraditionalOpenSSL
"""PKCS #1 for RSA, SEC 1 for curves."""
CURVE_PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
    "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2"
    "QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6We"
    "Zu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
}
"""The key of its section 3.1, less ``alg`` and ``kid``."""
RFC_8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
"""The key of its appendix A.1."""


def forms(algorithm: str) -> dict[str, tuple[str, bool]]:
    """One key in each form that it can come in, and whether it is the private half."""
    key = private_key(algorithm)
    found = {
        "PKCS #8": (private_pem(key), True),
        "SubjectPublicKeyInfo": (public_pem(key), False),
        "JWK": (text(private_jwk(key)), True),
        "public JWK": (text(public_jwk(key)), False),
        "JWK with what is none of our business": (text(public_jwk(key), x5t="a", n2=7), False),
        "lines that end as on Windows": (private_pem(key).replace("\n", "\r\n"), True),
        "white space around": (f"\n  {public_pem(key)}\n ", False),
    }
    if algorithm not in key_pairs.ED25519_ALGORITHMS:
        found["traditional"] = (private_pem(key, TRADITIONAL), True)
    if algorithm in key_pairs.RSA_ALGORITHMS:
        found["PKCS #1, public"] = (public_pem(key, PublicFormat.PKCS1), False)
        found["JWK without primes"] = (text(public_jwk(key), d=private_jwk(key)["d"]), True)
    if algorithm == "ES256":
        found["as openssl writes it"] = (CURVE_PARAMETERS + private_pem(key, TRADITIONAL), True)
    return found


FORMS = [
    pytest.param(algorithm, *form, id=f"{algorithm} {name}")
    for algorithm in key_pairs.ALGORITHMS
    for name, form in forms(algorithm).items()
]


def test_every_algorithm_is_tested() -> None:
    assert [*KEY_PAIR_ALGORITHMS] == key_pairs.ALGORITHMS


@pytest.mark.parametrize(("algorithm", "source", "private"), FORMS)
def test_a_key_is_read_from_each_of_its_forms(algorithm: str, source: str, private: bool) -> None:
    key, reference = key_pair(source, algorithm, private=private), private_key(algorithm)
    assert (key.algorithm, key.kid) == (algorithm, key_pairs.thumbprint(reference))
    assert key.jwk == public_jwk(reference) | {"use": "sig", "alg": algorithm, "kid": key.kid}
    assert (key.signing is not None) is private
    signer = key if private else key_pair(private_pem(reference), algorithm, private=True)
    signature = signer.sign(b"m")
    assert key.verifies(b"m", signature)
    assert not key.verifies(b"other", signature)
    assert not key.verifies(b"m", b"")


@pytest.mark.parametrize("algorithm", key_pairs.ALGORITHMS)
def test_another_key_verifies_nothing(algorithm: str) -> None:
    ours, other = (
        key_pair(private_pem(private_key(algorithm, number)), algorithm, private=True)
        for number in (0, 1)
    )
    assert ours.kid != other.kid
    assert not ours.verifies(b"m", other.sign(b"m"))


def test_a_jwk_may_come_as_a_mapping() -> None:
    key = key_pair(private_jwk(ED), "EdDSA", private=True)
    assert key.kid == key_pairs.thumbprint(ED)


def test_thumbprints_are_those_of_the_standards() -> None:
    assert thumbprint(RFC_7638) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(RFC_8037) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    named = RFC_7638 | {"alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(named) == thumbprint(RFC_7638)
    assert key_pair(text(RFC_7638), "RS256", private=False).kid == thumbprint(RFC_7638)


def test_ed25519_signs_as_the_standard_does() -> None:
    """RFC 8037 appendix A.4."""
    signature = (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    key = key_pair(text(RFC_8037), "EdDSA", private=True)
    assert segment(key.sign(message)) == signature


@pytest.mark.parametrize("algorithm", key_pairs.CURVES)
def test_a_coordinate_that_begins_with_zeros_keeps_them(algorithm: str) -> None:
    """One key in 128 has such a one: its thumbprint would differ from everybody else's."""
    curve = key_pairs.CURVES[algorithm]
    keys = (ec.derive_private_key(secret, curve) for secret in range(2, 10_000))
    short = curve.key_size - 8
    key = next(key for key in keys if key.public_key().public_numbers().x.bit_length() <= short)
    found = key_pair(text(private_jwk(key)), algorithm, private=True)
    assert found.jwk is not None
    assert (found.kid, found.jwk["x"]) == (key_pairs.thumbprint(key), public_jwk(key)["x"])


# The algorithm and the name of a key


@pytest.mark.parametrize(
    ("key", "named", "preferred", "algorithm"),
    [
        (RSA, None, "PS384", "PS384"),
        (RSA, "PS512", "PS384", "PS512"),
        (RSA, None, "EdDSA", "RS256"),
        (RSA, None, "HS256", "RS256"),
        (EC, None, "ES384", "ES256"),
        (EC, "ES256", "RS256", "ES256"),
        (private_key("ES384"), None, "ES256", "ES384"),
        (private_key("ES512"), None, "EdDSA", "ES512"),
        (ED, None, "Ed25519", "Ed25519"),
        (ED, "EdDSA", "Ed25519", "EdDSA"),
        (ED, None, "RS256", "EdDSA"),
    ],
)
def test_the_algorithm_is_the_jwks_else_the_preferred_else_the_usual_one(
    key: Any, named: str | None, preferred: str, algorithm: str
) -> None:
    jwk = private_jwk(key) | ({} if named is None else {"alg": named})
    for source, private in ((jwk, True), (public_jwk(key) | {"alg": named}, False)):
        found = key_pair(text(source), preferred, private=private)
        assert found.algorithm == algorithm
        assert found.jwk is not None
        assert found.jwk["alg"] == algorithm


@pytest.mark.parametrize("algorithm", key_pairs.ALGORITHMS)
def test_ed25519_alone_has_two_names(algorithm: str) -> None:
    key = key_pair(public_pem(private_key(algorithm)), algorithm, private=False)
    assert key.other_name == {"EdDSA": "Ed25519", "Ed25519": "EdDSA"}.get(algorithm)


@pytest.mark.parametrize("kid", ["2026-11", "a", "k" * 128, "열쇠 하나", '"<b>'])
def test_the_kid_of_a_jwk_is_kept(kid: str) -> None:
    key = key_pair(text(private_jwk(ED), kid=kid), "EdDSA", private=True)
    assert key.kid == kid
    assert key.jwk is not None
    assert key.jwk["kid"] == kid


@pytest.mark.parametrize(
    "members",
    [{"use": "sig"}, {"key_ops": ["sign"]}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "x"]}],
)
def test_a_jwk_for_signatures_is_taken_and_shown_with_nothing_else(members: Any) -> None:
    key = key_pair(text(private_jwk(ED), **members), "EdDSA", private=True)
    assert key.jwk is not None
    assert set(key.jwk) == {"kty", "crv", "x", "use", "alg", "kid"}


# Faults


def encrypted(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"password"))
    return pem.decode()


def halves(key: Any, other: Any, *names: str) -> str:
    """The JWK of ``key`` with ``names`` of another one."""
    return text(private_jwk(key), **{name: private_jwk(other)[name] for name in names})


def swapped(form: PrivateFormat) -> str:
    """The DER of a key of a curve, with the public half of another one, as PEM."""
    ours, theirs = (
        key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for key in (EC, OTHER_EC)
    )
    label = "EC PRIVATE KEY" if form is TRADITIONAL else "PRIVATE KEY"
    body = "".join(private_pem(EC, form).splitlines()[1:-1])
    changed = base64.b64encode(base64.b64decode(body).replace(ours, theirs)).decode()
    lines = [changed[at : at + 64] for at in range(0, len(changed), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def of_algorithm(oid: str, label: str) -> str:
    """A well-formed PEM of 32 bytes that are said to be for the algorithm ``oid``, in hexadecimal.

    ``label`` decides which half it is.
    """
    name = tlv(0x30, tlv(0x06, bytes.fromhex(oid)))
    private = tlv(0x02, b"\0") + name + tlv(0x04, tlv(0x04, b"A" * 32))
    der = tlv(0x30, private if "PRIVATE" in label else name + tlv(0x03, b"\0" + b"A" * 32))
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


def tlv(tag: int, content: bytes) -> bytes:
    """An element of DER: tag, length, value."""
    return bytes([tag, len(content)]) + content


def without(jwk: dict[str, str], *names: str) -> str:
    return json.dumps({name: value for name, value in jwk.items() if name not in names})


SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
K1 = ec.generate_private_key(ec.SECP256K1())
STRANGERS = {
    "secp256k1": K1,
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "X25519": x25519.X25519PrivateKey.generate(),
    "DSA": dsa.generate_private_key(1024),
}
K1_JWK = {"kty": "EC", "crv": "secp256k1"} | {
    name: key_pairs.number(getattr(K1.public_key().public_numbers(), name), 32)
    for name in ("x", "y")
}

NO_PAIR = "is a JWK that is damaged, or whose two halves are no pair"
UNKNOWN = "is of no kind that is known"
NEITHER = "is neither PEM text nor a JWK"
NO_PEM = "is no PEM text of a key that is known"
NO_SIGNATURES = "is not for signatures: "
BAD_KID = "has a kid that is no printable text of 1 to 128 characters"


def row(name: str, source: str, message: str, private: bool = True) -> Any:
    return pytest.param(source, private, message, id=name)


FAULTS = [
    # The wrong half
    *[
        case
        for name, key in {"RSA": RSA, "EC": EC, "Ed25519": ED}.items()
        for case in (
            row(f"{name}, public for private", public_pem(key), "is a public key"),
            row(f"{name}, public JWK for private", text(public_jwk(key)), "is a public key"),
            row(f"{name}, private for public", private_pem(key), "is a private key", False),
            row(f"{name}, private JWK for public", text(private_jwk(key)), "is a private", False),
        )
    ],
    row("both halves for public", public_pem(ED) + private_pem(ED), "is a private key", False),
    # Too weak, or of no use here
    row("short RSA", private_pem(SHORT), "has 1024 bits, fewer than 2048"),
    row("short RSA, public", public_pem(SHORT), "has 1024 bits, fewer than 2048", False),
    row("short RSA JWK", text(private_jwk(SHORT)), "has 1024 bits, fewer than 2048"),
    *[
        case
        for name, key in STRANGERS.items()
        for case in (
            row(f"{name}", private_pem(key), UNKNOWN),
            row(f"{name}, public", public_pem(key), UNKNOWN, False),
        )
    ],
    row("secp256k1 JWK", text(K1_JWK), UNKNOWN, False),
    row("X25519 JWK", text(public_jwk(ED), crv="X25519"), NO_PAIR, False),
    # PEM
    row("encrypted", encrypted(ED), "is encrypted"),
    row("encrypted, as of old", encrypted(RSA, TRADITIONAL), "is encrypted"),
    row("encrypted for public", encrypted(ED), "is encrypted", False),
    row("for SSH", private_pem(ED, PrivateFormat.OpenSSH), NO_PEM),
    row("a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", NO_PEM),
    row("cut off", private_pem(RSA)[:500], NO_PEM),
    row("a line less", public_pem(RSA).replace(public_pem(RSA)[100:165], ""), NO_PEM, False),
    *[
        row(f"{name}, {label}", of_algorithm(oid, label), NO_PEM, label == "PRIVATE KEY")
        for label in ("PRIVATE KEY", "PUBLIC KEY")
        for name, oid in {
            "an algorithm that nobody knows": "2a0304",
            "GOST": "2a850307010101",
            "Ed448 of another length": "2b6571",
        }.items()
    ],
    row("SEC 1 with another half", swapped(TRADITIONAL), NO_PEM),
    row("PKCS #8 with another half", swapped(PrivateFormat.PKCS8), NO_PEM),
    # Neither
    *[
        row(repr(junk), junk, NEITHER)
        for junk in ("", "junk", "[]", "7", "null", '"junk"', "{", "/etc/keys/signing.pem")
    ],
    row("a list of JWKs", f"[{text(private_jwk(ED))}]", NEITHER),
    row("a SSH key", public_pem(ED, PublicFormat.SubjectPublicKeyInfo)[27:], NEITHER, False),
    # What a JWK says of itself
    *[
        row(f"kty {kty}", text(private_jwk(ED), kty=kty), "is no JWK of kty RSA, EC or OKP")
        for kty in ("oct", "okp", "", None, 7, ["OKP"], {"OKP": 1})
    ],
    row("a secret", text({"kty": "oct", "k": "A" * 43}), "is no JWK of kty"),
    row("a set of keys", text({"keys": [private_jwk(ED)]}), "is no JWK of kty"),
    *[
        row(f"use {use}", text(private_jwk(ED), use=use), f"{NO_SIGNATURES}its use")
        for use in ("enc", "", None, ["sig"])
    ],
    *[
        row(f"key_ops {ops}", text(private_jwk(ED), key_ops=ops), NO_SIGNATURES)
        for ops in ([], ["encrypt"], ["Sign"], [None], [["sign"]], "sign", None, {"sign": 1})
    ],
    *[
        row(f"alg {alg} of {name}", text(private_jwk(key), alg=alg), "has an alg that such a key")
        for name, key, alg in [
            ("RSA", RSA, "ES256"),
            ("RSA", RSA, "HS256"),
            ("RSA", RSA, "RSA-OAEP"),
            ("P-256", EC, "ES384"),
            ("P-256", EC, "EdDSA"),
            ("Ed25519", ED, "Ed448"),
            ("Ed25519", ED, "none"),
            ("Ed25519", ED, ""),
            ("Ed25519", ED, ["EdDSA"]),
        ]
    ],
    *[
        row(f"kid {kid!r:.20}", text(private_jwk(ED), kid=kid), BAD_KID)
        for kid in (
            "",
            "k" * 129,
            7,
            True,
            ["a"],
            {"a": 1},
            "a\nb",
            "\x1b[2J",
            "a\0",
            "\ud800",
            "\u2028",
        )
    ],
    # Halves that are no pair: tokens would verify nowhere
    row("n of another", halves(RSA, OTHER_RSA, "n"), NO_PAIR),
    row("d of another", halves(RSA, OTHER_RSA, "d"), NO_PAIR),
    row("primes of another", halves(RSA, OTHER_RSA, "p", "q"), NO_PAIR),
    row("dp of another", halves(RSA, OTHER_RSA, "dp"), NO_PAIR),
    row("another e", text(private_jwk(RSA), e="Aw"), NO_PAIR),
    row("RSA d of another alone", text(public_jwk(RSA), d=private_jwk(OTHER_RSA)["d"]), NO_PAIR),
    row("EC d of another", halves(EC, OTHER_EC, "d"), NO_PAIR),
    row("EC point of another", halves(EC, OTHER_EC, "x", "y"), NO_PAIR),
    row("EC y of another", halves(EC, OTHER_EC, "y"), NO_PAIR),
    row("OKP d of another", halves(ED, OTHER_ED, "d"), NO_PAIR),
    row("OKP x of another", halves(ED, OTHER_ED, "x"), NO_PAIR),
    # Damage
    *[
        row(f"{name} without {member}", without(jwk, member), NO_PAIR)
        for name, jwk, members in [
            ("RSA", private_jwk(RSA), "n e p q dp dq qi"),
            ("EC", private_jwk(EC), "crv x y"),
            ("OKP", private_jwk(ED), "crv x"),
        ]
        for member in members.split()
    ],
    row("more than two primes", text(private_jwk(RSA), oth=[]), NO_PAIR),
    row("a point on no curve", text(public_jwk(EC), y=public_jwk(OTHER_EC)["y"]), NO_PAIR, False),
    row("x too long", text(public_jwk(ED), x=segment(bytes(33))), NO_PAIR, False),
    row("x too short", text(public_jwk(EC), x=segment(bytes(31))), NO_PAIR, False),
    row("another curve", text(public_jwk(EC), crv="P-384"), NO_PAIR, False),
    row("an unknown curve", text(public_jwk(EC), crv="P-257"), NO_PAIR, False),
    *[
        row(f"{name} {what}", text(private_jwk(key), **{name: value}), NO_PAIR)
        for key, name in ((ED, "x"), (ED, "d"), (EC, "d"), (EC, "y"))
        for what, value in {
            "padded": private_jwk(key)[name] + "=",
            "respelt": respell(private_jwk(key)[name]),
            "of the other alphabet": "+/" + private_jwk(key)[name][2:],
            "with white space": private_jwk(key)[name] + "\n",
            "no text": 7,
            "null": None,
            "a list": [private_jwk(key)[name]],
            "not ASCII": "é" + private_jwk(key)[name],
        }.items()
    ],
    *[
        row(
            f"RSA {name} padded",
            text(private_jwk(RSA), **{name: private_jwk(RSA)[name] + "=="}),
            NO_PAIR,
        )
        for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
    ],
]


@pytest.mark.parametrize(("source", "private", "message"), FAULTS)
def test_a_fault_is_named_and_nothing_of_the_key(source: str, private: bool, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        key_pair(source, "EdDSA", private=private)
    said = str(refusal.value)
    assert said.startswith(message)
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__
    hidden = values(source)
    assert not any(said[at : at + 8] in hidden for at in range(len(said) - 7))


def values(source: str) -> str:
    """What must not be shown of a key: the values of a JWK, or the lines of a PEM."""
    try:
        found = json.loads(source)
    except ValueError:
        return " ".join(line for line in source.splitlines() if not line.startswith("---"))
    return " ".join(map(str, found.values())) if isinstance(found, dict) else str(found)


def test_an_algorithm_that_this_openssl_lacks_is_a_fault_of_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Ed25519 is lacking in one for FIPS."""
    lacking = Mock(side_effect=UnsupportedAlgorithm("no Ed25519"))
    monkeypatch.setattr(OKPAlgorithm, "from_jwk", lacking)
    with pytest.raises(ValueError, match=f"^{NO_PAIR}$"):
        key_pair(text(private_jwk(ED)), "EdDSA", private=True)


def test_halves_are_compared_whatever_the_library_lets_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CVE-2026-102275: it once took ``d`` and ``x`` of two keys, and signed for neither."""
    read = OKPAlgorithm.from_jwk

    def lenient(jwk: Any) -> Any:
        return read(private_jwk(ED) if "d" in jwk else jwk)

    monkeypatch.setattr(OKPAlgorithm, "from_jwk", lenient)
    assert key_pair(text(private_jwk(ED)), "EdDSA", private=True)
    with pytest.raises(ValueError, match=r"^is a JWK whose two halves are no pair$"):
        key_pair(halves(ED, OTHER_ED, "x"), "EdDSA", private=True)


@pytest.mark.parametrize("algorithm", key_pairs.ALGORITHMS)
def test_no_repr_shows_key_material(algorithm: str) -> None:
    for source in (private_pem(private_key(algorithm)), text(private_jwk(private_key(algorithm)))):
        key: Key = key_pair(source, algorithm, private=True)
        assert repr(key) == f"Key(kid={key.kid!r}, algorithm={algorithm!r})"


@pytest.mark.parametrize("algorithm", key_pairs.ALGORITHMS)
def test_nothing_private_is_in_what_others_may_see(algorithm: str) -> None:
    key = key_pair(text(private_jwk(private_key(algorithm))), algorithm, private=True)
    assert key.jwk is not None
    assert not key_pairs.PRIVATE_MEMBERS & set(key.jwk)
