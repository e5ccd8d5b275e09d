"""What ends a session on purpose."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from jwt_refresh.models import Session, SessionQuerySet
from jwt_refresh.stores.database import in_rounds, write_alias

from . import events


def revoke(session: Session, reason: str) -> bool:
    """End a session, for a reason of at most 100 characters; whether it was not revoked before.

    One statement. Joins the caller's transaction.
    """
    if not mark_revoked(session, reason):
        return False
    events.revoked(session)
    return True


def revoke_user(user: Any, reason: str) -> int:
    """End all sessions of a user; how many. Two statements, however many there are.

    Joins the caller's transaction.
    """
    sessions = Session.objects.using(write_alias()).filter(user=user.pk)
    return in_rounds(lambda: revoke_all(sessions, sessions, reason))


def mark_revoked(session: Session, reason: str) -> bool:
    """Write that the session is revoked, and tell nobody; whether it was not before."""
    at = timezone.now()
    row = Session.objects.using(write_alias()).filter(pk=session.pk)
    if not in_rounds(lambda: row.revoke(reason, at)):
        return False
    session.revoked_at, session.revoked_reason = at, reason
    return True


def revoke_all(chosen: SessionQuerySet, among: SessionQuerySet, reason: str) -> int:
    """Revoke the ``chosen`` ones ``among`` those of a user, and tell of each; how many."""
    at = timezone.now()
    with transaction.atomic(using=chosen.db):
        count = chosen.revoke(reason, at)
        for session in among.filter(revoked_at=at) if count else ():
            events.revoked(session)
    return count
