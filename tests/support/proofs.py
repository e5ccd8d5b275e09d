"""Proofs of a key (DPoP, RFC 9449), as a client makes them and as an attacker would.

Nothing here is taken from the code under test, or from the library that it uses.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .devices import Device
from .forging import ABSENT, segment

SITE = "http://testserver"
CURVES: dict[str, tuple[str, int, Any, Any]] = {
    "ES256": ("P-256", 32, ec.SECP256R1(), SHA256()),
    "ES384": ("P-384", 48, ec.SECP384R1(), SHA384()),
    "ES512": ("P-521", 66, ec.SECP521R1(), SHA512()),
}


def digest_of(text: str) -> str:
    """Of an access token, the claim ``ath``; of the members of a key, its thumbprint."""
    return segment(hashlib.sha256(text.encode()).digest())


class ProofKey:
    """The key of a client, which signs proofs: ``key.proof("POST", "/auth/refresh/")``."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.algorithm = algorithm
        self.jwk: dict[str, Any]
        self.sign: Callable[[bytes], bytes]
        if algorithm in CURVES:
            self._make_ec(*CURVES[algorithm])
        else:
            private = ed25519.Ed25519PrivateKey.generate()
            public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": segment(public)}
            self.sign = private.sign

    def _make_ec(self, curve: str, size: int, kind: Any, digest: Any) -> None:
        private = ec.generate_private_key(kind)
        numbers = private.public_key().public_numbers()
        x, y = (segment(it.to_bytes(size, "big")) for it in (numbers.x, numbers.y))
        self.jwk = {"crv": curve, "kty": "EC", "x": x, "y": y}

        def sign(message: bytes) -> bytes:
            r, s = decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")

        self.sign = sign

    @property
    def jkt(self) -> str:
        """The thumbprint of RFC 7638: members in order, no white space."""
        return digest_of(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")))

    def proof(
        self,
        method: str,
        where: str,
        *,
        token: str = "",
        header: Any = None,
        sign: Callable[[bytes], bytes] | None = None,
        **claims: Any,
    ) -> str:
        """A good proof for a request and a token, but for members of the header and ``claims``."""
        members = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk} | (header or {})
        content = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": where if "://" in where else SITE + where,
            "iat": int(time.time()),
            "ath": digest_of(token) if token else ABSENT,
        } | claims
        parts = [{k: v for k, v in it.items() if v is not ABSENT} for it in (members, content)]
        return self.signed(*parts, sign=sign)

    def signed(
        self, header: Any, payload: Any, *, sign: Callable[[bytes], bytes] | None = None
    ) -> str:
        """Header and payload, whatever they are, with a signature of this key behind them."""
        message = f"{segment(header)}.{segment(payload)}"
        return f"{message}.{segment((sign or self.sign)(message.encode()))}"


class BoundDevice(Device):
    """A device that sends a proof with each request, and asks again with a nonce if it must."""

    def __init__(self, user: Any, algorithm: str = "ES256") -> None:
        super().__init__(user)
        self.key = ProofKey(algorithm)

    def get(self, path: str = "/me/", token: str | None = "", **headers: str) -> Any:
        return self._prove("GET", path, super().get, token, headers)

    def post(self, path: str, data: Any = None, token: str | None = "", **headers: str) -> Any:
        def send(path: str, token: str | None, **headers: str) -> Any:
            return super(BoundDevice, self).post(path, data, token, **headers)

        return self._prove("POST", path, send, token, headers)

    def _prove(
        self, method: str, path: str, send: Any, token: str | None, headers: dict[str, str]
    ) -> Any:
        named = (token or self.token) if self.scheme == "DPoP" and token is not None else ""
        proof = {"DPoP": self.key.proof(method, path, token=named)} | headers
        response = send(path, token, **proof)
        if "DPoP" not in headers and "DPoP-Nonce" in response:
            nonce = response["DPoP-Nonce"]
            proof = {"DPoP": self.key.proof(method, path, token=named, nonce=nonce)} | headers
            response = send(path, token, **proof)
        return response
