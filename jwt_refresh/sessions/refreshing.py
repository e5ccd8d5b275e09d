"""The refresh of a session: read it, take the verdict, move the row on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims
from jwt_refresh.core.rotation import Act
from jwt_refresh.exceptions import BindingViolated, InvalidRequest, NonceNeeded, TokenReused
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import in_rounds, in_transaction, session_rows

from . import checking, events, proving
from .device import plain_of, recorded_client
from .ending import mark_revoked, revoke_user
from .issuing import Tokens, record, record_of, tokens_of

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
    equals nothing. ``request`` gives the tenant, the address, the agent, and the proof that the
    session asks for if it is bound to a key (RFC 9449).

    Returns ``Tokens``: the ``session``, ``access_token`` and ``expires_in`` (seconds), and in pair
    style also ``refresh_token`` and ``refresh_expires_in``. At most 3 statements where it succeeds
    unraced, beside those of its transaction; 5 where the database has lost the refresh that made
    the token. A refresh that fails consumes nothing.

    Raises ``TokenInvalid``, ``TokenAlreadyExpired``, ``SessionRevoked``, ``UserInactive``,
    ``PasswordChanged``; ``TokenReused``, after the session was revoked; ``StaleRetry``, where
    nothing changed; ``BindingViolated`` and its kinds for a bound session without its key;
    ``InvalidRequest`` for an ``idempotency_key`` that is too long; ``Unavailable`` where the keys
    or the cache of the proofs cannot be had, or every round of a race was lost; and
    ``RuntimeError`` inside an open transaction, whose rollback would undo the revocation of a
    stolen session. Errors of the database itself are not caught.
    """
    if in_transaction():
        raise RuntimeError(
            "sessions.refresh() cannot run inside a transaction: mark the view with "
            "transaction.non_atomic_requests."
        )
    plain = plain_of(request)
    claims = proving.refreshable(encoded, plain)
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
    if session.jkt:
        _check_key(session, request)
    try:
        act = checking.judge(session, claims, key_hashes, now)
    except TokenReused as error:
        end = partial(_end_reused, session, claims, request, error.case)
        end()
        if joined:
            events.after_request(end)
        raise
    permit()
    if act is Act.REISSUE or not rotates:
        if act is Act.RECOVER:
            session.restore(claims)
        tokens: Tokens | None = tokens_of(session, now, request)
    else:
        tokens = _swap(session, claims, act, now, key_hashes, request)
    if tokens is not None:
        if act is Act.RECOVER:
            events.write_lost(session, claims.jti)
        events.refreshed(session, request)
    return tokens


def _check_key(session: Session, request: HttpRequest | None) -> None:
    """Raise ``BindingViolated``, and tell, unless the request proves the key of the session.

    Nothing is revoked: whoever stole a token without its key must not log its owner out.
    """
    try:
        proving.check_key(session.jkt, request, fresh=True)
    except NonceNeeded:
        # Its client comes again with a nonce, and that proof tells whose it is.
        raise
    except BindingViolated:
        events.binding_violated(session, request)
        raise


def _end_reused(session: Session, claims: Claims, request: HttpRequest | None, case: str) -> None:
    if not mark_revoked(session, Session.Reason.REUSE):
        return
    events.reused(session, request, claims.jti, case)
    events.revoked(session)
    # An expired token may be an old copy that somebody found: it ends its own session only.
    if conf.ON_REUSE == "user" and not claims.expired:
        revoke_user(session.user, Session.Reason.REUSE, keep=session.pk)


def _swap(
    session: Session,
    claims: Claims,
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
    forgotten: list[IssuedToken] = []
    if act is Act.RECOVER:
        session.restore(claims)
        forgotten = [record_of(session, session.issued_at)]
    if act is Act.REPLACE:
        as_read = as_read.filter(confirmed_at=None)
        session.renew(now)
    else:
        session.rotate(now)
    if request is not None:
        session.address, session.agent = recorded_client(request)
    tokens = tokens_of(session, now, request)
    with transaction.atomic(using=as_read.db):
        if not as_read.update(**{name: getattr(session, name) for name in ROTATING}):
            return None
        # Who holds a signing key could take the id from another session: one record is enough.
        IssuedToken.objects.using(as_read.db).bulk_create(forgotten, ignore_conflicts=True)
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
