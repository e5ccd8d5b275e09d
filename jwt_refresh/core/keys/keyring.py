"""The keyring: each key has one algorithm and is found by its ``kid``; one signs, all verify."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import InvalidKeyError
from jwt.algorithms import Algorithm, HMACAlgorithm

HMAC_ALGORITHMS = {
    "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
    "HS384": HMACAlgorithm(HMACAlgorithm.SHA384),
    "HS512": HMACAlgorithm(HMACAlgorithm.SHA512),
}
HMAC_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Least length of a key: the output of its hash (RFC 7518 section 3.2)."""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the keyring: a name, one algorithm, and key material that is never shown.

    ``signing`` is ``None`` where the key can only verify. ``jwk`` is the public key as others
    may see it (RFC 7517), ``None`` for a secret.
    """

    kid: str
    algorithm: str
    crypto: Algorithm = field(repr=False)
    signing: object = field(repr=False)
    verifying: tuple[object, ...] = field(repr=False)
    jwk: Mapping[str, Any] | None = field(default=None, repr=False)
    other_name: str | None = field(default=None, repr=False)
    """Another ``alg`` for the same signatures: ``Ed25519`` for ``EdDSA`` (RFC 9864)."""

    def sign(self, message: bytes) -> bytes:
        return self.crypto.sign(message, self.signing)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return any(self.crypto.verify(message, key, signature) for key in self.verifying)


def hmac_key(secrets: Sequence[bytes], algorithm: str) -> Key:
    """Make a key of ``secrets``: the first signs, all verify.

    All of them share one ``kid``, the name of the algorithm: a name of their own would have
    to be computed from the secret (RFC 7638 section 7 warns of that) or be lost at the next
    start. Trying a retired secret costs less than two microseconds.

    Raises ``ValueError`` for a secret shorter than the output of the hash, or one that is a key
    of another algorithm: whoever has the public half could sign (RFC 8725 section 2.1).
    """
    if any(len(secret) < HMAC_KEY_BYTES[algorithm] for secret in secrets):
        raise ValueError(f"An {algorithm} secret needs {HMAC_KEY_BYTES[algorithm]} bytes or more.")
    crypto = HMAC_ALGORITHMS[algorithm]
    try:
        prepared = tuple(crypto.prepare_key(secret) for secret in secrets)
        disguised = any(map(_is_public_key, prepared))
    except InvalidKeyError:
        disguised = True
    if disguised:
        raise ValueError("It is a key of another algorithm.")
    return Key(algorithm, algorithm, crypto, prepared[0], prepared)


def _is_public_key(secret: bytes) -> bool:
    """Recognise the body of a PEM without its first and last line, which PyJWT lets pass."""
    try:
        load_der_public_key(b64decode(secret))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def derive(secret: str | bytes, algorithm: str) -> bytes:
    """Derive a key for ``algorithm`` alone from ``secret``, with HKDF (RFC 5869)."""
    known = secret if isinstance(secret, bytes) else secret.encode()
    label = f"jwt_refresh {algorithm} signing key".encode()
    return HKDF(SHA256(), HMAC_KEY_BYTES[algorithm], salt=None, info=label).derive(known)


class Keyring:
    """The keys in force; ``signing`` is the first, or ``None`` where that can only verify.

    Raises ``ValueError`` where two share a ``kid`` or there is none.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = tuple(keys)
        self._by_kid = {key.kid: key for key in self.keys}
        if not self.keys or len(self._by_kid) < len(self.keys):
            raise ValueError("A keyring needs keys, each with a kid of its own.")
        self.signing = self.keys[0] if self.keys[0].signing is not None else None

    def find(self, kid: str) -> Key | None:
        """Return the key that ``kid`` names, or ``None``."""
        return self._by_kid.get(kid)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK set (RFC 7517 section 5); no secret is ever in it."""
        return {"keys": [dict(key.jwk) for key in self.keys if key.jwk is not None]}
