"""Encoded tokens as an attacker would build them: any header, any payload, any signature.

Nothing here is taken from the code under test, or from the library that it uses.
"""

from __future__ import annotations

import hmac
import json
import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from hypothesis import strategies as st

SECRET = b"one of the secrets that sign and verify"
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
NOW = 1_800_000_000
_BEGINNING = re.compile(r"eyJ[\w-]{13}", re.ASCII)
"""Of a segment: ``{"`` and ten bytes more."""


class _Absent:
    """Its name in the id of a test is the same in each process."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: object = _Absent()
"""As the value of a member: leave it out."""

# Lone surrogates too: JSON can write them, and they come back as they went.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def header(**members: Any) -> dict[str, Any]:
    """A good header, but for ``members``."""
    return _object({"alg": "HS256", "kid": "HS256", "typ": "sliding+jwt"} | members)


def claims(**members: Any) -> dict[str, Any]:
    """Good claims, but for ``members``."""
    good = {"sub": "7", "sid": "s-1", "jti": "j-1", "iat": NOW - 60, "exp": NOW + 60}
    return _object(good | members)


def segment(content: Any) -> str:
    """Base64url of bytes as they are, of text as UTF-8, of anything else as JSON."""
    if isinstance(content, str):
        content = content.encode()
    elif not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return urlsafe_b64encode(content).decode().rstrip("=")


def segments_in(text: str) -> list[str]:
    """How the segments of tokens in a text begin, whoever issued them: as JSON, in base64url.

    A random name may begin so as well, once in 238,328, and then does not go on as text does.
    """
    return [it for it in _BEGINNING.findall(text) if _printable(urlsafe_b64decode(it))]


def _printable(content: bytes) -> bool:
    return content.isascii() and content.decode().isprintable()


def respell(segment: str) -> str:
    """Another spelling of the same bytes: a bit is set in the unused end of the last character."""
    respelt = segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]
    assert urlsafe_b64decode(respelt + "==") == urlsafe_b64decode(segment + "==")
    return respelt


def sign(message: str, key: bytes = SECRET, digest: str = "sha256") -> str:
    """``message`` as it is, with its signature behind it."""
    return f"{message}.{segment(hmac.digest(key, message.encode(), digest))}"


def unsigned(header: Any, payload: Any) -> str:
    return f"{segment(header)}.{segment(payload)}"


def token(header: Any, payload: Any, key: bytes = SECRET, digest: str = "sha256") -> str:
    return sign(unsigned(header, payload), key, digest)


def text_of(content: dict[str, Any], *more: str) -> str:
    """The JSON of ``content`` with further members, which may repeat others or be no JSON."""
    return json.dumps(content)[:-1] + "".join(f", {member}" for member in more) + "}"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}
