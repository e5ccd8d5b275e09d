"""The proof that whoever sends a request holds a key (DPoP, RFC 9449). Nothing else reads one.

A proof is a JWT for one request, signed with the key whose public half stands in its header. It is
read as strictly as a token of ours. Its key is of P-256 or Ed25519, which every client can make and
whose signatures cost us least: with larger curves or RSA, strangers would choose how long we work.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from jwt_refresh.exceptions import NonceNeeded, ProofInvalid

from .encoding import decode, decode_object, encode
from .keys.keyring import Key
from .keys.pairs import key_pair
from .tokens import plain_text

MAX_LENGTH = 4096
"""Longest proof that is looked at, in characters."""
WINDOW = 60
"""How far ``iat`` may be from now, either way and beside the leeway, in seconds."""
ALGORITHMS = ("ES256", "EdDSA", "Ed25519")
"""The last two are one (RFC 9864)."""

_TYP = "dpop+jwt"
_MEMBERS = {"EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}}
"""All members that a key has, by its type: those of its thumbprint (RFC 7638, RFC 8037)."""
_PORTS = {"http": 80, "https": 443}
# The standard library drops tabs and newlines of a URI without a word, so none may be there.
_is_printable = re.compile(r"[!-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was checked, in all but the key and the token that it must name.

    ``jkt`` is the thumbprint of its key (RFC 7638); ``until`` the instant, in seconds since the
    epoch, from which on it is no longer accepted; ``by_nonce`` tells that a nonce of the server
    shows its age.
    """

    jkt: str
    jti: str
    until: float
    by_nonce: bool
    ath: str | None

    def names(self, encoded: str) -> bool:
        """Tell whether it was made for this access token (RFC 9449 section 4.3, step 12)."""
        digest = encode(hashlib.sha256(encoded.encode()).digest())
        return self.ath is not None and hmac.compare_digest(self.ath.encode(), digest)


def read(
    encoded: str,
    *,
    method: str,
    uri: str,
    leeway: float,
    end_of: Callable[[str], float | None],
) -> Proof:
    """Verify the proof of a request with this ``method`` and ``uri`` (RFC 9449 section 4.3).

    ``leeway`` is the clock skew allowed beside ``WINDOW``, in seconds. ``end_of`` is given a nonce,
    and returns the instant at which it ends, ``None`` for one that has ended or is not the
    server's. A nonce that is there decides on the age of the proof, and ``iat`` does not: the
    client's clock may be wrong.

    Raises ``ProofInvalid``; and ``NonceNeeded``, which is a way out, where the nonce has ended or
    the clock is wrong.
    """
    if len(encoded) > MAX_LENGTH:
        raise ProofInvalid("proof: too long")
    try:
        message, _, signature = encoded.encode("ascii").rpartition(b".")
        header, payload = message.split(b".")
        key = _key_of(decode_object(header))
        verified = key.verifies(message, decode(signature))
    except ValueError as error:
        raise ProofInvalid(f"proof: malformed, {type(error).__name__}") from None
    if not verified:
        raise ProofInvalid("proof: bad signature")
    try:
        content = decode_object(payload)
    except ValueError:
        raise ProofInvalid("proof: payload") from None
    _check_request(content, method, uri)
    until = _end_of(content, leeway, end_of)
    return Proof(key.kid, content["jti"], until, "nonce" in content, content.get("ath"))


def _key_of(header: Mapping[str, Any]) -> Key:
    # Exactly three members, as of a token of ours, and no more of a key than makes it public: that
    # refuses private and symmetric keys, and names of keys that are somewhere else.
    if header.keys() != {"alg", "jwk", "typ"} or header["typ"] != _TYP:
        raise ProofInvalid("proof: header members")
    algorithm, jwk = header["alg"], header["jwk"]
    if type(algorithm) is not str or algorithm not in ALGORITHMS:
        raise ProofInvalid("proof: algorithm")
    if type(jwk) is not dict or jwk.keys() != _MEMBERS.get(str(jwk.get("kty"))):
        raise ProofInvalid("proof: members of the key")
    key = key_pair(jwk, algorithm, private=False)
    if key.algorithm != algorithm:
        raise ProofInvalid("proof: not the algorithm of the key")
    return key


def _check_request(content: Mapping[str, Any], method: str, uri: str) -> None:
    """Raise ``ProofInvalid`` for claims of a wrong type, or of another request."""
    for name in ("jti", "ath", "nonce"):
        text = content.get(name, "" if name == "jti" else "absent")
        if type(text) is not str or not plain_text(text):
            raise ProofInvalid(f"proof: {name}")
    if content.get("htm") != method:
        raise ProofInvalid("proof: htm")
    try:
        # Of the request, too: its host is what the client says, and its port may be none.
        meant = normalized(content.get("htu")) == normalized(uri)
    except ValueError:
        raise ProofInvalid("proof: htu is no URI") from None
    if not meant:
        raise ProofInvalid("proof: htu")


def _end_of(
    content: Mapping[str, Any], leeway: float, end_of: Callable[[str], float | None]
) -> float:
    """Return the instant from which on the proof is too old. Raises as ``read`` does."""
    now, width = time.time(), WINDOW + leeway
    iat: Any = content.get("iat")
    times = iat, content.get("exp", 0), content.get("nbf", 0)
    if not all(type(instant) is int for instant in times):
        raise ProofInvalid("proof: a time is not a whole number")
    if content.get("exp", now + 1) <= now or content.get("nbf", 0) > now + leeway:
        raise ProofInvalid("proof: exp or nbf")
    if "nonce" in content:
        end = end_of(content["nonce"])
        if end is None:
            raise NonceNeeded("proof: the nonce is over, or none of ours")
        return end
    # Compared before it is counted with: a number of any size can be compared.
    if not now - width <= iat <= now + width:
        raise NonceNeeded("proof: iat is off")
    return float(iat + width)


def normalized(uri: object) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path of a URI in their normal form (RFC 3986 section 6.2).

    Escapes are compared by what they stand for, as the server's own routes do, to which ``%2F``
    is a slash. Raises ``ValueError`` for what is no URI of a resource without query and fragment.
    """
    if type(uri) is not str or not _is_printable(uri) or "?" in uri or "#" in uri:
        raise ValueError("not printable, or with a query or a fragment")
    parts = urlsplit(uri)
    host, default = parts.hostname, _PORTS.get(parts.scheme)
    if default is None or not host or "@" in parts.netloc:
        raise ValueError("no http or https, no host, or a user")
    port = default if parts.port is None else parts.port
    return parts.scheme, host, port, quote(unquote_to_bytes(parts.path or "/"))
