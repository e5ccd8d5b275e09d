"""The verbs: start a session, refresh it, revoke it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import OperationalError, connections, transaction
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from . import lookup, rotation, signals
from .claims import Claims
from .conf import conf
from .exceptions import TokenReused, Unavailable, UserInactive
from .issuing import Tokens, tokens_of
from .models import IssuedToken, Session, is_active, later
from .rotation import Act

logger = logging.getLogger("jwt_refresh")

ROUNDS = 3
"""How often a refresh is tried when it loses a race or its transaction."""

ROTATING = (
    "generation",
    "current_jti",
    "previous_jti",
    "issued_at",
    "expires_at",
    "rotated_at",
    "confirmed_at",
    "auth_hash",
)
"""The columns that a refresh writes; none of them has an index."""


def start(user: Any, request: HttpRequest | None = None) -> Tokens:
    """Start a session of ``user`` and issue its first token.

    For any way of logging in: the caller has made sure that it is this user. Two statements;
    joins the caller's transaction. Raises ``UserInactive``.
    """
    if not is_active(user):
        raise UserInactive("inactive at login")
    now = timezone.now()
    started_at = now.replace(microsecond=0)
    end = conf.SESSION_LIFETIME
    session = Session(
        user=user,
        style=Session.Style.SLIDING,
        started_at=started_at,
        rotated_at=now,
        ends_at=None if end is None else later(started_at, end),
    )
    session.renew(now, conf.LIFETIME)
    tokens = tokens_of(session, now)
    with transaction.atomic(using=lookup.write_alias()):
        session.save(using=lookup.write_alias(), force_insert=True)
        _record(session, now)
    logger.info("Session started: sid=%s", session.pk)
    _tell(signals.session_started, session=session, request=request)
    return tokens


@sensitive_variables("encoded", "idempotency_key")
def refresh(
    encoded: str, *, idempotency_key: str = "", request: HttpRequest | None = None
) -> Tokens:
    """Exchange a refreshable token, by the rule of ``rotation``.

    At most 3 statements where it succeeds unraced, beside its transaction's own. A refresh
    that fails consumes nothing; a reuse that it finds is revoked before it raises.

    Raises ``TokenError``, and ``RuntimeError`` inside an open transaction, whose rollback
    would undo the revocation of a stolen session.
    """
    blocks: list[Any] = connections[lookup.write_alias()].atomic_blocks
    if not all(block._from_testcase for block in blocks):
        raise RuntimeError(
            "sessions.refresh() cannot run inside a transaction: mark the view with "
            "transaction.non_atomic_requests."
        )
    claims = conf.verifier().refreshable(encoded)
    key_hashes = _key_hashes(idempotency_key)
    for rounds_left in reversed(range(ROUNDS)):
        try:
            tokens = _exchange(claims, key_hashes, request)
        except OperationalError:
            # A deadlock, a serialization failure, MariaDB's 1020: nothing of the transaction was
            # kept. Where it is the database itself that is gone, the last round says so.
            if not rounds_left:
                raise
        else:
            if tokens is not None:
                return tokens
    raise Unavailable("lost every round of a race")


def revoke(session: Session, reason: str) -> bool:
    """End a session; whether it was not revoked before. One statement.

    Joins the caller's transaction.
    """
    at = timezone.now()
    if not Session.objects.using(lookup.write_alias()).filter(pk=session.pk).revoke(reason, at):
        return False
    session.revoked_at, session.revoked_reason = at, reason
    _announce_revoked(session)
    return True


def revoke_user(user: Any, reason: str) -> int:
    """End all sessions of a user; how many. Two statements, however many there are.

    Joins the caller's transaction.
    """
    at = timezone.now()
    sessions = Session.objects.using(lookup.write_alias()).filter(user=user)
    count = sessions.revoke(reason, at)
    for session in sessions.filter(revoked_at=at):
        _announce_revoked(session)
    return count


def _exchange(claims: Claims, key_hashes: list[str], request: HttpRequest | None) -> Tokens | None:
    """One round of a refresh; ``None`` where somebody else changed the row meanwhile."""
    now = timezone.now()
    session = lookup.living_session(claims, now)
    presented, successor = lookup.records(session, claims, keyed=bool(key_hashes))
    try:
        act = rotation.verdict(
            session,
            claims,
            presented,
            successor,
            now=now,
            windows=conf.windows(),
            key_hashes=frozenset(key_hashes),
        )
    except TokenReused:
        if revoke(session, Session.Reason.REUSE):
            logger.warning("Token reused: sid=%s jti=%s", session.pk, claims.jti)
            _tell(signals.reuse_detected, session=session, request=request)
        raise
    reissue = act is Act.REISSUE
    tokens = tokens_of(session, now) if reissue else _swap(session, act, now, key_hashes)
    if tokens is not None:
        _tell(signals.session_refreshed, session=session, request=request)
    return tokens


def _swap(session: Session, act: Act, now: datetime, key_hashes: list[str]) -> Tokens | None:
    """Move the row on to a new token, unless it is no longer as it was read.

    The conditional UPDATE is the whole lock: of any number of requests that present one token,
    one changes the row. SELECT FOR UPDATE would need a database that has it, and a statement
    more. As the first statement of its transaction it also makes writers on SQLite queue up,
    where one that had read before would fail.
    """
    rows = Session.objects.using(lookup.write_alias())
    as_read = rows.filter(pk=session.pk, current_jti=session.current_jti, revoked_at=None)
    if act is Act.ROTATE:
        session.previous_jti = session.current_jti
        session.generation += 1
        session.rotated_at = now
    else:
        as_read = as_read.filter(confirmed_at=None)
    session.renew(now, conf.LIFETIME)
    tokens = tokens_of(session, now)
    with transaction.atomic(using=rows.db, durable=True):
        if not as_read.update(**{name: getattr(session, name) for name in ROTATING}):
            return None
        _record(session, now, *key_hashes[:1])
    return tokens


def _record(session: Session, now: datetime, key_hash: str = "") -> None:
    # To the microsecond, unlike the claim: the windows of superseded tokens count from here.
    IssuedToken.objects.using(lookup.write_alias()).create(
        jti=session.current_jti,
        session=session,
        generation=session.generation,
        issued_at=now,
        expires_at=session.expires_at,
        key_hash=key_hash,
    )


def _announce_revoked(session: Session) -> None:
    logger.info("Session revoked: sid=%s reason=%s", session.pk, session.revoked_reason)
    _tell(signals.session_revoked, session=session, reason=session.revoked_reason)


def _tell(signal: Signal, **facts: Any) -> None:
    alias = lookup.write_alias()
    transaction.on_commit(lambda: signal.send_robust(Session, **facts), using=alias, robust=True)


def _key_hashes(idempotency_key: str) -> list[str]:
    """Hashes keyed by every secret in force, the one to be stored first; none of an empty key."""
    salt, secrets = "jwt_refresh.idempotency", (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [
        salted_hmac(salt, idempotency_key, secret=secret, algorithm="sha256").hexdigest()
        for secret in secrets
        if idempotency_key
    ]
