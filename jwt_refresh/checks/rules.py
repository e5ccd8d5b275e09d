"""The rules for times, users, functions, and what surrounds the app: one function a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning
from django.db import router
from rest_framework.settings import api_settings

from jwt_refresh.authentication import StatelessJWTAuthentication
from jwt_refresh.conf import conf, function_of
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.models import Session
from jwt_refresh.web.limits import parse_rate

from .types import error, warning

HOOKS = ("LOGIN_LIFETIMES", "CLAIMS", "PRIVATE_KEYS", "PUBLIC_KEYS")
"""The settings that take a function, or its dotted path."""
SETTING_OF = {
    "lifetime": "LIFETIME",
    "refresh_lifetime": "REFRESH_LIFETIME",
    "session_lifetime": "SESSION_LIFETIME",
}
MAX_LEEWAY = timedelta(minutes=5)


def check_lifetimes() -> Iterator[CheckMessage]:
    for name, fault, hint in Lifetimes().problems():
        yield error("E005", SETTING_OF[name], f"{fault}.", hint)


def check_windows() -> Iterator[CheckMessage]:
    for name in ("REFRESH_GRACE", "RETRY_WINDOW"):
        if getattr(conf, name) < timedelta(0):
            yield error("E006", name, "is negative.", "timedelta(0) turns the window off.")


def check_grace() -> Iterator[CheckMessage]:
    if conf.REFRESH_GRACE >= conf.LIFETIME:
        hint = "A stolen token would be exchangeable for all its life; half a minute is usual."
        yield warning("W003", "REFRESH_GRACE", "is as long as 'LIFETIME'.", hint)


def check_leeway() -> Iterator[CheckMessage]:
    if not timedelta(0) <= conf.LEEWAY <= MAX_LEEWAY:
        yield error("E007", "LEEWAY", "is out of range.", "It is at least 0, at most 5 minutes.")


def check_time_zone() -> Iterator[CheckMessage]:
    if not settings.USE_TZ:
        hint = "Local times are ambiguous while clocks are set back: sessions may end late then."
        yield Warning("USE_TZ is off.", hint=hint, id="jwt_refresh.W005")


def check_header_types() -> Iterator[CheckMessage]:
    if not conf.AUTH_HEADER_TYPES or any(" " in scheme for scheme in conf.AUTH_HEADER_TYPES):
        hint = 'It is a list of single words, such as ("Bearer",).'
        yield error("E008", "AUTH_HEADER_TYPES", "names no scheme.", hint)


def check_user_id() -> Iterator[CheckMessage]:
    model: Any = get_user_model()
    if not hasattr(model, conf.USER_ID_FIELD):
        hint = "Name a unique field that never changes, or leave it out."
        yield error("E009", "USER_ID_FIELD", f"is no attribute of {model._meta.label}.", hint)


def check_max_sessions() -> Iterator[CheckMessage]:
    if conf.MAX_SESSIONS is not None and conf.MAX_SESSIONS < 1:
        yield error("E011", "MAX_SESSIONS", "lets nobody log in.", "It is at least 1, or None.")


def check_router() -> Iterator[CheckMessage]:
    if router.db_for_write(Session) != router.db_for_write(get_user_model()):
        hint = "Let the database router write jwt_refresh where it writes the user model."
        text = "Sessions and users are written to different databases."
        yield Error(text, hint=hint, id="jwt_refresh.E012")


def check_auth_hash() -> Iterator[CheckMessage]:
    model: Any = get_user_model()
    if not hasattr(model, "get_session_auth_hash"):
        text = f"{model._meta.label} has no get_session_auth_hash()."
        hint = "A new password does not end its sessions. Derive it from AbstractBaseUser."
        yield Warning(text, hint=hint, id="jwt_refresh.W004")


def check_hooks() -> Iterator[CheckMessage]:
    for name in HOOKS:
        hook: Any = getattr(conf, name)
        if hook is None or isinstance(hook, list | tuple):
            continue
        try:
            usable = callable(function_of(hook))
        except (ImportError, TypeError):  # TypeError: a relative path
            usable = False
        if not usable:
            hint = 'It is a function, or its dotted path, such as "accounts.tokens.lifetimes".'
            yield error("E010", name, "names no function.", hint)


def check_rates() -> Iterator[CheckMessage]:
    for name in ("LOGIN_RATE", "REFRESH_RATE"):
        rate = getattr(conf, name)
        try:
            usable = rate is None or parse_rate(rate)[0] > 0
        except ValueError:
            usable = False
        if not usable:
            hint = 'It is a number and a period, such as "10/min" or "100/hour"; None: any number.'
            yield error("E015", name, "is no rate.", hint)


def check_proxies() -> Iterator[CheckMessage]:
    given: Any = api_settings.NUM_PROXIES
    name = "REST_FRAMEWORK['NUM_PROXIES']"
    hint = "Say how many proxies of your own stand in front of the server, or 0."
    if given is None:
        if conf.LOGIN_RATE is not None and _logs_in():
            text = f"{name} is not set: behind a proxy no login is counted by address."
            yield Warning(text, hint=hint, id="jwt_refresh.W026")
    elif type(given) is not int or given < 0:
        yield Error(f"{name} is no number of proxies.", hint=hint, id="jwt_refresh.E030")


def check_denylist_alias() -> Iterator[CheckMessage]:
    if conf.DENYLIST_CACHE is not None and conf.DENYLIST_CACHE not in settings.CACHES:
        hint = f"It is one of {', '.join(settings.CACHES)}."
        yield error("E016", "DENYLIST_CACHE", "is no alias of CACHES.", hint)


def check_denylist_shared() -> Iterator[CheckMessage]:
    cache: dict[str, Any] | None = settings.CACHES.get(conf.DENYLIST_CACHE or "")
    if cache is not None and is_private(cache):
        hint = "Take one that all processes and services share, such as Redis."
        yield warning("W007", "DENYLIST_CACHE", "keeps what it is told to itself.", hint)


def check_retry_window() -> Iterator[CheckMessage]:
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    stateless = StatelessJWTAuthentication in classes or conf.DENYLIST_CACHE is not None
    if stateless and conf.RETRY_WINDOW > conf.REFRESH_GRACE:
        hint = "Requests to stateless services prove to nobody that a client has its new token: "
        hint += "set it no longer than 'REFRESH_GRACE'."
        yield warning("W008", "RETRY_WINDOW", "is long, with a stateless class.", hint)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_lifetimes,
    check_windows,
    check_grace,
    check_leeway,
    check_time_zone,
    check_header_types,
    check_user_id,
    check_max_sessions,
    check_router,
    check_auth_hash,
    check_hooks,
    check_rates,
    check_proxies,
    check_denylist_alias,
    check_denylist_shared,
    check_retry_window,
)


def _logs_in() -> bool:
    """Tell whether the keys can sign: a service that only verifies has no login."""
    try:
        return conf.keyring().signing is not None
    except (ValueError, Unavailable):
        return False  # another rule says what is wrong with the keys


def is_private(cache: dict[str, Any]) -> bool:
    """Tell whether no other process sees what is written to a cache of ``CACHES``."""
    return cache["BACKEND"].rpartition(".")[2] in ("DummyCache", "LocMemCache")
