"""The refresh of a session: read it, take the verdict, move the row on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims
from jwt_refresh.core.rotation import Act
from jwt_refresh.exceptions import InvalidRequest, TokenReused
from jwt_refresh.models import Session
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import in_rounds, in_transaction, session_rows

from . import checking, events
from .device import plain_of, recorded_client
from .ending import mark_revoked, revoke_user
from .issuing import Tokens, record, tokens_of

ROTATING = (
    "generation",
    "current_jti",
    "previous_jti",
    "issued_at",
    "expires_at",
    "rotated_at",
    "confirmed_at",
    "auth_hash",
    "address",
    "agent",
)
"""The columns that a refresh writes; none of them has an index."""


MAX_IDEMPOTENCY_KEY = 255
"""Longest ``Idempotency-Key``, in characters."""


@sealed
def refresh(
    encoded: str, *, idempotency_key: str = "", request: HttpRequest | Request | None = None
) -> Tokens:
    """Exchange a refreshable token by the rule of ``core.rotation``.

    ``idempotency_key`` is the same for each try of one refresh, 255 characters at most; empty, it
    equals nothing. ``request`` gives the tenant, the address and the agent.

    Returns ``Tokens``: the ``session``, ``access_token`` and ``expires_in`` (seconds), and in pair
    style also ``refresh_token`` and ``refresh_expires_in``. At most 3 statements where it succeeds
    unraced, beside those of its transaction. A refresh that fails consumes nothing.

    Raises ``TokenInvalid``, ``TokenAlreadyExpired``, ``SessionRevoked``, ``UserInactive``,
    ``PasswordChanged``; ``TokenReused``, after the session was revoked; ``StaleRetry``, where
    nothing changed; ``InvalidRequest`` for a key that is too long; ``Unavailable`` where the keys
    cannot be had or every round of a race was lost; and ``RuntimeError`` inside an open
    transaction, whose rollback would undo the revocation of a stolen session. Errors of the
    database itself are not caught.
    """
    if in_transaction():
        raise RuntimeError(
            "sessions.refresh() cannot run inside a transaction: mark the view with "
            "transaction.non_atomic_requests."
        )
    plain = plain_of(request)
    claims = conf.verifier(plain).refreshable(encoded)
    return exchange(claims, idempotency_key=idempotency_key, request=plain)


def exchange(
    claims: Claims,
    *,
    idempotency_key: str = "",
    request: HttpRequest | None = None,
    permit: Callable[[], None] = lambda: None,
    rotates: bool = True,
) -> Tokens:
    """Do what ``refresh`` does, for a token that is verified already, and for our own endpoint.

    It also runs inside a transaction, which there is a middleware's: what row-level security
    shows, for example, only that transaction sees. One statement more, and one round. Where the
    middleware rolls back since the answer is an error, the revocation of a stolen session is
    made again as soon as the request is over.

    ``permit`` is called once, after the verdict, where tokens are about to be handed out; what it
    raises refuses the request, and nothing is changed. A limit before the verdict would let a
    thief who spends all tries hide the token that betrays him.

    ``rotates`` is off for clients that keep one refresh token until it ends: the row stays as it
    is, and so does the token. A thief who has it too is not found out.
    """
    if len(idempotency_key) > MAX_IDEMPOTENCY_KEY:
        raise InvalidRequest("Idempotency-Key is too long")
    key_hashes = _key_hashes(idempotency_key)
    # Once for all rounds: a race that is lost is no try of the client's.
    permit_once = cache(permit)
    return in_rounds(lambda: _exchange(claims, key_hashes, request, permit_once, rotates))


def _exchange(
    claims: Claims,
    key_hashes: list[str],
    request: HttpRequest | None,
    permit: Callable[[], None],
    rotates: bool,
) -> Tokens | None:
    """Take one round of a refresh; ``None`` where somebody else changed the row meanwhile."""
    joined = in_transaction()
    if joined:
        # A round that is lost could not be made anew: no other request may get in between.
        session_rows().filter(pk=checking.parse_sid(claims)).hold()
    now = timezone.now()
    session = checking.living_session(claims, now)
    try:
        act = checking.judge(session, claims, key_hashes, now)
    except TokenReused:
        _end_reused(session, claims, request)
        if joined:
            events.after_request(lambda: _end_reused(session, claims, request))
        raise
    permit()
    if act is Act.REISSUE or not rotates:
        tokens: Tokens | None = tokens_of(session, now, request)
    else:
        tokens = _swap(session, act, now, key_hashes, request)
    if tokens is not None:
        events.refreshed(session, request)
    return tokens


def _end_reused(session: Session, claims: Claims, request: HttpRequest | None) -> None:
    if not mark_revoked(session, Session.Reason.REUSE):
        return
    events.reused(session, request, claims.jti)
    events.revoked(session)
    # An expired token may be an old copy that somebody found: it ends its own session only.
    if conf.ON_REUSE == "user" and not claims.expired:
        revoke_user(session.user, Session.Reason.REUSE, keep=session.pk)


def _swap(
    session: Session,
    act: Act,
    now: datetime,
    key_hashes: list[str],
    request: HttpRequest | None,
) -> Tokens | None:
    """Move the row on to a new token, unless it is no longer as it was read.

    The conditional UPDATE is the whole lock: of any number of requests that present one token,
    one changes the row. SELECT FOR UPDATE would need a database that has it, and a statement
    more. As the first statement of its transaction it also makes writers on SQLite queue up,
    where one that had read before would fail. ``auth_hash`` is compared since the swap writes
    it: a session whose password was encoded anew meanwhile must not get the old hash back.
    """
    as_read = session_rows().filter(
        pk=session.pk,
        current_jti=session.current_jti,
        auth_hash=session.auth_hash,
        revoked_at=None,
    )
    if act is Act.ROTATE:
        session.previous_jti = session.current_jti
        session.generation += 1
        session.rotated_at = now
    else:
        as_read = as_read.filter(confirmed_at=None)
    session.renew(now)
    if request is not None:
        session.address, session.agent = recorded_client(request)
    tokens = tokens_of(session, now, request)
    with transaction.atomic(using=as_read.db):
        if not as_read.update(**{name: getattr(session, name) for name in ROTATING}):
            return None
        record(session, now, *key_hashes[:1])
    return tokens


def _key_hashes(idempotency_key: str) -> list[str]:
    """Hash the key with each secret in force, the one to be stored first; none of an empty key."""
    return [
        salted_hmac(
            "jwt_refresh.idempotency", idempotency_key, secret=secret, algorithm="sha256"
        ).hexdigest()
        for secret in conf.secret_keys
        if idempotency_key
    ]
