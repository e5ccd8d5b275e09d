"""The current tokens of a session: encoded for its client, and put on record."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from jwt_refresh.conf import conf, function_of
from jwt_refresh.core.claims import RESERVED, Kind, Style, later, numeric_date
from jwt_refresh.core.users import subject_of
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.stores.database import write_alias


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a client gets (RFC 6749 section 5.1); both ``*expires_in`` are in seconds.

    In sliding style ``access_token`` is the one token there is, and the refresh token is ``None``.
    """

    session: Session
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_in: int | None = None


def tokens_of(session: Session, now: datetime, request: HttpRequest | None) -> Tokens:
    """Encode the current refreshable token of the row, the same however often it is made.

    In pair style with an access token of this moment. Raises ``ValueError`` where the keys only
    verify, and ``ImproperlyConfigured`` where the project's own claims are of no use.
    """
    issuer = conf.issuer(request)
    common: dict[str, Any] = {
        "sub": subject_of(session.user, conf.USER_ID_FIELD),
        "sid": str(session.pk),
        "auth_time": numeric_date(session.started_at),
    }
    if session.amr:
        common["amr"] = session.amr.split()
    current: dict[str, Any] = {
        "jti": session.current_jti,
        "iat": numeric_date(session.issued_at),
        "exp": numeric_date(session.expires_at),
    }
    left = current["exp"] - numeric_date(now)
    extra = _extra_claims(session)
    if session.style == Style.SLIDING:
        token = issuer.issue(Kind.SLIDING, **common, **current, **extra)
        return Tokens(session, token, left)
    issued_at = max(now, session.started_at)
    exp = numeric_date(min(later(issued_at, session.lifetime), session.expires_at))
    access = issuer.issue(
        Kind.ACCESS,
        **common,
        **extra,
        jti=secrets.token_urlsafe(16),
        origin_jti=session.current_jti,
        iat=numeric_date(issued_at),
        exp=exp,
    )
    refresh = issuer.issue(Kind.REFRESH, **common, **current)
    return Tokens(session, access, exp - numeric_date(now), refresh, left)


def _extra_claims(session: Session) -> dict[str, Any]:
    """Ask the project for its claims in the JWT that authenticates."""
    if conf.CLAIMS is None:
        return {}
    extra = function_of(conf.CLAIMS)(session.user, session)
    if not isinstance(extra, dict) or not all(isinstance(name, str) for name in extra):
        raise ImproperlyConfigured("JWT_REFRESH['CLAIMS'] must return a dict of claims by name.")
    if taken := sorted(RESERVED & extra.keys()):
        text = f"JWT_REFRESH['CLAIMS'] returned {', '.join(taken)}, which only the app may write."
        raise ImproperlyConfigured(text)
    return extra


def record(session: Session, now: datetime, key_hash: str = "") -> None:
    """Put the current token of ``session`` on record."""
    # To the microsecond, unlike the claim: the windows of superseded tokens count from here.
    IssuedToken.objects.using(write_alias()).create(
        jti=session.current_jti,
        session_id=session.pk,
        generation=session.generation,
        issued_at=now,
        expires_at=session.expires_at,
        key_hash=key_hash,
    )
