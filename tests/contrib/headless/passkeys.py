"""A passkey: what a browser and its authenticator do of WebAuthn (level 2, section 6.3)."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

FLAG = AuthenticatorData.FLAG
SEEN = FLAG.UP | FLAG.UV
"""Somebody was there, and was recognised."""


class Passkey:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = b"a passkey of the tests"
        self._user = ""

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.create()``."""
        asked = options["publicKey"]
        self._user = asked["user"]["id"]
        kind: Any = ES256
        public = kind.from_cryptography_key(self._key.public_key())
        credential = AttestedCredentialData.create(b"\0" * 16, self._id, public)
        data = AuthenticatorData.create(
            self._hash(asked["rp"]["id"]), SEEN | FLAG.AT, 0, credential
        )
        return self._answer(
            {
                "clientDataJSON": self._client("webauthn.create", asked, self._origin),
                "attestationObject": AttestationObject.create("none", data, {}),
            },
            {"credProps": {"rk": True}},
        )

    def log_in(self, options: dict[str, Any], origin: str = "") -> dict[str, Any]:
        """Answer ``navigator.credentials.get()``, on a page of ``origin``."""
        asked = options["publicKey"]
        data = AuthenticatorData.create(self._hash(asked["rpId"]), SEEN, 1)
        client = self._client("webauthn.get", asked, origin or self._origin)
        signed = data + hashlib.sha256(client).digest()
        return self._answer(
            {
                "clientDataJSON": client,
                "authenticatorData": data,
                "signature": self._key.sign(signed, ec.ECDSA(SHA256())),
                "userHandle": websafe_decode(self._user),
            },
            {},
        )

    def _hash(self, rp_id: str) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest()

    def _client(self, kind: str, asked: dict[str, Any], origin: str) -> bytes:
        return CollectedClientData.create(kind, asked["challenge"], origin)

    def _answer(self, response: dict[str, bytes], extensions: dict[str, Any]) -> dict[str, Any]:
        name = websafe_encode(self._id)
        return {
            "type": "public-key",
            "id": name,
            "rawId": name,
            "response": {it: websafe_encode(value) for it, value in response.items()},
            "clientExtensionResults": extensions,
        }
