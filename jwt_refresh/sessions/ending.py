"""The end of a session on purpose."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import Signal
from django.utils import timezone

from jwt_refresh.models import Session, SessionQuerySet
from jwt_refresh.stores.database import in_rounds, in_transaction, session_rows, write_alias

from . import events

BATCH = 1000
"""How many sessions are read at a time."""
user_ending = Signal()
"""Before all sessions of a user are revoked, also where there is none; with ``user``. A receiver
that raises keeps them: it ends logins that are no session yet, for ``contrib.simplejwt``."""


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

    Returns how many they were. Two statements, however many there are, and one more with
    ``contrib.simplejwt``, whose old tokens of the user end too. Joins the caller's transaction.
    """
    sessions = session_rows().of_user(user)
    if keep is not None:
        sessions = sessions.exclude(pk=keep)

    def end() -> int:
        user_ending.send(Session, user=user)
        return revoke_all(sessions, sessions, reason)

    return in_rounds(end)


def revoke_refused(session: Session, code: str) -> None:
    """End a session that a request was refused for, with the ``code`` of the refusal as reason.

    So it stays ended where the user is active again, or has the old password back, later on. In a
    transaction it waits for the end of the request: what a refused one writes is rolled back as a
    rule. No request fails, or goes on, for the lack of it; the next one tries again.
    """
    at_last = events.after_request if in_transaction() else events.after_commit
    at_last(lambda: revoke(session, code))


def revoke_deleted(instance: Session, using: str, **kwargs: Any) -> None:
    """End a session that lives before its row is deleted.

    A receiver of ``pre_delete``. One statement for each that lives, so that a refresh which has
    read it finds it changed, and so that it is told once. Rows of other databases are copies.
    """
    if using == write_alias() and instance.state is Session.State.LIVE:
        # Of this instance Django takes the key away, perhaps before it can be told.
        names = [field.attname for field in Session._meta.concrete_fields]
        session = Session.from_db(using, names, [getattr(instance, name) for name in names])
        revoke(session, Session.Reason.DELETED)


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

    ``among`` holds them all; it is read anew, since ``chosen`` may not find them any more: after
    the commit, and so many at a time, since nobody knows how many there are.
    """
    at = timezone.now()
    count = chosen.mark_revoked(reason, at)
    if count:
        events.after_commit(lambda: _announce(among.filter(revoked_at=at)))
    return count


def _announce(revoked: SessionQuerySet) -> None:
    """Announce the revocation of each. One query for every ``BATCH`` of them, or part of one."""
    rest = revoked.order_by("pk")
    while batch := [*rest[:BATCH]]:
        for session in batch:
            events.revoked(session)
        if len(batch) < BATCH:
            break
        rest = rest.filter(pk__gt=batch[-1].pk)
