"""The conversion of claims into encoded tokens and back. Nothing else makes or reads a token.

PyJWT does the cryptography. The parsing is ours, because PyJWT takes what RFC 8725 and its
successor refuse (padding, other text encodings, repeated members, times as strings) and
costs several times as much. Whatever is accepted here, ``jwt.decode`` accepts as well.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jwt_refresh.exceptions import TokenExpired, TokenInvalid

from .claims import Claims, Kind
from .encoding import decode, decode_object, encode, encode_object, is_digest
from .keys.keyring import Key, Keyring

MAX_LENGTH = 8192
"""Longest token that is looked at, in characters."""
MAX_LIFETIME = 400 * 24 * 60 * 60
"""Longest ``exp - iat`` of a token, in seconds."""
HEADER_MEMO = 64
"""Most headers that a verifier remembers."""

# Control characters and lone surrogates make databases and terminals misbehave.
plain_text = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}").fullmatch


class TooLong(ValueError):
    """A token would be longer than any verifier takes."""


class Issuer:
    """A maker of encoded tokens from claims.

    ``issuer``, ``audience`` and ``client_id`` are written as ``iss``, ``aud`` and ``client_id``
    where they are set. Raises ``ValueError`` for a ring that can only verify.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        client_id: str | None = None,
    ) -> None:
        if keyring.signing is None:
            raise ValueError("These keys verify tokens; none of them can sign one.")
        self._key = keyring.signing
        constant = {"iss": issuer, "aud": audience, "client_id": client_id}
        self._constant = {name: text for name, text in constant.items() if text is not None}

    def issue(self, kind: Kind, /, **claims: Any) -> str:
        """Encode a token of ``kind``. Raises ``ValueError`` for one that no verifier would take."""
        content = self._constant | claims
        for problem in _problems(content, kind):
            raise ValueError(f"Such a token would be refused: {problem}.")
        header = {"alg": self._key.algorithm, "kid": self._key.kid, "typ": kind.value}
        message = encode_object(header) + b"." + encode_object(content)
        encoded = (message + b"." + encode(self._key.sign(message))).decode()
        if len(encoded) > MAX_LENGTH:
            raise TooLong(f"Such a token would be refused: longer than {MAX_LENGTH} characters.")
        return encoded


class Verifier:
    """A reader of encoded tokens: ``Claims``, or ``TokenInvalid`` or ``TokenExpired``.

    ``leeway`` is the clock skew allowed on ``iat`` and ``nbf``, in seconds; ``exp`` has none.
    ``issuer`` and ``audience`` are compared whole, and a token must not carry one that is
    not set here.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        leeway: float = 0,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        self._keyring = keyring
        self._leeway = leeway
        self._issuer = issuer
        self._audience = audience
        self._headers: dict[bytes, tuple[Key, Kind]] = {}

    def authenticating(self, encoded: str) -> Claims:
        """Verify a token that authenticates a request, before its end."""
        claims = self.ours(encoded)
        if not claims.kind.authenticates:
            raise TokenInvalid(f"{claims.kind.value} authenticates no request")
        return _in_time(claims)

    def current(self, encoded: str) -> Claims:
        """Verify a token of any kind, before its end."""
        return _in_time(self.ours(encoded))

    def refreshable(self, encoded: str) -> Claims:
        """Verify a token that can be refreshed; ``expired`` tells that it is past its end."""
        claims = self.ours(encoded)
        if not claims.kind.refreshes:
            raise TokenInvalid(f"{claims.kind.value} cannot be refreshed")
        return claims

    def ours(self, encoded: str) -> Claims:
        """Verify a token of any kind; ``expired`` tells that it is past its end."""
        if type(encoded) is not str or len(encoded) > MAX_LENGTH:
            raise TokenInvalid("not text, or too long")
        try:
            message, _, signature = encoded.encode("ascii").rpartition(b".")
            header, payload = message.split(b".")
            key, kind = self._headers.get(header) or self._read_header(header)
            verified = key.verifies(message, decode(signature))
        except ValueError as error:
            raise TokenInvalid(f"malformed: {type(error).__name__}") from None
        if not verified:
            raise TokenInvalid("bad signature")
        # Only a header that signed something is remembered, so that nobody else fills the memo.
        if len(self._headers) < HEADER_MEMO:
            self._headers[header] = key, kind
        return self._read_payload(payload, kind)

    def _read_header(self, segment: bytes) -> tuple[Key, Kind]:
        # Exactly three members: that refuses crit, b64, zip, jku, jwk, x5u and x5c, which name
        # extensions we lack or keys that an attacker picked (RFC 7515 section 4.1).
        header = decode_object(segment)
        if header.keys() != {"alg", "kid", "typ"}:
            raise TokenInvalid("header members")
        if not all(type(text) is str for text in header.values()):
            raise TokenInvalid("header types")
        key = self._keyring.find(header["kid"])
        if key is None or header["alg"] not in (key.algorithm, key.other_name):
            raise TokenInvalid("no such key, or not of that algorithm")
        return key, Kind(header["typ"].lower().removeprefix("application/"))

    def _read_payload(self, segment: bytes, kind: Kind) -> Claims:
        try:
            content = decode_object(segment)
        except ValueError:
            raise TokenInvalid("payload") from None
        for problem in _problems(content, kind):
            raise TokenInvalid(problem)
        if content.get("iss") != self._issuer or content.get("aud") != self._audience:
            raise TokenInvalid("issuer or audience")
        now = time.time()
        if max(content["iat"], content.get("nbf", 0)) > now + self._leeway:
            raise TokenInvalid("from the future")
        return Claims(kind, MappingProxyType(content), expired=now >= content["exp"])


def _in_time(claims: Claims) -> Claims:
    if claims.expired:
        raise TokenExpired("past exp")
    return claims


def _problems(content: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    """Name each fault in the claims of a token of ``kind`` that does not depend on the time."""
    for name in ("sub", "sid", "jti", *(["origin_jti"] if kind is Kind.ACCESS else [])):
        text = content.get(name)
        if type(text) is not str or not plain_text(text):
            yield name
    for name in ("iss", "aud", "client_id"):
        if name in content and type(content[name]) is not str:
            yield name
    # bool is an int to isinstance, and PyJWT takes numbers in strings: hence the exact type.
    iat, exp, nbf = content.get("iat"), content.get("exp"), content.get("nbf", 0)
    auth_time = content.get("auth_time", 0)
    if type(iat) is not int or type(exp) is not int or not type(nbf) is type(auth_time) is int:
        yield "a time is not a whole number"
    elif not 0 <= auth_time <= iat < exp or nbf < 0:
        yield "times out of order"
    elif exp - iat > MAX_LIFETIME:
        yield "lives too long"
    if "cnf" in content and not (kind.authenticates and _is_thumbprint(content["cnf"])):
        yield "cnf"


def _is_thumbprint(cnf: object) -> bool:
    """Tell whether ``cnf`` binds a token to a key in the one way that is known here.

    By the thumbprint of RFC 9449 section 6.1 alone: a token bound in another way (RFC 7800) must
    not be worth something to whoever merely bears it.
    """
    if type(cnf) is not dict or cnf.keys() != {"jkt"} or type(cnf["jkt"]) is not str:
        return False
    return is_digest(cnf["jkt"]) is not None
