"""A good token of a ring of each kind, and what can be made of it with the key at hand.

Nothing here is taken from the code under test, or from the library that it uses.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from .forging import ABSENT, SECRET, segment, unsigned

ISSUER, AUDIENCE = "https://id.example.com", "shop"
COOKIE = "access-token"

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Sign = Callable[[bytes], bytes]


class Ring(NamedTuple):
    """Keys of a server: settings for it, and how it signs."""

    algorithm: str
    settings: dict[str, Any]
    sign: Sign
    siblings: dict[str, Sign]
    """Other algorithms with the same key, which it is not for."""
    public: dict[str, bytes]
    """The public key in every spelling: what an attacker would take for the secret of an HMAC."""


def pem(private: Any) -> str:
    text: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def raw_ecdsa(signature: bytes) -> bytes:
    """The two numbers side by side (RFC 7518 section 3.4), from DER."""
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))


def malleated(signature: bytes) -> bytes:
    """The other signature of the same message: (r, n - s) holds where (r, s) does."""
    s = P256_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def spellings(public: Any) -> dict[str, bytes]:
    text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": text,
        "PEM without its last newline": text.strip(),
        "PEM with CRLF": text.replace(b"\n", b"\r\n"),
        "DER": der,
        "base64 of DER": base64.b64encode(der),
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    }


def _ring(algorithm: str, private: Any, sign: Sign, siblings: dict[str, Sign]) -> Ring:
    settings = {"ALGORITHM": algorithm, "PRIVATE_KEYS": [pem(private)]}
    return Ring(algorithm, settings, sign, siblings, spellings(private.public_key()))


def _hmac(name: str) -> Sign:
    return lambda message: hmac.digest(SECRET, message, name)


def _rs256() -> Ring:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    siblings: dict[str, Sign] = {
        "PS256": lambda message: key.sign(message, pss, SHA256()),
        "RS384": lambda message: key.sign(message, padding.PKCS1v15(), SHA384()),
    }
    return _ring(
        "RS256", key, lambda message: key.sign(message, padding.PKCS1v15(), SHA256()), siblings
    )


def _es256() -> Ring:
    key = ec.generate_private_key(ec.SECP256R1())
    siblings: dict[str, Sign] = {
        "ES384": lambda message: raw_ecdsa(key.sign(message, ec.ECDSA(SHA384()))),
        "ES256K": lambda message: raw_ecdsa(key.sign(message, ec.ECDSA(SHA256()))),
    }
    return _ring(
        "ES256", key, lambda message: raw_ecdsa(key.sign(message, ec.ECDSA(SHA256()))), siblings
    )


def _eddsa() -> Ring:
    key = ed25519.Ed25519PrivateKey.generate()
    return _ring("EdDSA", key, key.sign, {"Ed448": key.sign, "ed25519": key.sign})


def _hs256() -> Ring:
    siblings = {"HS384": _hmac("sha384"), "HS512": _hmac("sha512")}
    return Ring("HS256", {"SECRET": SECRET.decode()}, _hmac("sha256"), siblings, {})


_RINGS = {"HS256": _hs256, "RS256": _rs256, "ES256": _es256, "EdDSA": _eddsa}
ALGORITHMS = tuple(_RINGS)


@cache
def ring_of(algorithm: str) -> Ring:
    """The same keys all along: to make one for RSA takes its time."""
    return _RINGS[algorithm]()


@dataclass(frozen=True)
class Honest:
    """A good token, and whatever an attacker or the owner of the key can make of it."""

    encoded: str
    ring: Ring

    @property
    def parts(self) -> list[str]:
        return self.encoded.split(".")

    @property
    def header(self) -> dict[str, Any]:
        return _read(self.parts[0])

    @property
    def claims(self) -> dict[str, Any]:
        return _read(self.parts[1])

    @property
    def message(self) -> str:
        return self.encoded.rpartition(".")[0]

    @property
    def signature(self) -> bytes:
        return base64.urlsafe_b64decode(self.parts[2] + "==")

    def resigned(self, signature: bytes) -> str:
        return f"{self.message}.{segment(signature)}"

    def sign(self, message: str, how: Sign | None = None) -> str:
        return f"{message}.{segment((how or self.ring.sign)(message.encode()))}"

    def signed(self, header: Any = None, payload: Any = None, how: Sign | None = None) -> str:
        """The header and the payload as they are given, with a good signature."""
        header = self.header if header is None else header
        return self.sign(unsigned(header, self.claims if payload is None else payload), how)

    def with_header(self, *, how: Sign | None = None, **members: Any) -> str:
        return self.signed(header=but(self.header, members), how=how)

    def with_claims(self, **members: Any) -> str:
        return self.signed(payload=but(self.claims, members))


def _read(part: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return read


def but(content: dict[str, Any], members: dict[str, Any]) -> dict[str, Any]:
    changed = content | members
    return {name: value for name, value in changed.items() if value is not ABSENT}


def settings_of(ring: Ring) -> dict[str, Any]:
    """In sliding style, with all that a token must match, a cookie, and a denylist."""
    return ring.settings | {
        "ISSUER": ISSUER,
        "AUDIENCE": AUDIENCE,
        "ACCESS_COOKIE": COOKIE,
        "DENYLIST_CACHE": "default",
    }
