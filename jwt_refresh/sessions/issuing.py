"""The current tokens of a session, encoded for its client."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from jwt_refresh.conf import conf, function_of
from jwt_refresh.core.claims import RESERVED, Kind, Style
from jwt_refresh.core.users import subject_of
from jwt_refresh.models import Session, later


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets (RFC 6749 section 5.1); both ``*expires_in`` are in seconds.

    In sliding style ``access_token`` is the one token there is, and the refresh token is ``None``.
    """

    session: Session
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_in: int | None = None


def tokens_of(session: Session, now: datetime, request: HttpRequest | None) -> Tokens:
    """The current refreshable token of the row, the same however often it is made.

    In pair style with an access token of this moment. Raises ``ValueError`` where the keys only
    verify, and ``ImproperlyConfigured`` where the project's own claims are of no use.
    """
    issuer = conf.issuer(request)
    common: dict[str, Any] = {
        "sub": subject_of(session.user, conf.USER_ID_FIELD),
        "sid": str(session.pk),
        "auth_time": _seconds(session.started_at),
    }
    if session.amr:
        common["amr"] = session.amr.split()
    current: dict[str, Any] = {
        "jti": session.current_jti,
        "iat": _seconds(session.issued_at),
        "exp": _seconds(session.expires_at),
    }
    left = current["exp"] - _seconds(now)
    extra = _extra_claims(session)
    if Style(session.style) is Style.SLIDING:
        token = issuer.issue(Kind.SLIDING, **common, **current, **extra)
        return Tokens(session, token, left)
    issued_at = max(now, session.started_at)
    exp = _seconds(min(later(issued_at, session.lifetime), session.expires_at))
    access = issuer.issue(
        Kind.ACCESS,
        **common,
        **extra,
        jti=secrets.token_urlsafe(16),
        origin_jti=session.current_jti,
        iat=_seconds(issued_at),
        exp=exp,
    )
    refresh = issuer.issue(Kind.REFRESH, **common, **current)
    return Tokens(session, access, exp - _seconds(now), refresh, left)


def _extra_claims(session: Session) -> dict[str, Any]:
    """What the project adds to the JWT that authenticates."""
    if conf.CLAIMS is None:
        return {}
    extra = function_of(conf.CLAIMS)(session.user, session)
    if not isinstance(extra, dict) or not all(isinstance(name, str) for name in extra):
        raise ImproperlyConfigured("JWT_REFRESH['CLAIMS'] must return a dict of claims by name.")
    if taken := sorted(RESERVED & extra.keys()):
        text = f"JWT_REFRESH['CLAIMS'] returned {', '.join(taken)}, which only the app may write."
        raise ImproperlyConfigured(text)
    return extra


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
