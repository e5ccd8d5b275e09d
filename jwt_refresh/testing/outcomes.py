"""Assertions on what became of sessions."""

from __future__ import annotations

from typing import Any, NamedTuple

from jwt_refresh.core.claims import Claims
from jwt_refresh.models import Session
from jwt_refresh.sessions import Tokens
from jwt_refresh.sessions.checking import may_authenticate
from jwt_refresh.stores.database import session_rows

from .held import GIVEN, AnyClient, Held, read, tokens_in


def assert_live(whose: Any) -> None:
    """Raise ``AssertionError`` unless the next request of the session would be let in.

    ``whose`` is a session, its tokens or claims, the client that holds them, or a user: then one
    session of the user's is enough.
    """
    found = _outcomes(whose)
    if not any(outcome.state == Session.State.LIVE for outcome in found):
        raise AssertionError("\n".join(f"Not live: {outcome.text}." for outcome in found))


def assert_revoked(whose: Any, reason: str | None = None) -> None:
    """Raise ``AssertionError`` unless the session was revoked, and for this reason if one is given.

    ``whose`` is as in ``assert_live``; of a user, all sessions must be revoked. ``reason`` is one
    of ``Session.Reason``, or what ``sessions.revoke`` was given. A session that the next request
    is refused for, since its user is inactive or has a new password, counts as revoked for that.
    """
    asked = "Not revoked" if reason is None else f"Not revoked for {str(reason)!r}"
    wrong = [
        f"{asked}: {outcome.text}."
        for outcome in _outcomes(whose)
        if outcome.state != Session.State.REVOKED or reason not in (None, outcome.reason)
    ]
    if wrong:
        raise AssertionError("\n".join(wrong))


class _Outcome(NamedTuple):
    state: str
    reason: str
    text: str


def _outcomes(whose: Any) -> list[_Outcome]:
    """Return what became of the sessions that are meant. Raises ``AssertionError`` without any."""
    if (sid := _sid_of(whose)) is None:
        found = session_rows().of_user(whose).select_related("user").order_by("started_at")
        if outcomes := [_outcome(session) for session in found]:
            return outcomes
        raise AssertionError(f"{whose} has no session.")
    session = session_rows().select_related("user").filter(pk=sid).first()
    if session is None:
        deleted = Session.Reason.DELETED
        return [_Outcome(Session.State.REVOKED, deleted, f"session {sid} was deleted")]
    return [_outcome(session)]


def _sid_of(whose: Any) -> Any:
    """Return the ``sid`` of what stands for one session; ``None`` of a user."""
    if isinstance(whose, AnyClient):
        whose = tokens_in(whose)
        whose = whose.access or whose.refresh
    if isinstance(whose, Claims):
        return whose.sid
    if isinstance(whose, Session):
        return whose.pk
    if isinstance(whose, Tokens):
        return whose.session.pk
    return read(Held.of(whose).access)[1]["sid"] if isinstance(whose, GIVEN) else None


def _outcome(session: Session) -> _Outcome:
    state, reason = session.state, session.revoked_reason
    if state == Session.State.LIVE and not may_authenticate(session.user):
        state, reason = Session.State.REVOKED, Session.Reason.USER_INACTIVE
    elif state == Session.State.LIVE and not session.has_password_of(session.user):
        state, reason = Session.State.REVOKED, Session.Reason.PASSWORD_CHANGED
    said = {
        Session.State.LIVE: "is live",
        Session.State.REVOKED: f"was revoked for {str(reason)!r}",
        Session.State.ENDED: "ended by itself",
    }[state]
    return _Outcome(state, str(reason), f"session {session.pk} of {session.user} {said}")
