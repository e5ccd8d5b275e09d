"""The lengths of life of tokens and sessions: by the settings, or by a project for one login."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from .conf import conf, function_of
from .core.tokens import MAX_LIFETIME

__all__ = ["Lifetimes"]

LONGEST = timedelta(seconds=MAX_LIFETIME)


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
        if not timedelta(seconds=1) <= self.lifetime <= LONGEST:
            mend = "It is at least one second and at most 400 days; half an hour is usual."
            yield "lifetime", "is out of range", mend
        idle = self.refresh_lifetime
        if idle is not None and not self.lifetime <= idle <= LONGEST:
            mend = "It is at least 'LIFETIME' and at most 400 days; two weeks are usual."
            yield "refresh_lifetime", "is out of range", mend
        if self.session_lifetime is not None and self.session_lifetime < self.lifetime:
            mend = "A session must be able to outlive one token."
            yield "session_lifetime", "is shorter than 'LIFETIME'", mend


def lifetimes_of(user: Any, request: HttpRequest | None) -> Lifetimes:
    """The lifetimes of a login that is about to start.

    Raises ``ImproperlyConfigured`` where the project's own function returns useless ones.
    """
    if conf.LOGIN_LIFETIMES is None:
        return Lifetimes()
    chosen = function_of(conf.LOGIN_LIFETIMES)(user, request)
    if not isinstance(chosen, Lifetimes):
        raise ImproperlyConfigured("JWT_REFRESH['LOGIN_LIFETIMES'] must return Lifetimes.")
    for name, fault, mend in chosen.problems():
        raise ImproperlyConfigured(f"JWT_REFRESH['LOGIN_LIFETIMES']: {name} {fault}. {mend}")
    return chosen
