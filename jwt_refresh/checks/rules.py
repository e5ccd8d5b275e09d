"""The rules for times, users, limits, and what surrounds the app: one function a rule."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from inspect import getattr_static
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.utils.functional import cached_property
from django.views.debug import SafeExceptionReporterFilter
from rest_framework.settings import api_settings

from jwt_refresh.authentication import StatelessJWTAuthentication
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.lifetimes import LONGEST, Lifetimes
from jwt_refresh.models import Session
from jwt_refresh.sessions.proving import SCHEME
from jwt_refresh.web.limits import parse_rate

from .cookies import is_token
from .types import error, warning

SETTING_OF = {
    "lifetime": "LIFETIME",
    "refresh_lifetime": "REFRESH_LIFETIME",
    "session_lifetime": "SESSION_LIFETIME",
}
MAX_LEEWAY = timedelta(minutes=5)
MOST_SESSIONS = 1_000_000
NO_IDS = ("password", "is_active", "is_anonymous", "is_authenticated")
"""Attributes of users that are the same for several, or a secret."""

TAKEN_HEADERS = {"cookie", "host", "origin", "referer", "user-agent", "content-type", "dpop"}
"""Headers that browsers write by themselves, and so some that another site can make them send; and
that of a proof."""


def check_user_model() -> Iterator[CheckMessage]:
    try:
        get_user_model()
    except ImproperlyConfigured:
        text = f"The user model {settings.AUTH_USER_MODEL!r} is not installed."
        hint = 'Add "django.contrib.auth" and "django.contrib.contenttypes" to INSTALLED_APPS. '
        hint += "A service that only verifies tokens needs no table of theirs, and no database."
        yield Error(text, hint=hint, id="jwt_refresh.E021")


def check_lifetimes() -> Iterator[CheckMessage]:
    for name, fault, hint in Lifetimes().problems():
        yield error("E005", SETTING_OF[name], f"{fault}.", hint)


def check_windows() -> Iterator[CheckMessage]:
    for name in ("REFRESH_GRACE", "RETRY_WINDOW"):
        if not timedelta(0) <= getattr(conf, name) <= LONGEST:
            hint = "It is at least timedelta(0), which turns the window off; at most 400 days."
            yield error("E006", name, "is out of range.", hint)


def check_grace() -> Iterator[CheckMessage]:
    if conf.REFRESH_GRACE >= conf.LIFETIME:
        hint = "A stolen token would be exchangeable for all its life; half a minute is usual."
        yield warning("W003", "REFRESH_GRACE", "is as long as 'LIFETIME'.", hint)


def check_leeway() -> Iterator[CheckMessage]:
    if not timedelta(0) <= conf.LEEWAY <= MAX_LEEWAY:
        yield error("E007", "LEEWAY", "is out of range.", "It is at least 0, at most 5 minutes.")


def check_time_zone() -> Iterator[CheckMessage]:
    if settings.USE_TZ:
        return
    if clocks_are_set():
        hint = "One hour of local time comes twice, and one never: sessions end early then, and "
        hint += "thieves have more time. Set USE_TZ to True, or TIME_ZONE to 'UTC'."
        text = "USE_TZ is off, and clocks are set in the TIME_ZONE."
        yield Error(text, hint=hint, id="jwt_refresh.E018")
    else:
        hint = "Local times are ambiguous as soon as clocks are set in TIME_ZONE: use USE_TZ."
        yield Warning("USE_TZ is off.", hint=hint, id="jwt_refresh.W005")


def check_header_types() -> Iterator[CheckMessage]:
    if not conf.AUTH_HEADER_TYPES or not all(
        not scheme or is_token(scheme) for scheme in conf.AUTH_HEADER_TYPES
    ):
        hint = 'It is a list of single words, such as ("Bearer",).'
        yield error("E008", "AUTH_HEADER_TYPES", "names no scheme.", hint)
    elif conf.DPOP != "off" and SCHEME in map(str.lower, conf.AUTH_HEADER_TYPES):
        hint = "That is the scheme of bound tokens, which 'DPOP' adds by itself: leave it out."
        yield error("E022", "AUTH_HEADER_TYPES", "has DPoP for tokens that are not bound.", hint)


def check_header_name() -> Iterator[CheckMessage]:
    name = conf.AUTH_HEADER_NAME
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name) or name.lower() in TAKEN_HEADERS:
        hint = 'It is a header that only your clients send, such as "X-Auth-Token".'
        yield error("E020", "AUTH_HEADER_NAME", "is no header for tokens.", hint)
    elif not SafeExceptionReporterFilter.hidden_settings.search(name):
        hint = 'Django hides a header with "Auth", "Token" or "Key" in its name from error reports.'
        yield warning("W010", "AUTH_HEADER_NAME", "would show tokens in error reports.", hint)


def check_bound_cookie() -> Iterator[CheckMessage]:
    if conf.binds_access and conf.ACCESS_COOKIE is not None:
        hint = "No page can read its token there, and a proof must name it: take 'refresh', "
        hint += "which leaves access tokens alone, or leave 'ACCESS_COOKIE' out."
        yield warning("W011", "DPOP", f"is {conf.DPOP!r}, with 'ACCESS_COOKIE'.", hint)


def check_user_id() -> Iterator[CheckMessage]:
    model: Any = get_user_model()
    name = conf.USER_ID_FIELD
    fields = {field.attname: field for field in model._meta.concrete_fields}
    hint = "Name a unique field that never changes, or leave it out."
    if not can_be_id(model, name):
        fault = f"is no field or property of {model._meta.label} that tells users apart."
        yield error("E009", "USER_ID_FIELD", fault, hint)
    elif name in fields and not (fields[name].unique or _is_constrained(model, name)):
        fault = f"is a field of {model._meta.label} that is not unique."
        yield warning("W009", "USER_ID_FIELD", fault, hint)


def can_be_id(model: Any, name: str) -> bool:
    """Tell whether ``name`` is a field or a property of a user model by which users can differ."""
    computed = isinstance(getattr_static(model, name, None), property | cached_property)
    named = {field.attname for field in model._meta.concrete_fields}
    return name not in NO_IDS and (computed or name in named)


def _is_constrained(model: Any, name: str) -> bool:
    return any(rule.fields == (name,) for rule in model._meta.total_unique_constraints)


def check_max_sessions() -> Iterator[CheckMessage]:
    if conf.MAX_SESSIONS is not None and not 1 <= conf.MAX_SESSIONS <= MOST_SESSIONS:
        hint = f"It is at least 1 and at most {MOST_SESSIONS:,}, or None."
        yield error("E011", "MAX_SESSIONS", "is out of range.", hint)


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


def check_axes() -> Iterator[CheckMessage]:
    """Name a lock-out that would count the failures of all people as those of one."""
    name = getattr(settings, "AXES_USERNAME_FORM_FIELD", get_user_model().USERNAME_FIELD)
    finds = name == "username" or getattr(settings, "AXES_USERNAME_CALLABLE", None)
    if apps.is_installed("axes") and not finds:
        text = f"django-axes looks for {str(name)!r} (AXES_USERNAME_FORM_FIELD), and finds no name."
        hint = (
            "Set it to 'username': so a login names it to the backends, as Django's own form does."
        )
        yield Warning(text, hint=hint, id="jwt_refresh.W040")


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
    check_header_name,
    check_bound_cookie,
    check_user_id,
    check_max_sessions,
    check_router,
    check_auth_hash,
    check_rates,
    check_proxies,
    check_axes,
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


def clocks_are_set() -> bool:
    """Tell whether the offset of local time, as Python knows it, changes within a year."""
    now, day = time.time(), 24 * 60 * 60
    return len({time.localtime(now + count * day).tm_gmtoff for count in range(366)}) > 1


def is_private(cache: dict[str, Any]) -> bool:
    """Tell whether no other process sees what is written to a cache of ``CACHES``."""
    return cache["BACKEND"].rpartition(".")[2] in ("DummyCache", "LocMemCache")
