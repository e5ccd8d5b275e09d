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

from .core.keys.config import KeyConfig, KeyConfigError
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
MAX_TEXT = 255
"""Longest ``ISSUER``, ``AUDIENCE`` or ``CLIENT_ID``, in bytes of UTF-8."""


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
    """The dict ``settings.JWT_REFRESH``, with its defaults.

    The text below each key is its entry in ``docs/settings.md``, written there by
    ``docs/reference.py``.
    """

    SECRET: Setting[str | Sequence[str | Mapping[str, Any] | None] | None] = Setting(None)
    """The HMAC secret, or a list of secrets: the first signs, all verify. ``None``: keys are
    derived (HKDF) from ``SECRET_KEY``, and from each of ``SECRET_KEY_FALLBACKS`` for verifying.
    A secret in a list is text, a JWK that names its ``alg``, or ``None`` for the derived one."""

    ALGORITHM: Setting[str] = Setting("HS256")
    """The algorithm that signs: HS, RS, PS or ES with 256, 384 or 512, ``EdDSA``, or
    ``Ed25519``, its newer name (RFC 9864)."""

    PRIVATE_KEYS: Setting[Keys] = Setting(())
    """Key pairs that sign, each as PEM or JWK, or a function that returns them, or its dotted
    path. The first signs, all verify."""

    PUBLIC_KEYS: Setting[Keys] = Setting(())
    """Further keys that only verify, given in the same way."""

    ISSUER: Setting[Text | None] = Setting(None)
    """The claim ``iss``: written into every token and required on every token, compared whole. A
    string is the text itself; a function is ``f(request) -> str``, and given ``None`` where
    there is no request. ``None``: no such claim."""

    AUDIENCE: Setting[Text | None] = Setting(None)
    """The claim ``aud``, in the same way."""

    CLIENT_ID: Setting[str | None] = Setting(None)
    """The claim ``client_id``, written into every token. ``None``: no such claim."""

    LEEWAY: Setting[timedelta] = Setting(timedelta(seconds=5))
    """The clock skew that is allowed on ``iat`` and ``nbf``, 5 minutes at most. On ``exp``
    no skew is allowed."""

    LIFETIME: Setting[timedelta] = Setting(timedelta(minutes=30))
    """How long a JWT authenticates."""

    REFRESH_LIFETIME: Setting[timedelta | None] = Setting(None)
    """Set: logins get a pair of tokens, and this is how long a refresh token lives, and so how
    long a session may lie idle. ``None``: sliding style, one token."""

    SESSION_LIFETIME: Setting[timedelta | None] = Setting(timedelta(days=30))
    """The absolute end of a session, however often it is refreshed. ``None``: no end."""

    LOGIN_LIFETIMES: Setting[Hook | None] = Setting(None)
    """``f(user, request) -> Lifetimes``, or its dotted path: other lifetimes for one login.
    ``request.data`` is there for JSON and forms alike."""

    DPOP: Setting[Literal["off", "refresh", "all", "required"]] = Setting("off")
    """Whether a login that comes with a proof of a key (DPoP, RFC 9449) is bound to it. ``"off"``:
    proofs are not looked at; ``"refresh"``: the refresh needs the key; ``"all"``: requests, too;
    ``"required"``: as ``"all"``, and there is no other login."""

    REFRESH_GRACE: Setting[timedelta] = Setting(timedelta(seconds=30))
    """How long a superseded token yields the same successor."""

    RETRY_WINDOW: Setting[timedelta] = Setting(timedelta(days=1))
    """How long a lost answer can be asked for again."""

    ON_REUSE: Setting[Literal["session", "user"]] = Setting("session")
    """What a reuse revokes. ``"user"``: all sessions of the user, which lets whoever holds one
    old, unexpired token log the user out everywhere."""

    MAX_SESSIONS: Setting[int | None] = Setting(None)
    """Most live sessions of a user; the one refreshed least recently makes room. ``None``: about
    1,000, which costs a login one statement, where an exact number costs two."""

    AUTH_HEADER_NAME: Setting[str] = Setting("Authorization")
    """The header that carries the token, for servers whose ``Authorization`` belongs to somebody
    else."""

    AUTH_HEADER_TYPES: Setting[Sequence[str]] = Setting(("Bearer",))
    """Accepted schemes, compared without regard to case. ``""`` accepts the bare token as the
    header's value."""

    ACCESS_COOKIE: Setting[str | None] = Setting(None)
    """The name of a cookie. Set: the token that authenticates travels in it, ``HttpOnly``, and
    not in the body."""

    REFRESH_COOKIE: Setting[str | None] = Setting(None)
    """The same for the refresh token of pair style."""

    COOKIE_SECURE: Setting[bool] = Setting(True)
    """The attribute ``Secure``: over TLS alone, and to localhost."""

    COOKIE_SAMESITE: Setting[Literal["Lax", "Strict", "None"]] = Setting("Lax")
    """The attribute ``SameSite``. The refresh cookie is ``Strict`` unless this is ``"None"``."""

    COOKIE_DOMAIN: Setting[str | None] = Setting(None)
    """The attribute ``Domain``: whom else the browser sends the cookies to. ``None``: nobody but
    the host that answers."""

    COOKIE_PATH: Setting[str] = Setting("/")
    """The attribute ``Path``: for which paths the browser sends the cookies."""

    USER_ID_FIELD: Setting[str] = Setting("pk")
    """The field or property of the user that becomes ``sub``; unique, and one that never
    changes."""

    CLAIMS: Setting[Hook | None] = Setting(None)
    """``f(user, session) -> dict``, or its dotted path: more claims for the JWT that
    authenticates."""

    LOGIN_RATE: Setting[str | None] = Setting("10/min")
    """Most failed logins of one address, and to one account. ``None``: any number."""

    REFRESH_RATE: Setting[str | None] = Setting("60/min")
    """Most refreshes, and most verifications, of one session. ``None``: any number."""

    RECORD_CLIENT: Setting[Literal["off", "truncated", "full"]] = Setting("truncated")
    """What a session notes of its client. ``"off"``: nothing; ``"truncated"``: the user agent, and
    the address truncated (IPv4 /24, IPv6 /48); ``"full"``: both in full."""

    DENYLIST_CACHE: Setting[str | None] = Setting(None)
    """The alias of the cache in which revoked sessions are told to services that ask no
    database."""

    @property
    def secret_keys(self) -> tuple[str | bytes, ...]:
        """The project's own secrets: the first in use, the others retired; text or bytes each."""
        fallbacks: list[Any] = settings.SECRET_KEY_FALLBACKS
        return settings.SECRET_KEY, *fallbacks

    @property
    def uses_cookies(self) -> bool:
        """Tell whether any token travels in a cookie."""
        return bool(self.ACCESS_COOKIE or self.REFRESH_COOKIE)

    @property
    def binds_access(self) -> bool:
        """Tell whether the access tokens of bound sessions are bound as well."""
        return self.DPOP in ("all", "required")

    def windows(self) -> Windows:
        """Return the windows of a superseded token."""
        return Windows(grace=self.REFRESH_GRACE, retry=self.RETRY_WINDOW)

    def issuer(self, request: HttpRequest | None) -> Issuer:
        """Return an issuer for the tenant of ``request``.

        Raises ``ValueError`` where the keys only verify.
        """
        return Issuer(
            self.keyring(),
            issuer=_text_for("ISSUER", self.ISSUER, request),
            audience=_text_for("AUDIENCE", self.AUDIENCE, request),
            client_id=self.CLIENT_ID,
        )

    def verifier(self, request: HttpRequest | None) -> Verifier:
        """Return a verifier for the tenant of ``request``."""
        issuer = _text_for("ISSUER", self.ISSUER, request)
        audience = _text_for("AUDIENCE", self.AUDIENCE, request)
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
            tuple(None if text is None else _as_text("SECRET", text) for text in given),
            listed,
            self.secret_keys,
            _texts("PRIVATE_KEYS", self.PRIVATE_KEYS),
            _texts("PUBLIC_KEYS", self.PUBLIC_KEYS),
        )


