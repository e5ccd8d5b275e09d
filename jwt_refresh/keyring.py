"""Keys: the first signs, all verify, each bound to one algorithm and found by its ``kid``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
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
    """One entry of the ring: a name, one algorithm, and key material that is never shown."""

    kid: str
    algorithm: str
    crypto: Algorithm = field(repr=False)
    signing: object = field(repr=False)
    verifying: tuple[object, ...] = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        return self.crypto.sign(message, self.signing)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return any(self.crypto.verify(message, key, signature) for key in self.verifying)


def hmac_key(secrets: Sequence[bytes], algorithm: str) -> Key:
    """The key made of ``secrets``: the first signs, all verify.

    All of them share one ``kid``, the name of the algorithm: a name of their own would have
    to be computed from the secret (RFC 7638 section 7 warns of that) or be lost at the next
    start. Trying a retired secret costs less than two microseconds.

    Raises ``ValueError`` for a secret shorter than the output of the hash, and
    ``jwt.InvalidKeyError`` for one that is a public key in disguise.
    """
    if any(len(secret) < HMAC_KEY_BYTES[algorithm] for secret in secrets):
        raise ValueError(f"An {algorithm} secret needs {HMAC_KEY_BYTES[algorithm]} bytes or more.")
    crypto = HMAC_ALGORITHMS[algorithm]
    prepared = tuple(crypto.prepare_key(secret) for secret in secrets)
    return Key(algorithm, algorithm, crypto, prepared[0], prepared)


def derive(secret: str, algorithm: str) -> bytes:
    """A key for ``algorithm`` alone, derived from ``secret`` with HKDF (RFC 5869)."""
    label = f"jwt_refresh {algorithm} signing key".encode()
    return HKDF(SHA256(), HMAC_KEY_BYTES[algorithm], salt=None, info=label).derive(secret.encode())


class Keyring:
    """The keys in force. Raises ``ValueError`` where two share a ``kid`` or there is none."""

    def __init__(self, keys: Iterable[Key]) -> None:
        keys = tuple(keys)
        self._by_kid = {key.kid: key for key in keys}
        if not keys or len(self._by_kid) < len(keys):
            raise ValueError("A keyring needs keys, each with a kid of its own.")
        self.signing = keys[0]

    def find(self, kid: str) -> Key | None:
        """The key that ``kid`` names, or ``None``."""
        return self._by_kid.get(kid)
