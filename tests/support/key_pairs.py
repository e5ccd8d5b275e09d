"""Key pairs for every algorithm, made once in a run, in each of the forms that they come in.

The JWKs are written from the numbers of the keys: neither the code under test nor the library
that it uses has a part in them.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from .forging import segment

RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
ED25519_ALGORITHMS = ["EdDSA", "Ed25519"]
ALGORITHMS = [*RSA_ALGORITHMS, *CURVES, *ED25519_ALGORITHMS]
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
"""What nobody else may see of a JWK (RFC 7518 section 6)."""
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def private_key(algorithm: str, number: int = 0) -> Any:
    """A key for ``algorithm``, the same throughout a run; ``number`` tells several apart."""
    if algorithm in RSA_ALGORITHMS:
        return _make("RSA", number)
    return _make(algorithm if algorithm in CURVES else "Ed25519", number)


@cache
def _make(sort: str, number: int) -> Any:
    if sort == "RSA":
        # As short as may be: longer ones take a second to make, and prove nothing more.
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if sort in CURVES:
        return ec.generate_private_key(CURVES[sort])
    return ed25519.Ed25519PrivateKey.generate()


def private_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())
    return pem.decode()


def public_pem(key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, form)
    return pem.decode()


def public_jwk(key: Any) -> dict[str, str]:
    """The members that a thumbprint is made of (RFC 7638 section 3.2), in their order."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        return {"e": number(numbers.e), "kty": "RSA", "n": number(numbers.n)}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers, size = public.public_numbers(), (key.key_size + 7) // 8
        x, y = number(numbers.x, size), number(numbers.y, size)
        return {"crv": _CURVE_NAMES[key.curve.name], "kty": "EC", "x": x, "y": y}
    return {"crv": "Ed25519", "kty": "OKP", "x": segment(public.public_bytes_raw())}


def private_jwk(key: Any) -> dict[str, str]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return public_jwk(key) | {"d": segment(key.private_bytes_raw())}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        d = number(key.private_numbers().private_value, (key.key_size + 7) // 8)
        return public_jwk(key) | {"d": d}
    names = {"d": "d", "p": "p", "q": "q", "dp": "dmp1", "dq": "dmq1", "qi": "iqmp"}
    numbers = key.private_numbers()
    return public_jwk(key) | {name: number(getattr(numbers, at)) for name, at in names.items()}


def thumbprint(key: Any) -> str:
    """RFC 7638 section 3, spelt out."""
    members = ",".join(f'"{name}":"{text}"' for name, text in public_jwk(key).items())
    return segment(hashlib.sha256(f"{{{members}}}".encode()).digest())


def text(jwk: dict[str, Any], **members: Any) -> str:
    """The JSON of a JWK with more members."""
    return json.dumps(jwk | members)


def number(value: int, size: int = 0) -> str:
    """Base64url of a whole number, in ``size`` bytes or as few as it takes."""
    return segment(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def secret_jwk(secret: str, algorithm: str) -> dict[str, str]:
    return {"kty": "oct", "alg": algorithm, "k": segment(secret)}


OLD, NEW = "k3Vd-9sQ_wZ7pLr2XbTn8YcFhJm4GqAu" * 2, "Xw5Bq-2eRt_8uYzN0pKsLd6VgHj3CfMa" * 2
"""Secrets of 64 characters, long enough for each algorithm."""
RSA, EC, ED, NEXT = (
    private_key("RS256"),
    private_key("ES256"),
    private_key("EdDSA"),
    private_key("EdDSA", 1),
)