conf = Conf()


def function_of(hook: Hook) -> Callable[..., Any]:
    """Return the function that a setting gives or names. Raises ``ImportError`` without one."""
    return import_string(hook) if isinstance(hook, str) else hook


def is_name(text: object) -> bool:
    """Tell whether ``text`` can be an issuer, an audience or a client: short and printable."""
    if not isinstance(text, str) or not text.isprintable() or text != text.strip():
        return False
    return 0 < len(text.encode()) <= MAX_TEXT


def _text_for(name: str, given: Text | None, request: HttpRequest | None) -> str | None:
    """Return the setting ``name`` for a request: the text, or that of the project's function.

    Raises ``ImproperlyConfigured`` where the function returns no text that serves, and where it
    fails for ``None``, which stands for no request. Any other error of the function passes.
    """
    if given is None or isinstance(given, str):
        return given
    try:
        text = given(request)
    except Exception as error:
        if request is not None:
            raise
        kind = type(error).__name__
        raise ImproperlyConfigured(
            f"The function of JWT_REFRESH[{name!r}] raised {kind} for None, which it is given where"
            " there is no request: return a text then, or give sessions.start() and"
            " sessions.refresh() a request."
        ) from error
    if not is_name(text):
        raise ImproperlyConfigured(
            f"The function of JWT_REFRESH[{name!r}] must return a text: printable, and at most"
            f" {MAX_TEXT} bytes long."
        )
    return text


# Cached by value: keys are prepared once, and a changed setting is seen at once.
@lru_cache(maxsize=16)
def _keyring(
    algorithm: str,
    secrets: tuple[str | None, ...],
    listed: bool,
    secret_keys: tuple[str | bytes, ...],
    private_keys: tuple[str, ...],
    public_keys: tuple[str, ...],
) -> Keyring:
    return KeyConfig(algorithm, secrets, listed, secret_keys, private_keys, public_keys).build()


@lru_cache(maxsize=256)
def _verifier(
    keyring: Keyring, issuer: str | None, audience: str | None, leeway: timedelta
) -> Verifier:
    return Verifier(keyring, issuer=issuer, audience=audience, leeway=leeway.total_seconds())


def _texts(name: str, given: Keys) -> tuple[str, ...]:
    if isinstance(given, str) or callable(given):
        return _from_function(name, given)
    return tuple([_as_text(name, key) for key in given])


def _as_text(name: str, key: Any) -> str:
    if not isinstance(key, Mapping):
        return str(key)
    try:
        return json.dumps(key, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        mend = "Each member is a text, a number, or a list of them: no bytes."
        raise KeyConfigError(name, "has a JWK that is no JSON.", mend) from None


# Each process asks a vault once, and again after a change of the settings.
@lru_cache(maxsize=16)
def _from_function(name: str, hook: Hook) -> tuple[str, ...]:
    try:
        return tuple([_as_text(name, key) for key in function_of(hook)()])
    except Exception as error:  # noqa: BLE001 - whatever a vault raises, it gave no keys
        # Its type alone: its text may hold anything.
        kind = type(error).__name__
        raise Unavailable(f"the function of the keys raised {kind}") from None


setting_changed.connect(lambda **_: _from_function.cache_clear(), weak=False)
