"""The start of a session."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Style, later, whole_second
from jwt_refresh.core.encoding import is_digest
from jwt_refresh.core.users import auth_hash_of, auth_hashes_of, set_user
from jwt_refresh.exceptions import PasswordChanged, UserInactive
from jwt_refresh.lifetimes import Lifetimes, lifetimes_of
from jwt_refresh.models import MAX_AMR, Session
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import in_rounds, in_transaction, session_rows, write_alias

from . import events, proving
from .checking import may_authenticate
from .device import plain_of, recorded_client
from .ending import revoke, revoke_all
from .issuing import Tokens, record, tokens_of

MOST = 1000
"""Most live sessions of a user where ``MAX_SESSIONS`` is ``None``: more than people have."""


@sealed
def start(
    user: Any,
    request: HttpRequest | Request | None = None,
    *,
    amr: Sequence[str] = (),
    login: bool = True,
    jkt: str | None = None,
) -> Tokens:
    """Start a session of ``user`` and issue its first tokens.

    For any way of logging in: the caller has made sure that it is this user, and may say how by
    ``amr``, the words of RFC 8176 (``pwd``, ``otp``, ``mfa``), which stay on the session and in
    its tokens. As a login it sets ``request.user`` and sends Django's ``user_logged_in``, on which
    ``last_login`` moves, and links that are good for one login are used up. ``login=False`` does
    neither: for a session that somebody else uses, such as the support of a shop.

    The session is bound to the key of the proof in ``request``, where there is one and ``DPOP`` is
    not ``"off"``. ``jkt`` decides that instead: the thumbprint of a key (RFC 7638) that was proved
    before, or empty for none.

    Three statements, a count and two inserts, beside what the receivers of that signal make; with
    ``MAX_SESSIONS`` a lock and an update in the place of the count, and a query where it revoked
    something. Joins the caller's transaction.

    Raises ``ValueError`` for an ``amr`` that is no short list of words, for a ``jkt`` that is no
    thumbprint, and where the keys only verify; ``UserInactive``, also where the user was deleted
    meanwhile; ``PasswordChanged`` where a replica, which lags, had shown the user with another
    password; and ``ProofInvalid`` for a proof that is none, or none where ``DPOP`` requires one.
    What a receiver of ``user_logged_in`` raises is passed on, and the session is revoked; what
    ``MAX_SESSIONS`` has ended for it stays so.
    """
    plain = plain_of(request)
    jkt = proving.key_at_login(plain) if jkt is None else jkt
    user = _as_written(user)
    if not may_authenticate(user):
        raise UserInactive("inactive at login")
    now = timezone.now()
    session = new_session(user, lifetimes_of(user, request), plain, amr, now, jkt)
    tokens = tokens_of(session, now, plain)
    most = conf.MAX_SESSIONS or _most_if_full(user)
    try:
        in_rounds(lambda: _save(session, now, most))
    except IntegrityError:
        # A commit that was made, and whose answer was lost, is found by the next round.
        if not session_rows().filter(pk=session.pk).exists():
            raise UserInactive("deleted during login") from None
    events.started(session, plain)
    if login:
        try:
            _tell_logged_in(user, plain)
        except Exception:
            _take_back(session)
            raise
    return tokens


def _tell_logged_in(user: Any, request: Any) -> None:
    # Receivers are promised a request: Django's test client, too, gives them an empty one.
    plain = HttpRequest() if request is None else getattr(request, "_request", request)
    set_user(plain, user)
    kind = user.__class__
    try:
        # A receiver that meets a deadlock is asked again, as it would be by a client that was
        # told to try again, and with no second session.
        in_rounds(lambda: user_logged_in.send(kind, request=plain, user=user))
    except DatabaseError:
        # Django notes the time on the user's row, which may be gone by now; not where we hold it.
        rows = kind._base_manager.using(write_alias()).filter(pk=user.pk)
        if in_transaction() or rows.exists():
            raise
        raise UserInactive("deleted during login") from None


def _take_back(session: Session) -> None:
    """End a session whose tokens nobody gets, since a receiver of the login failed, or refused it.

    In a transaction the caller's rollback does so.
    """
    if not in_transaction():
        with suppress(DatabaseError):
            revoke(session, Session.Reason.LOGIN_REFUSED)


def adopt(
    user: Any,
    request: HttpRequest | Request | None,
    *,
    sid: UUID,
    jti: str,
    issued_at: datetime,
    expires_at: datetime,
) -> Session:
    """Start a session whose current token is one that another package has issued.

    No login: ``last_login`` stays, and the session has started when that token was issued, so that
    a view which asks for a recent login asks for one. ``SESSION_LIFETIME`` counts from now, and
    ``MAX_SESSIONS`` waits for the next login. ``sid`` and ``jti``, 32 characters at most, are made
    of that token; the instants are whole seconds in the past and at its end. Two statements, in
    the caller's transaction.

    Raises ``IntegrityError`` where there is such a session, and ``ImproperlyConfigured`` where the
    settings ask for the sliding style: the token would authenticate.
    """
    now, plain = timezone.now(), plain_of(request)
    lifetimes = lifetimes_of(user, request)
    if lifetimes.refresh_lifetime is None:
        raise ImproperlyConfigured(
            "A refresh token of another package needs a session in pair style: set "
            "JWT_REFRESH['REFRESH_LIFETIME']."
        )
    session = new_session(user, lifetimes, plain, (), now)
    session.pk, session.current_jti = sid, jti
    session.started_at = session.issued_at = session.rotated_at = issued_at
    session.expires_at = min(expires_at, session.ends_at or expires_at)
    session.save(using=write_alias(), force_insert=True)
    record(session, issued_at)
    events.started(session, plain)
    return session


def _as_written(user: Any) -> Any:
    """Return the user as the write database knows it. One query where it came from another."""
    alias = write_alias()
    if user._state.db in (None, alias):
        return user
    written = get_user_model()._base_manager.using(alias).filter(pk=user.pk).first()
    if written is None:
        raise UserInactive("deleted before login")
    if auth_hash_of(written) not in auth_hashes_of(user):
        raise PasswordChanged("changed before login")
    return written


def new_session(
    user: Any,
    lifetimes: Lifetimes,
    request: HttpRequest | None,
    amr: Sequence[str],
    now: datetime,
    jkt: str = "",
) -> Session:
    if jkt and not is_digest(jkt):
        raise ValueError("jkt is the SHA-256 thumbprint of a key (RFC 7638), or empty.")
    pair = lifetimes.refresh_lifetime is not None
    started_at = whole_second(now)
    end = lifetimes.session_lifetime
    address, agent = recorded_client(request)
    session = Session(
        user=user,
        style=Style.PAIR if pair else Style.SLIDING,
        lifetime=lifetimes.lifetime,
        refresh_lifetime=lifetimes.refresh_lifetime,
        started_at=started_at,
        rotated_at=now,
        ends_at=None if end is None else later(started_at, end),
        jkt=jkt,
        amr=_joined(amr),
        address=address,
        agent=agent,
    )
    session.renew(now)
    return session


def _joined(amr: Sequence[str]) -> str:
    joined = " ".join(amr)
    if isinstance(amr, str) or joined.split() != [*amr] or len(joined) > MAX_AMR:
        raise ValueError(
            "amr is a list of words, such as ['pwd', 'otp'], of 100 characters in all."
        )
    return joined


def _most_if_full(user: Any) -> int | None:
    """Return ``MOST`` where the user has as many sessions, else ``None``.

    A plain query, without a lock and before the transaction: of logins at the same instant some
    may be too many, until the next one. It costs the others one statement, and not two.
    """
    return MOST if session_rows().of_user(user).live().count() >= MOST else None


def _save(session: Session, now: datetime, most: int | None) -> Session:
    alias = write_alias()
    with transaction.atomic(using=alias):
        if most is not None:
            _make_room(session.user, most - 1)
        session.save(using=alias, force_insert=True)
        record(session, now)
    return session


def _make_room(user: Any, most: int) -> None:
    """Leave the user with ``most`` sessions. Logins of one user take turns here."""
    alias = write_alias()
    if connections[alias].features.has_select_for_update:
        users = get_user_model()._base_manager.using(alias).filter(pk=user.pk)
        # Evaluated for the lock alone. On SQLite the update below makes all writers take turns.
        list(users.select_for_update().values_list("pk"))
    theirs = session_rows().of_user(user)
    revoke_all(theirs.live().surplus(most), theirs, Session.Reason.MAX_SESSIONS)
