"""One row a refreshable token that was issued."""

from __future__ import annotations

from datetime import datetime

from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.stores.database import write_alias


def record(session: Session, now: datetime, key_hash: str = "") -> None:
    """Write down the current token of ``session``."""
    # To the microsecond, unlike the claim: the windows of superseded tokens count from here.
    IssuedToken.objects.using(write_alias()).create(
        jti=session.current_jti,
        session_id=session.pk,
        generation=session.generation,
        issued_at=now,
        expires_at=session.expires_at,
        key_hash=key_hash,
    )
