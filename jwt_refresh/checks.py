"""System checks of the settings: each names the key and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register

from .conf import Conf, conf
from .keyring import HMAC_KEY_BYTES
from .tokens import MAX_LIFETIME

TYPES = {name: get_args(hint)[0] for name, hint in get_type_hints(Conf).items()}
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
    messages: list[CheckMessage] = [*_unknown(given), *_mistyped(given)]
    if not messages:
        rules = (_algorithm, _secret, _lifetimes, _windows, _leeway, _header_types, _user_model)
        messages = [message for rule in rules for message in rule()]
    return messages


def _unknown(given: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() - TYPES.keys():
        close = get_close_matches(str(name).strip().upper(), TYPES, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(TYPES))}."
        yield Error(f"JWT_REFRESH has no setting {name!r}.", hint=hint, id="jwt_refresh.E001")


def _mistyped(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() & TYPES.keys():
        if not _fits(given[name], TYPES[name]):
            yield Error(
                f"JWT_REFRESH[{name!r}] has the wrong type.",
                hint=f"It takes {_describe(TYPES[name])}.",
                id="jwt_refresh.E002",
            )


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if get_origin(hint) is not None:
        (member,) = get_args(hint)
        return isinstance(value, list | tuple) and all(_fits(item, member) for item in value)
    return isinstance(value, hint)


def _describe(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(_describe, get_args(hint)))
    if get_origin(hint) is not None:
        return f"a list of {_describe(get_args(hint)[0])}"
    return {type(None): "None", str: "a string"}.get(hint, f"a {hint.__name__}")


def _algorithm() -> Iterator[CheckMessage]:
    if conf.ALGORITHM not in HMAC_KEY_BYTES:
        hint = f"It is one of {', '.join(HMAC_KEY_BYTES)}."
        yield Error("JWT_REFRESH['ALGORITHM'] is not known.", hint=hint, id="jwt_refresh.E003")


def _secret() -> Iterator[CheckMessage]:
    secret, least = conf.SECRET, HMAC_KEY_BYTES.get(conf.ALGORITHM, 0)
    if secret is None:
        if len(settings.SECRET_KEY) < least:
            hint = f"Give it {least} random characters or more: all keys are derived from it."
            yield Warning("SECRET_KEY is short.", hint=hint, id="jwt_refresh.W001")
        return
    secrets = [secret] if isinstance(secret, str) else secret
    if not secrets or any(_is_weak(text, least) for text in secrets):
        yield Error(
            "JWT_REFRESH['SECRET'] can be guessed.",
            hint=f"Give it {least} random bytes or more (RFC 7518 section 3.2), as printed by "
            f'python -c "import secrets; print(secrets.token_urlsafe({least}))".',
            id="jwt_refresh.E004",
        )
    if settings.SECRET_KEY in secrets:
        yield Warning(
            "JWT_REFRESH['SECRET'] is SECRET_KEY itself.",
            hint="Leave it out: a key of its own is then derived from SECRET_KEY.",
            id="jwt_refresh.W002",
        )


def _is_weak(text: str, least: int) -> bool:
    return len(text.encode()) < least or len(set(text)) < 5 or text in PUBLISHED_SECRETS


def _lifetimes() -> Iterator[CheckMessage]:
    longest = timedelta(seconds=MAX_LIFETIME)
    if not timedelta(seconds=1) <= conf.LIFETIME <= longest:
        hint = "It is at least one second and at most 400 days; half an hour is usual."
        yield Error("JWT_REFRESH['LIFETIME'] is out of range.", hint=hint, id="jwt_refresh.E005")
    if conf.SESSION_LIFETIME is not None and conf.SESSION_LIFETIME < conf.LIFETIME:
        yield Error(
            "JWT_REFRESH['SESSION_LIFETIME'] is shorter than 'LIFETIME'.",
            hint="A session must be able to outlive one token.",
            id="jwt_refresh.E005",
        )


def _windows() -> Iterator[CheckMessage]:
    if min(conf.REFRESH_GRACE, conf.RETRY_WINDOW) < timedelta(0):
        yield Error(
            "JWT_REFRESH['REFRESH_GRACE'] and ['RETRY_WINDOW'] must not be negative.",
            hint="timedelta(0) turns a window off.",
            id="jwt_refresh.E006",
        )
    if conf.REFRESH_GRACE >= conf.LIFETIME:
        yield Warning(
            "JWT_REFRESH['REFRESH_GRACE'] is as long as 'LIFETIME'.",
            hint="A stolen token would stay exchangeable for all its life; half a minute is usual.",
            id="jwt_refresh.W003",
        )


def _leeway() -> Iterator[CheckMessage]:
    if not timedelta(0) <= conf.LEEWAY <= MAX_LEEWAY:
        hint = "It is at least 0 and at most 5 minutes."
        yield Error("JWT_REFRESH['LEEWAY'] is out of range.", hint=hint, id="jwt_refresh.E007")


def _header_types() -> Iterator[CheckMessage]:
    if not conf.AUTH_HEADER_TYPES or any(" " in scheme for scheme in conf.AUTH_HEADER_TYPES):
        hint = 'It is a list of single words, such as ("Bearer",).'
        yield Error(
            "JWT_REFRESH['AUTH_HEADER_TYPES'] names no scheme.", hint=hint, id="jwt_refresh.E008"
        )


def _user_model() -> Iterator[CheckMessage]:
    model = get_user_model()
    if not hasattr(model, conf.USER_ID_FIELD):
        yield Error(
            f"JWT_REFRESH['USER_ID_FIELD'] is no attribute of {model._meta.label}.",
            hint="Name a unique field that never changes, or leave it out.",
            id="jwt_refresh.E009",
        )
    if not hasattr(model, "get_session_auth_hash"):
        yield Warning(
            f"{model._meta.label} has no get_session_auth_hash().",
            hint="Without it a new password does not end the sessions of before: derive the "
            "model from AbstractBaseUser.",
            id="jwt_refresh.W004",
        )
    if not settings.USE_TZ:
        yield Warning(
            "USE_TZ is off.",
            hint="Stored local times are ambiguous in the hour in which clocks are set back, so "
            "sessions may end early or late then.",
            id="jwt_refresh.W005",
        )
