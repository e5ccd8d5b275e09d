"""What the answers of the endpoints say, and the lengths of time that pass between requests."""

from __future__ import annotations

from typing import Any

import jwt

MINUTE = 60
DAY = 24 * 60 * MINUTE


def claims(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    return jwt.decode(token, options={"verify_signature": False})


def said(response: Any) -> tuple[int, str, str]:
    """The status of an error, its word for programs, and its sentence for people."""
    return response.status_code, response.json()["code"], response.json()["detail"]
