"""The current tokens of a session: encoded for its client, and put on record."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest

from jwt_refresh.conf import conf, function_of
from jwt_refresh.core.claims import RESERVED, Kind, Style, later, numeric_date
from jwt_refresh.core.encoding import strict_json
from jwt_refresh.core.tokens import Issuer, TooLong, plain_text
from jwt_refresh.core.users import subject_of
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.stores.database import write_alias

MAX_COOKIE = 4096
"""Largest cookie that browsers take, in bytes: name, value and attributes (RFC 6265 section 6.1)"""
_ATTRIBUTES = (
    "=; expires=Thu, 24 Nov 2026 12:00:00 GMT; HttpOnly; Max-Age=34560000; Path=; Domain=; "
    "SameSite=Strict; Secure"
)
"""The attributes of a cookie, as long as they can be, without its path and domain."""


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
    token_type: str = "Bearer"
    """``"DPoP"`` where the access token is bound to the key of its session (RFC 9449)."""


def tokens_of(session: Session, now: datetime, request: HttpRequest | None) -> Tokens:
    """Encode the current refreshable token of the row, the same however often it is made.

    In pair style with an access token of this moment. Raises ``ValueError`` where the keys only
    verify, and ``ImproperlyConfigured`` where the project's own claims are of no use, or the user
    has nothing in ``USER_ID_FIELD``.
    """
    issuer = conf.issuer(request)
    common: dict[str, Any] = {
        "sub": _subject_of(session.user),
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
    bound = bool(session.jkt) and conf.binds_access
    token_type = "DPoP" if bound else "Bearer"
    # A refresh token has no such claim: its session is asked.
    extra = _extra_claims(session) | ({"cnf": {"jkt": session.jkt}} if bound else {})
    if session.style == Style.SLIDING:
        token = _issue(issuer, Kind.SLIDING, **common, **current, **extra)
        return Tokens(session, token, left, token_type=token_type)
    access, exp = _access_token(issuer, session, now, common | extra)
    refresh = _issue(issuer, Kind.REFRESH, **common, **current)
    return Tokens(session, access, exp - numeric_date(now), refresh, left, token_type)


def _access_token(
    issuer: Issuer, session: Session, now: datetime, content: dict[str, Any]
) -> tuple[str, int]:
    """Encode an access token of this moment; return it with its ``exp``."""
    issued_at = max(now, session.started_at)
    exp = numeric_date(min(later(issued_at, session.lifetime), session.expires_at))
    own = {
        "jti": secrets.token_urlsafe(16),
        "origin_jti": session.current_jti,
        "iat": numeric_date(issued_at),
        "exp": exp,
    }
    return _issue(issuer, Kind.ACCESS, **content, **own), exp


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
    return {name: _as_json(name, value) for name, value in extra.items()}


def _as_json(name: str, value: object) -> Any:
    """Return a claim as its readers will see it: dates, decimals and ids as Django writes them."""
    try:
        return strict_json.decode(json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        fault = f"which JSON cannot hold: {error}."
        raise ImproperlyConfigured(f"JWT_REFRESH['CLAIMS'] returned {name!r}, {fault}") from error


def _issue(issuer: Issuer, kind: Kind, /, **claims: Any) -> str:
    try:
        encoded = issuer.issue(kind, **claims)
    except TooLong as error:
        raise ImproperlyConfigured(f"JWT_REFRESH['CLAIMS'] returned too much. {error}") from error
    # Now, and not as the cookie is made: no session must be written that nobody can have.
    cookie = conf.ACCESS_COOKIE if kind.authenticates else conf.REFRESH_COOKIE
    if cookie is not None:
        size = len(cookie + encoded + _ATTRIBUTES + conf.COOKIE_PATH + (conf.COOKIE_DOMAIN or ""))
        if size > MAX_COOKIE:
            fault = f"Such a cookie would be refused: {size} bytes, more than {MAX_COOKIE}."
            raise ImproperlyConfigured(f"JWT_REFRESH['CLAIMS'] returned too much. {fault}")
    return encoded


def _subject_of(user: Any) -> str:
    subject = subject_of(user, conf.USER_ID_FIELD)
    if not plain_text(subject):
        fault = f"{conf.USER_ID_FIELD} of this user is no text of 1 to 255 characters."
        raise ImproperlyConfigured(f"JWT_REFRESH['USER_ID_FIELD']: {fault}")
    return subject


def record(session: Session, now: datetime, key_hash: str = "") -> None:
    """Put the current token of ``session`` on record."""
    record_of(session, now, key_hash).save(using=write_alias(), force_insert=True)


def record_of(session: Session, now: datetime, key_hash: str = "") -> IssuedToken:
    """Return the record of the current token, for the caller to save."""
    # To the microsecond, unlike the claim: the windows of superseded tokens count from here.
    return IssuedToken(
        jti=session.current_jti,
        session_id=session.pk,
        generation=session.generation,
        issued_at=now,
        expires_at=session.expires_at,
        key_hash=key_hash,
    )
