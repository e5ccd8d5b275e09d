"""The current tokens of a session, encoded for its client."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .claims import Kind, Style
from .conf import conf
from .models import Session, later
from .users import subject_of


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


def tokens_of(session: Session, now: datetime) -> Tokens:
    """The current refreshable token of the row, the same however often it is made.

    In pair style with an access token of this moment.
    """
    issuer = conf.issuer()
    common: dict[str, Any] = {
        "sub": subject_of(session.user, conf.USER_ID_FIELD),
        "sid": str(session.pk),
        "auth_time": _seconds(session.started_at),
    }
    current: dict[str, Any] = {
        "jti": session.current_jti,
        "iat": _seconds(session.issued_at),
        "exp": _seconds(session.expires_at),
    }
    left = current["exp"] - _seconds(now)
    if Style(session.style) is Style.SLIDING:
        return Tokens(session, issuer.issue(Kind.SLIDING, **common, **current), left)
    issued_at = max(now, session.started_at)
    exp = _seconds(min(later(issued_at, session.lifetime), session.expires_at))
    access = issuer.issue(
        Kind.ACCESS,
        **common,
        jti=secrets.token_urlsafe(16),
        origin_jti=session.current_jti,
        iat=_seconds(issued_at),
        exp=exp,
    )
    refresh = issuer.issue(Kind.REFRESH, **common, **current)
    return Tokens(session, access, exp - _seconds(now), refresh, left)


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
