"""The announcement of what happened: a signal, a log record, an entry on the denylist.

This is the only module that logs. A record carries its facts as attributes too (``event``,
``sid``, ``user_id``, ``reason``, ``jti``, ``case``, ``code``, ``why``, ``scope``), for those who
keep logs as data. No record holds a token or anything else that could be presented.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import local
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.signals import request_finished
from django.db import Error, close_old_connections, transaction
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from jwt_refresh import signals
from jwt_refresh.exceptions import TokenError, Unavailable
from jwt_refresh.models import Session
from jwt_refresh.sealing import seal
from jwt_refresh.stores import denylist
from jwt_refresh.stores.cache import add_once, cache_key
from jwt_refresh.stores.database import in_transaction, write_alias

logger = logging.getLogger("jwt_refresh")

VIOLATIONS_APART = 60
"""How long after a violation of a session's binding no other is told, in seconds."""


def started(session: Session, request: HttpRequest | None) -> None:
    """Announce a login."""
    _tell(signals.session_started, "session_started", session, {"request": request})


def refreshed(session: Session, request: HttpRequest | None) -> None:
    """Announce a refresh, also one that handed out the same token again."""
    facts = {"request": request}
    _tell(signals.session_refreshed, "session_refreshed", session, facts, jti=session.current_jti)


def reused(session: Session, request: HttpRequest | None, jti: str, case: str) -> None:
    """Announce the reuse of the token ``jti``: theft, or a client that keeps old tokens.

    ``case`` is that of ``TokenReused``.
    """
    facts = {"request": request, "case": case}
    level = logging.WARNING
    _tell(signals.reuse_detected, "reuse_detected", session, facts, level, jti=jti, case=case)


def write_lost(session: Session, jti: str) -> None:
    """Log that the database has forgotten the refresh that made the token ``jti``. No theft."""
    noted = _facts("write_lost", session, jti=jti)
    after_commit(lambda: _log(logging.WARNING, noted))


def binding_violated(session: Session, request: HttpRequest | None) -> None:
    """Announce that a token of a bound session came without its key: a token that was stolen.

    At most once in ``VIOLATIONS_APART`` for each session, by the default cache: whoever has such a
    token may come again as often as he likes. Where that cannot be asked, each time.
    """
    try:
        key = cache_key("binding-violated", str(session.pk))
        if not add_once(DEFAULT_CACHE_ALIAS, key, VIOLATIONS_APART):
            return
    except Unavailable as error:
        unavailable(error, sid=str(session.pk))
    facts, level = {"request": request}, logging.WARNING

    def tell() -> None:
        _tell(signals.binding_violated, "binding_violated", session, facts, level)

    # A transaction round a refused request is rolled back as a rule, and would take it along.
    (after_request if in_transaction() else after_commit)(tell)


def revoked(session: Session) -> None:
    """Announce a revocation, on the denylist first."""
    reason = session.revoked_reason
    after_commit(lambda: _publish(session))
    _tell(signals.session_revoked, "session_revoked", session, {"reason": reason}, reason=reason)


def refused(error: TokenError) -> None:
    """Log why a request is refused, at the moment at which the refusal is sent.

    A store that does not answer is an ERROR, with the traceback of its cause where that is safe
    to show, and none of its variables; anything else is INFO.
    """
    away = isinstance(error, Unavailable)
    level = logging.ERROR if away else logging.INFO
    facts = {"event": "token_refused", "code": error.code, "why": str(error)}
    _log(level, facts, exc_info=error.__cause__ if away else None)


def throttled(scope: str) -> None:
    """Log that a request is refused because there were too many like it."""
    _log(logging.INFO, {"event": "throttled", "scope": scope})


def unavailable(error: Unavailable, **details: str) -> None:
    """Log that something was left undone where a store does not answer; the request goes on."""
    _log(logging.ERROR, {"event": "store_unavailable", "why": str(error)} | details)


def misconfigured(why: str) -> None:
    """Log that a setting does not fit what arrives."""
    _log(logging.WARNING, {"event": "misconfigured", "why": why})


def after_commit(act: Callable[[], object]) -> None:
    """Call ``act`` once the caller's transaction is committed; Django logs what it raises."""
    try:
        transaction.on_commit(act, using=write_alias(), robust=True)
    except transaction.TransactionManagementError:
        # Nobody learns when a transaction that was made by hand is over.
        _log(logging.WARNING, {"event": "left_out", "why": "inside a hand-made transaction"})


class _Left(local):
    """The acts that are left for the end of the request, in each thread its own."""

    def __init__(self) -> None:
        self.acts: list[Callable[[], object]] = []


_left = _Left()


def after_request(act: Callable[[], object]) -> None:
    """Call ``act`` once the request is answered, and any transaction round it is over."""
    _left.acts.append(act)


@receiver(request_finished)
def _act_at_last(**kwargs: Any) -> None:
    while _left.acts:
        act = _left.acts.pop(0)
        try:
            act()
        except Error as error:
            facts = {"event": "left_out", "why": "the database cannot be asked"}
            _log(logging.ERROR, facts, exc_info=error)
        close_old_connections()


def _publish(session: Session) -> None:
    try:
        denylist.publish(session)
    except Unavailable as error:
        unavailable(error, sid=str(session.pk))


def _tell(
    signal: Signal,
    event: str,
    session: Session,
    facts: dict[str, Any],
    level: int = logging.INFO,
    **details: str,
) -> None:
    noted = _facts(event, session, **details)

    def tell() -> None:
        _log(level, noted)
        signal.send_robust(Session, session=session, **facts)

    after_commit(tell)


def _facts(event: str, session: Session, **details: str) -> dict[str, str]:
    return {"event": event, "sid": str(session.pk), "user_id": str(session.user_id)} | details


def _log(level: int, facts: dict[str, str], exc_info: BaseException | None = None) -> None:
    text = " ".join(f"{name}=%s" for name in facts)
    if exc_info is not None:
        seal(exc_info)
    logger.log(level, text, *map(_on_one_line, facts.values()), exc_info=exc_info, extra=facts)


def _on_one_line(text: str) -> str:
    """Escape whatever is not printable: a reason may hold a line that looks like a record."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
