"""The settings, read when asked, and the core objects that are built from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from django.conf import settings

from .keyring import Keyring, derive, hmac_key
from .rotation import Windows
from .tokens import Issuer, Verifier

T = TypeVar("T")


class Setting(Generic[T]):
    """One key of the dict ``settings.JWT_REFRESH``; its annotation is the type it must have."""

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type[object], name: str) -> None:
        self.name = name

    def __get__(self, conf: object, owner: type[object]) -> T:
        given: dict[str, Any] = getattr(settings, "JWT_REFRESH", {})
        value: T = given.get(self.name, self.default)
        return value


class Conf:
    """``settings.JWT_REFRESH`` with the defaults filled in. The README says what each means."""

    SECRET: Setting[str | Sequence[str] | None] = Setting(None)
    ALGORITHM: Setting[str] = Setting("HS256")
    ISSUER: Setting[str | None] = Setting(None)
    AUDIENCE: Setting[str | None] = Setting(None)
    LEEWAY: Setting[timedelta] = Setting(timedelta(seconds=5))
    LIFETIME: Setting[timedelta] = Setting(timedelta(minutes=30))
    REFRESH_LIFETIME: Setting[timedelta | None] = Setting(None)
    SESSION_LIFETIME: Setting[timedelta | None] = Setting(timedelta(days=30))
    LIFETIMES: Setting[str | None] = Setting(None)
    REFRESH_GRACE: Setting[timedelta] = Setting(timedelta(seconds=30))
    RETRY_WINDOW: Setting[timedelta] = Setting(timedelta(days=1))
    ON_REUSE: Setting[Literal["session", "user"]] = Setting("session")
    MAX_SESSIONS: Setting[int | None] = Setting(None)
    AUTH_HEADER_TYPES: Setting[Sequence[str]] = Setting(("Bearer",))
    USER_ID_FIELD: Setting[str] = Setting("pk")
    RECORD_CLIENT: Setting[Literal["off", "truncated", "full"]] = Setting("truncated")

    def windows(self) -> Windows:
        return Windows(grace=self.REFRESH_GRACE, retry=self.RETRY_WINDOW)

    def issuer(self) -> Issuer:
        return Issuer(self.keyring(), issuer=self.ISSUER, audience=self.AUDIENCE)

    def verifier(self) -> Verifier:
        return _verifier(self.keyring(), self.ISSUER, self.AUDIENCE, self.LEEWAY)

    def keyring(self) -> Keyring:
        """The keys in force. Raises ``ValueError`` for a secret that the checks refuse."""
        if self.SECRET is None:
            derived = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
            return _derived_keyring(derived, self.ALGORITHM)
        given = (self.SECRET,) if isinstance(self.SECRET, str) else tuple(self.SECRET)
        return _given_keyring(given, self.ALGORITHM)


conf = Conf()


# Remembered by what went in: keys are prepared once, and a changed setting is seen at once.
@lru_cache(maxsize=16)
def _derived_keyring(secrets: tuple[str, ...], algorithm: str) -> Keyring:
    return Keyring([hmac_key([derive(secret, algorithm) for secret in secrets], algorithm)])


@lru_cache(maxsize=16)
def _given_keyring(secrets: tuple[str, ...], algorithm: str) -> Keyring:
    return Keyring([hmac_key([secret.encode() for secret in secrets], algorithm)])


@lru_cache(maxsize=16)
def _verifier(
    keyring: Keyring, issuer: str | None, audience: str | None, leeway: timedelta
) -> Verifier:
    return Verifier(keyring, issuer=issuer, audience=audience, leeway=leeway.total_seconds())
