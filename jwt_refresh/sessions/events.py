"""What happened to a session, told once it is committed: a signal, and a record in the log.

The record carries the same facts as attributes (``event``, ``sid``, ``user_id``, and ``reason``
or ``jti``) for those who keep their logs as data.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal
from django.http import HttpRequest

from jwt_refresh import signals
from jwt_refresh.models import Session
from jwt_refresh.stores import denylist
from jwt_refresh.stores.database import after_commit

logger = logging.getLogger("jwt_refresh")


def started(session: Session, request: HttpRequest | None) -> None:
    _tell(signals.session_started, "session_started", session, {"request": request})


def refreshed(session: Session, request: HttpRequest | None) -> None:
    facts = {"request": request}
    _tell(signals.session_refreshed, "session_refreshed", session, facts, jti=session.current_jti)


def reused(session: Session, request: HttpRequest | None, jti: str) -> None:
    """The one warning: it means theft, or a client that keeps old tokens."""
    facts = {"request": request}
    level = logging.WARNING
    _tell(signals.reuse_detected, "reuse_detected", session, facts, level, jti=jti)


def revoked(session: Session) -> None:
    denylist.publish(session)
    reason = session.revoked_reason
    _tell(signals.session_revoked, "session_revoked", session, {"reason": reason}, reason=reason)


def _tell(
    signal: Signal,
    event: str,
    session: Session,
    facts: dict[str, Any],
    level: int = logging.INFO,
    **details: str,
) -> None:
    noted = {"event": event, "sid": str(session.pk), "user_id": str(session.user_id)} | details

    def tell() -> None:
        text = " ".join(f"{name}=%s" for name in noted)
        logger.log(level, text, *noted.values(), extra=noted)
        signal.send_robust(Session, session=session, **facts)

    after_commit(tell)
