"""The lengths of life of tokens and sessions: by the settings, or by a project for one login."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.http import HttpRequest, QueryDict, UnreadablePostError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request

from .conf import conf, function_of
from .core.tokens import MAX_LIFETIME
from .exceptions import InvalidRequest

__all__ = ["Lifetimes"]

UNREADABLE = (ParseError, SuspiciousOperation, RecursionError, UnreadablePostError)
"""What REST framework and Django raise for a body that cannot be read."""
LONGEST = timedelta(seconds=MAX_LIFETIME)
LONGEST_SESSION = timedelta(days=36525)
"""A hundred years: databases and calendars end some time."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The lifetimes that a session gets at login, and keeps. One left out follows the settings.

    ``lifetime`` is that of a JWT that authenticates. ``refresh_lifetime`` is that of a refresh
    token, and so how long the session may lie idle; ``None`` chooses the sliding style.
    ``session_lifetime`` ends the session however often it is refreshed; ``None``: never.
    """

    lifetime: timedelta = field(default_factory=lambda: conf.LIFETIME)
    refresh_lifetime: timedelta | None = field(default_factory=lambda: conf.REFRESH_LIFETIME)
    session_lifetime: timedelta | None = field(default_factory=lambda: conf.SESSION_LIFETIME)

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """Name each fault: the lifetime, the fault, and the mend."""
        for name, value in ((each.name, getattr(self, each.name)) for each in fields(self)):
            if not isinstance(value, timedelta) and (value is not None or name == "lifetime"):
                yield name, "is no timedelta", "Give it as timedelta(...)."
                return
        if not timedelta(seconds=1) <= self.lifetime <= LONGEST:
            mend = "It is at least one second and at most 400 days; half an hour is usual."
            yield "lifetime", "is out of range", mend
        idle = self.refresh_lifetime
        if idle is not None and not self.lifetime <= idle <= LONGEST:
            mend = "It is at least 'LIFETIME' and at most 400 days; two weeks are usual."
            yield "refresh_lifetime", "is out of range", mend
        end = self.session_lifetime
        if end is not None and end < self.lifetime:
            mend = "A session must be able to outlive one token."
            yield "session_lifetime", "is shorter than 'LIFETIME'", mend
        if end is not None and end > LONGEST_SESSION:
            mend = "It is at most a hundred years; None: no end."
            yield "session_lifetime", "is out of range", mend


def lifetimes_of(user: Any, request: HttpRequest | Request | None) -> Lifetimes:
    """Return the lifetimes of a login that is about to start.

    The project's own function is given REST framework's request, whose ``data`` is there for JSON
    and forms alike, or ``None``.

    Raises ``ImproperlyConfigured`` where the project's own function returns useless ones, and
    ``InvalidRequest`` for a body that is neither a JSON object nor a form.
    """
    if conf.LOGIN_LIFETIMES is None:
        return Lifetimes()
    try:
        chosen = function_of(conf.LOGIN_LIFETIMES)(user, _with_data(request))
    except (AttributeError, LookupError, TypeError):
        if isinstance(request, Request):
            # A list, for example, has no members to be asked for.
            as_object(request.data)
        raise
    if not isinstance(chosen, Lifetimes):
        raise ImproperlyConfigured("JWT_REFRESH['LOGIN_LIFETIMES'] must return Lifetimes.")
    for name, fault, mend in chosen.problems():
        raise ImproperlyConfigured(f"JWT_REFRESH['LOGIN_LIFETIMES']: {name} {fault}. {mend}")
    return chosen


class _AsFound(BaseAuthentication):
    """The user and token of a plain request, as a middleware or decorator has set them."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        plain: Any = request._request
        return (plain.user, getattr(plain, "auth", None)) if hasattr(plain, "user") else None


class _Asking(Request):
    """A plain request whose ``data`` is read as our endpoints read it, once it is asked for."""

    @property
    def data(self) -> Any:
        try:
            data = super().data
        except (*UNREADABLE, UnsupportedMediaType) as error:
            raise InvalidRequest(f"body: {type(error).__name__}") from None
        return as_object(data)


def _with_data(request: HttpRequest | Request | None) -> Request | None:
    if request is None or isinstance(request, Request):
        return request
    parsers = [JSONParser(), FormParser(), MultiPartParser()]
    return _Asking(request, parsers=parsers, authenticators=[_AsFound()])


def as_object(data: Any) -> Any:
    """Return the members of a body that was read. Raises ``InvalidRequest`` for other bodies."""
    if not isinstance(data, Mapping | QueryDict):
        raise InvalidRequest("the body is not an object")
    return data
