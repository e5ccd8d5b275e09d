"""The current token of a session, encoded for its client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .claims import Kind
from .conf import conf
from .models import Session, subject_of


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets (RFC 6749 section 5.1); ``expires_in`` is in seconds."""

    session: Session
    access_token: str = field(repr=False)
    expires_in: int


def tokens_of(session: Session, now: datetime) -> Tokens:
    """The current token of the row: the same one however often it is made."""
    exp = int(session.expires_at.timestamp())
    encoded = conf.issuer().issue(
        Kind.SLIDING,
        sub=subject_of(session.user, conf.USER_ID_FIELD),
        sid=str(session.pk),
        jti=session.current_jti,
        iat=int(session.issued_at.timestamp()),
        exp=exp,
        auth_time=int(session.started_at.timestamp()),
    )
    return Tokens(session, encoded, exp - int(now.timestamp()))
