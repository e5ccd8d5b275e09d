"""The questions to a user, for any user model of a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def set_user(request: Any, user: Any) -> None:
    """Make ``user`` the one of a request, for code that asks ``await request.auser()`` as well.

    That would else name the owner of the session cookie.
    """

    async def auser() -> Any:
        return user

    request.user, request.auser = user, auser


def is_active(user: Any) -> bool:
    return getattr(user, "is_active", True)


def subject_of(user: Any, field: str) -> str:
    """Return the claim ``sub`` of a user: its attribute ``field`` as text; empty for ``None``."""
    value = getattr(user, field)
    return "" if value is None else str(value)


def auth_hash_of(user: Any) -> str:
    """Return a hash that changes with the password; empty for a user model that has none."""
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes_of(user: Any) -> Iterator[str]:
    """Yield the hash of today, and those under each retired ``SECRET_KEY``."""
    yield auth_hash_of(user)
    yield from getattr(user, "get_session_auth_fallback_hash", tuple)()
