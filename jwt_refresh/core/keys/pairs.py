"""The reading of asymmetric keys: PEM or JWK in, a ``Key`` out, or ``ValueError`` with the fault.

PyJWT and cryptography read and use the keys. What they let pass is refused here: a JWK for
another use, two keys that are no pair, a curve that is not the algorithm's, short RSA keys.
No message holds anything of the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import PyJWTError
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from jwt_refresh.core.encoding import decode, encode

from .keyring import Key

MIN_RSA_BITS = 2048
"""Least size of an RSA key (RFC 7518 section 3.3)."""

_ed25519 = OKPAlgorithm()
KEY_PAIR_ALGORITHMS: dict[str, Algorithm] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "PS384": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384),
    "PS512": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256, SECP256R1),
    "ES384": ECAlgorithm(ECAlgorithm.SHA384, SECP384R1),
    "ES512": ECAlgorithm(ECAlgorithm.SHA512, SECP521R1),
    "EdDSA": _ed25519,
    "Ed25519": _ed25519,
}
_ED25519_NAMES = {"EdDSA": "Ed25519", "Ed25519": "EdDSA"}
_ALGORITHM_OF_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
# In the order in which a thumbprint takes them.
_THUMBPRINT_MEMBERS = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
_PRIVATE = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey)
_PUBLIC = (RSAPublicKey, EllipticCurvePublicKey, Ed25519PublicKey)
_UNKNOWN = "is of no kind that is known: RSA, P-256, P-384, P-521 or Ed25519"


def key_pair(source: str | Mapping[str, Any], preferred: str, *, private: bool) -> Key:
    """Read the key in PEM text, in a JWK, or in the JSON text of one.

    Its algorithm is the JWK's ``alg``, else ``preferred`` where the key can do that, else the
    one that is usual for such a key. Its ``kid`` is the JWK's, else its RFC 7638 thumbprint.
    ``private`` tells whether it must be able to sign, or must not.
    """
    jwk, found = _read(source)
    known = isinstance(found, _PRIVATE + _PUBLIC)
    if not known:
        raise ValueError(_UNKNOWN)
    signing: Any = found if isinstance(found, _PRIVATE) else None
    if private is (signing is None):
        raise ValueError("is a public key" if private else "is a private key")
    public: Any = found if signing is None else signing.public_key()
    algorithm = _algorithm_of(public, jwk.get("alg"), preferred)
    crypto = KEY_PAIR_ALGORITHMS[algorithm]
    members: dict[str, Any] = crypto.to_jwk(public, as_dict=True)
    shown = {name: members[name] for name in _THUMBPRINT_MEMBERS[members["kty"]]}
    kid = _kid_of(jwk) or thumbprint(shown)
    shown |= {"use": "sig", "alg": algorithm, "kid": kid}
    other_name = _ED25519_NAMES.get(algorithm)
    return Key(kid, algorithm, crypto, signing, (public,), shown, other_name)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public JWK (RFC 7638 section 3)."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(source: str | Mapping[str, Any]) -> tuple[Mapping[str, Any], object]:
    """Return the members of the JWK (empty for PEM) and the key."""
    if isinstance(source, str):
        text = source.strip()
        if text.startswith("-----BEGIN"):
            return {}, _read_pem(text)
        try:
            source = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("is neither PEM text nor a JWK") from None
    if isinstance(source, Mapping):
        check_use(source)
        return source, _read_jwk(source)
    raise ValueError("is neither PEM text nor a JWK")


def _read_pem(text: str) -> object:
    try:
        # Anywhere: openssl writes the parameters of a curve before its key.
        if "PRIVATE KEY-----" in text:
            return load_pem_private_key(text.encode(), password=None)
        return load_pem_public_key(text.encode())
    except TypeError:
        raise ValueError("is encrypted: a key is read without a password") from None
    except (ValueError, UnsupportedAlgorithm, InternalError):
        raise ValueError("is no PEM text of a key that is known") from None


def check_use(jwk: Mapping[str, Any]) -> None:
    """Refuse a JWK that is not for signatures (RFC 7517 sections 4.2, 4.3); PyJWT does not look."""
    operations = jwk.get("key_ops", ["sign", "verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
        raise ValueError("is not for signatures: its use is not sig")
    if not {"sign", "verify"} & {str(operation) for operation in operations}:
        raise ValueError("is not for signatures: neither sign nor verify is in its key_ops")


def _read_jwk(jwk: Mapping[str, Any]) -> object:
    readers: dict[object, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
    reader = readers.get(str(jwk.get("kty")))
    if reader is None:
        raise ValueError("is no JWK of kty RSA, EC or OKP")
    try:
        for name in ("d", "e", "n", "p", "q", "dp", "dq", "qi", "x", "y"):
            decode(jwk.get(name, "").encode())
        found = reader.from_jwk(dict(jwk))
    except (PyJWTError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        raise ValueError("is a JWK that is damaged, or whose two halves are no pair") from None
    if isinstance(found, _PRIVATE):
        public: Any = reader.from_jwk({name: jwk[name] for name in jwk if name in _PUBLIC_MEMBERS})
        if found.public_key() != public:
            raise ValueError("is a JWK whose two halves are no pair")
    return found


_PUBLIC_MEMBERS = {"kty", "crv", "n", "e", "x", "y"}


def _algorithm_of(public: object, named: object, preferred: str) -> str:
    """Return the one algorithm of the key."""
    if isinstance(public, RSAPublicKey):
        if public.key_size < MIN_RSA_BITS:
            raise ValueError(f"has {public.key_size} bits, fewer than {MIN_RSA_BITS}")
        possible = [name for name in KEY_PAIR_ALGORITHMS if name[:2] in ("RS", "PS")]
    elif isinstance(public, Ed25519PublicKey):
        possible = ["EdDSA", "Ed25519"]
    elif isinstance(public, EllipticCurvePublicKey) and public.curve.name in _ALGORITHM_OF_CURVE:
        possible = [_ALGORITHM_OF_CURVE[public.curve.name]]
    else:
        raise ValueError(_UNKNOWN)
    if named is not None and named not in possible:
        raise ValueError(f"has an alg that such a key cannot do: {' or '.join(possible)}")
    if named is not None:
        return str(named)
    return preferred if preferred in possible else possible[0]


def _kid_of(jwk: Mapping[str, Any]) -> str | None:
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and kid.isprintable() and 0 < len(kid) <= 128):
        raise ValueError("has a kid that is no printable text of 1 to 128 characters")
    return kid
