"""System checks of the settings: each names the key and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import router
from django.utils.module_loading import import_string

from .conf import Conf, conf
from .keyring import HMAC_KEY_BYTES
from .lifetimes import Lifetimes
from .models import Session

TYPES = {name: get_args(hint)[0] for name, hint in get_type_hints(Conf).items()}
HOOKS = ("LIFETIMES",)
MAX_LEEWAY = timedelta(minutes=5)
PUBLISHED_SECRETS = {
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-256-bit-secret-your-256-bit-secret",
}
"""Secrets of examples that everybody knows."""


@register()
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """All rules; those on values only where names and types are right."""
    given = getattr(settings, "JWT_REFRESH", {})
    if not isinstance(given, dict):
        return [Error("JWT_REFRESH must be a dict.", id="jwt_refresh.E002")]
    rules = (_keys, _times, _users, _hooks)
    return [*_unknown(given), *_mistyped(given)] or [found for rule in rules for found in rule()]


def _unknown(given: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() - TYPES.keys():
        close = get_close_matches(str(name).strip().upper(), TYPES, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(TYPES))}."
        yield Error(f"JWT_REFRESH has no setting {name!r}.", hint=hint, id="jwt_refresh.E001")


def _mistyped(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() & TYPES.keys():
        if not _fits(given[name], TYPES[name]):
            yield _error("E002", name, "has the wrong type.", f"It takes {_describe(TYPES[name])}.")


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if get_origin(hint) is Literal:
        return any(value is option or value == option for option in get_args(hint))
    if get_origin(hint) is not None:
        (member,) = get_args(hint)
        return isinstance(value, list | tuple) and all(_fits(item, member) for item in value)
    return isinstance(value, hint) and not isinstance(value, bool)


def _describe(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(_describe, get_args(hint)))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is not None:
        return f"a list of {_describe(get_args(hint)[0])}"
    return {type(None): "None", str: "a string", int: "a whole number"}.get(
        hint, f"a {hint.__name__}"
    )


def _keys() -> Iterator[CheckMessage]:
    least = HMAC_KEY_BYTES.get(conf.ALGORITHM, 0)
    secrets = [conf.SECRET] if isinstance(conf.SECRET, str) else conf.SECRET
    if not least:
        known = f"It is one of {', '.join(HMAC_KEY_BYTES)}."
        yield _error("E003", "ALGORITHM", "is not known.", known)
    if secrets is None and len(settings.SECRET_KEY) < least:
        hint = f"Give it {least} random characters or more: all keys are derived from it."
        yield Warning("SECRET_KEY is short.", hint=hint, id="jwt_refresh.W001")
    if secrets is not None and (not secrets or any(_is_weak(text, least) for text in secrets)):
        generate = f'python -c "import secrets; print(secrets.token_urlsafe({least}))"'
        hint = f"Give it {least} random bytes or more (RFC 7518 section 3.2): {generate}"
        yield _error("E004", "SECRET", "can be guessed.", hint)
    if settings.SECRET_KEY in (secrets or ()):
        hint = "Leave it out: a key of its own is then derived from SECRET_KEY."
        yield _warning("W002", "SECRET", "is SECRET_KEY itself.", hint)


def _times() -> Iterator[CheckMessage]:
    for name, fault, hint in Lifetimes().problems():
        yield _error("E005", name.upper(), f"{fault}.", hint)
    for name in ("REFRESH_GRACE", "RETRY_WINDOW"):
        if getattr(conf, name) < timedelta(0):
            yield _error("E006", name, "is negative.", "timedelta(0) turns the window off.")
    if conf.REFRESH_GRACE >= conf.LIFETIME:
        hint = "A stolen token would be exchangeable for all its life; half a minute is usual."
        yield _warning("W003", "REFRESH_GRACE", "is as long as 'LIFETIME'.", hint)
    if not timedelta(0) <= conf.LEEWAY <= MAX_LEEWAY:
        yield _error("E007", "LEEWAY", "is out of range.", "It is at least 0, at most 5 minutes.")
    if not settings.USE_TZ:
        hint = "Local times are ambiguous while clocks are set back: sessions may end late then."
        yield Warning("USE_TZ is off.", hint=hint, id="jwt_refresh.W005")


def _users() -> Iterator[CheckMessage]:
    model: Any = get_user_model()
    if not conf.AUTH_HEADER_TYPES or any(" " in scheme for scheme in conf.AUTH_HEADER_TYPES):
        hint = 'It is a list of single words, such as ("Bearer",).'
        yield _error("E008", "AUTH_HEADER_TYPES", "names no scheme.", hint)
    if not hasattr(model, conf.USER_ID_FIELD):
        hint = "Name a unique field that never changes, or leave it out."
        yield _error("E009", "USER_ID_FIELD", f"is no attribute of {model._meta.label}.", hint)
    if conf.MAX_SESSIONS is not None and conf.MAX_SESSIONS < 1:
        yield _error("E011", "MAX_SESSIONS", "lets nobody log in.", "It is at least 1, or None.")
    if router.db_for_write(Session) != router.db_for_write(model):
        hint = "Let the database router write jwt_refresh where it writes the user model."
        text = "Sessions and users are written to different databases."
        yield Error(text, hint=hint, id="jwt_refresh.E012")
    if not hasattr(model, "get_session_auth_hash"):
        text = f"{model._meta.label} has no get_session_auth_hash()."
        hint = "A new password does not end its sessions. Derive it from AbstractBaseUser."
        yield Warning(text, hint=hint, id="jwt_refresh.W004")


def _hooks() -> Iterator[CheckMessage]:
    for name in HOOKS:
        path = getattr(conf, name)
        try:
            usable = path is None or callable(import_string(path))
        except ImportError:
            usable = False
        if not usable:
            hint = 'It is the dotted path of a function, such as "accounts.tokens.lifetimes".'
            yield _error("E010", name, "names no function.", hint)


def _is_weak(text: str, least: int) -> bool:
    return len(text.encode()) < least or len(set(text)) < 5 or text in PUBLISHED_SECRETS


def _error(check: str, name: str, problem: str, hint: str) -> Error:
    return Error(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")


def _warning(check: str, name: str, problem: str, hint: str) -> Warning:
    return Warning(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")
