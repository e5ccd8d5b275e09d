"""Strict base64url and JSON: every text has one spelling, or is refused with ``ValueError``."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, NoReturn

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Characters that only standard base64 has become one that neither alphabet has.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"===", b"==", b"=")
# Two characters carry one byte and four bits over, three carry two bytes and two bits over.
_LAST = (_ALPHABET, b"", _ALPHABET[::16], _ALPHABET[::4])


def encode(data: bytes) -> bytes:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")


def decode(segment: bytes) -> bytes:
    """Decode a segment in its one canonical spelling.

    That refuses padding, foreign characters, and bits set in the unused end of the last
    character, all of which the standard library lets pass.
    """
    rest = len(segment) % 4
    data = a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)
    if segment[-1:] not in _LAST[rest]:
        raise ValueError("not canonical base64url")
    return data


is_digest = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch
"""The one spelling of 32 bytes, such as a SHA-256 thumbprint (RFC 7638)."""


def encode_object(content: Mapping[str, Any]) -> bytes:
    """Encode a JSON object as a segment."""
    return encode(json.dumps(content, separators=(",", ":"), allow_nan=False).encode())


def decode_object(segment: bytes) -> dict[str, Any]:
    """Decode the JSON object of a segment: UTF-8, no member twice, no ``NaN`` or ``Infinity``."""
    try:
        content = strict_json.decode(decode(segment).decode())
    except RecursionError:
        raise ValueError("nested too deep") from None
    if type(content) is not dict:
        raise ValueError("not a JSON object")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


strict_json = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
