"""The end of a session on purpose."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from jwt_refresh.models import Session, SessionQuerySet
from jwt_refresh.stores.database import in_rounds, session_rows

from . import events


def revoke(session: Session, reason: str) -> bool:
    """Revoke a session, for a reason of at most 100 characters, and announce it.

    Returns ``False`` where it was revoked before. One statement. Joins the caller's transaction.
    """
    if not mark_revoked(session, reason):
        return False
    events.revoked(session)
    return True


def revoke_user(user: Any, reason: str, *, keep: UUID | None = None) -> int:
    """Revoke all sessions of a user, but for the one to ``keep``, and announce each.

    Returns how many they were. Two statements, however many there are. Joins the caller's
    transaction.
    """
    sessions = session_rows().of_user(user)
    if keep is not None:
        sessions = sessions.exclude(pk=keep)
    return in_rounds(lambda: revoke_all(sessions, sessions, reason))


def mark_revoked(session: Session, reason: str) -> bool:
    """Write that the session is revoked, and announce nothing; ``False`` where it was before."""
    at = timezone.now()
    row = session_rows().filter(pk=session.pk)
    if not in_rounds(lambda: row.mark_revoked(reason, at)):
        return False
    session.revoked_at, session.revoked_reason = at, reason
    return True


def revoke_all(chosen: SessionQuerySet, among: SessionQuerySet, reason: str) -> int:
    """Revoke ``chosen`` in one UPDATE, and announce each; return how many they were.

    ``among`` holds them all; it is read anew, since ``chosen`` may not find them any more.
    """
    at = timezone.now()
    with transaction.atomic(using=chosen.db):
        count = chosen.mark_revoked(reason, at)
        for session in among.filter(revoked_at=at) if count else ():
            events.revoked(session)
    return count
