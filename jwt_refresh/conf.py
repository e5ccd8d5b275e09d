"""The settings, read when asked, and the core objects that are built from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .core.keys.config import KeyConfig
from .core.keys.keyring import Keyring
from .core.rotation import Windows
from .core.tokens import Issuer, Verifier
from .exceptions import Unavailable

T = TypeVar("T")
Hook = str | Callable[..., Any]
"""A function of the project, or its dotted path."""
Text = str | Callable[[HttpRequest | None], str]
"""A text as it is, or a function that gives the text for a request."""
Keys = Sequence[str | Mapping[str, Any]] | Hook


class Setting(Generic[T]):
    """A key of the dict ``settings.JWT_REFRESH``; its annotation is the type that it must have."""

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type[object], name: str) -> None:
        self.name = name

    def __get__(self, conf: object, owner: type[object]) -> T:
        # In no variable, since an error report shows those.
        return getattr(settings, "JWT_REFRESH", {}).get(self.name, self.default)  # type: ignore[no-any-return]


class Conf:
    """The dict ``settings.JWT_REFRESH``, with its defaults. The README explains each key."""

    SECRET: Setting[str | Sequence[str | Mapping[str, Any] | None] | None] = Setting(None)
    ALGORITHM: Setting[str] = Setting("HS256")
    PRIVATE_KEYS: Setting[Keys] = Setting(())
    PUBLIC_KEYS: Setting[Keys] = Setting(())
    ISSUER: Setting[Text | None] = Setting(None)
    AUDIENCE: Setting[Text | None] = Setting(None)
    CLIENT_ID: Setting[str | None] = Setting(None)
    LEEWAY: Setting[timedelta] = Setting(timedelta(seconds=5))
    LIFETIME: Setting[timedelta] = Setting(timedelta(minutes=30))
    REFRESH_LIFETIME: Setting[timedelta | None] = Setting(None)
    SESSION_LIFETIME: Setting[timedelta | None] = Setting(timedelta(days=30))
    LOGIN_LIFETIMES: Setting[Hook | None] = Setting(None)
    REFRESH_GRACE: Setting[timedelta] = Setting(timedelta(seconds=30))
    RETRY_WINDOW: Setting[timedelta] = Setting(timedelta(days=1))
    ON_REUSE: Setting[Literal["session", "user"]] = Setting("session")
    MAX_SESSIONS: Setting[int | None] = Setting(None)
    AUTH_HEADER_TYPES: Setting[Sequence[str]] = Setting(("Bearer",))
    USER_ID_FIELD: Setting[str] = Setting("pk")
    CLAIMS: Setting[Hook | None] = Setting(None)
    LOGIN_RATE: Setting[str | None] = Setting("10/min")
    REFRESH_RATE: Setting[str | None] = Setting("60/min")
    RECORD_CLIENT: Setting[Literal["off", "truncated", "full"]] = Setting("truncated")
    DENYLIST_CACHE: Setting[str | None] = Setting(None)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The project's own secrets: the first in use, the others retired."""
        fallbacks: list[Any] = settings.SECRET_KEY_FALLBACKS
        return settings.SECRET_KEY, *fallbacks

    def windows(self) -> Windows:
        """Return the windows of a superseded token."""
        return Windows(grace=self.REFRESH_GRACE, retry=self.RETRY_WINDOW)

    def issuer(self, request: HttpRequest | None) -> Issuer:
        """Return an issuer for the tenant of ``request``.

        Raises ``ValueError`` where the keys only verify.
        """
        return Issuer(
            self.keyring(),
            issuer=text_for(self.ISSUER, request),
            audience=text_for(self.AUDIENCE, request),
            client_id=self.CLIENT_ID,
        )

    def verifier(self, request: HttpRequest | None) -> Verifier:
        """Return a verifier for the tenant of ``request``."""
        issuer, audience = text_for(self.ISSUER, request), text_for(self.AUDIENCE, request)
        return _verifier(self.keyring(), issuer, audience, self.LEEWAY)

    def keyring(self) -> Keyring:
        """Return the keys in force.

        Raises ``ValueError`` for keys that the checks refuse, and ``Unavailable`` where the
        project's own function does not give them.
        """
        secret = self.SECRET
        listed = secret is not None and not isinstance(secret, str)
        given: Any = secret if listed else (secret,)
        return _keyring(
            self.ALGORITHM,
            tuple(None if text is None else _as_text(text) for text in given),
            listed,
            self.secret_keys,
            _texts(self.PRIVATE_KEYS),
            _texts(self.PUBLIC_KEYS),
        )


conf = Conf()


def function_of(hook: Hook) -> Callable[..., Any]:
    """Return the function that a setting gives or names. Raises ``ImportError`` without one."""
    return import_string(hook) if isinstance(hook, str) else hook


def text_for(given: Text | None, request: HttpRequest | None) -> str | None:
    """Return ``ISSUER`` or ``AUDIENCE`` for a request: the text, or that of the project's function.

    Raises ``ImproperlyConfigured`` where the function returns no text.
    """
    if given is None or isinstance(given, str):
        return given
    text = given(request)
    if not isinstance(text, str) or not text:
        raise ImproperlyConfigured("The function of ISSUER or AUDIENCE must return a text.")
    return text


# Cached by value: keys are prepared once, and a changed setting is seen at once.
@lru_cache(maxsize=16)
def _keyring(
    algorithm: str,
    secrets: tuple[str | None, ...],
    listed: bool,
    secret_keys: tuple[str, ...],
    private_keys: tuple[str, ...],
    public_keys: tuple[str, ...],
) -> Keyring:
    return KeyConfig(algorithm, secrets, listed, secret_keys, private_keys, public_keys).build()


@lru_cache(maxsize=256)
def _verifier(
    keyring: Keyring, issuer: str | None, audience: str | None, leeway: timedelta
) -> Verifier:
    return Verifier(keyring, issuer=issuer, audience=audience, leeway=leeway.total_seconds())


def _texts(given: Keys) -> tuple[str, ...]:
    if isinstance(given, str) or callable(given):
        return _from_function(given)
    return tuple(map(_as_text, given))


def _as_text(key: Any) -> str:
    return json.dumps(key, sort_keys=True) if isinstance(key, Mapping) else str(key)


# Each process asks a vault once, and again after a change of the settings.
@lru_cache(maxsize=16)
def _from_function(hook: Hook) -> tuple[str, ...]:
    try:
        return tuple(map(_as_text, function_of(hook)()))
    except Exception as error:  # noqa: BLE001 - whatever a vault raises, it gave no keys
        # Its type alone: its text may hold anything.
        name = type(error).__name__
        raise Unavailable(f"the function of the keys raised {name}") from None


setting_changed.connect(lambda **_: _from_function.cache_clear(), weak=False)
