"""What is asked of a user, whatever the project's user model is like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def is_active(user: Any) -> bool:
    return getattr(user, "is_active", True)


def subject_of(user: Any, field: str) -> str:
    """The claim ``sub`` of a user: its attribute ``field``, always as a string."""
    return str(getattr(user, field))


def auth_hash_of(user: Any) -> str:
    """Changes with the password of ``user``; empty for a user model that has no such hash."""
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes_of(user: Any) -> Iterator[str]:
    """The hash of today, and those under each retired ``SECRET_KEY``."""
    yield auth_hash_of(user)
    yield from getattr(user, "get_session_auth_fallback_hash", tuple)()
