"""The check of a token against the database: its session, its user, and its records."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from jwt_refresh.conf import conf
from jwt_refresh.core import rotation
from jwt_refresh.core.claims import Claims, Kind
from jwt_refresh.core.rotation import Act, Owner
from jwt_refresh.core.users import is_active, subject_of
from jwt_refresh.exceptions import (
    PasswordChanged,
    SessionRevoked,
    StaleRetry,
    TokenInvalid,
    TokenReused,
    UserInactive,
)
from jwt_refresh.models import IssuedToken, Session, SessionQuerySet
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import GONE, session_rows, unavailable, write_alias
from jwt_refresh.stores.query import CHECKED, Columns, session_with_user

from . import proving
from .ending import revoke_refused
from .events import after_commit


@sealed
def authenticate(
    encoded: str, request: HttpRequest | None, *, confirm: bool = True
) -> tuple[Session, Claims]:
    """Return the session, with its ``user``, and the claims of a token that makes a request.

    One query; with ``confirm`` one more the first time that a token of its generation is used,
    which proves that the client holds it; and one more where the session ends by this request,
    since its user is inactive or has a new password.

    A bound token (RFC 9449) authenticates a request that proves its key; its proof is used up.

    Raises ``TokenInvalid``, ``TokenExpired``, ``SessionRevoked``, ``UserInactive``,
    ``PasswordChanged``, ``BindingViolated`` and its kinds, and ``Unavailable`` where the database,
    the keys or the cache of the proofs cannot be asked.
    """
    claims = proving.authenticating(encoded, request)
    session = check_again(claims)
    unconfirmed = session.confirmed_at is None and claims.refreshable_jti == session.current_jti
    if confirm and unconfirmed:
        # No request fails for the lack of it.
        after_commit(lambda: session_rows().confirm(session))
    return session, claims


def check_again(claims: Claims) -> Session:
    """Return the session, with its ``user``, of a token that was verified before, if it lives.

    One query. Raises as ``authenticate`` does, but for the end of the token itself, which it does
    not look at.
    """
    try:
        return living_session(claims, timezone.now(), CHECKED)
    except GONE as error:
        raise unavailable(error) from error


def may_authenticate(user: Any) -> bool:
    """Tell whether the project lets ``user`` be logged in, as for the sessions of Django itself.

    Its backends say so in ``user_can_authenticate``, and one that agrees is enough; where none
    has that method, ``is_active`` decides.
    """
    backends = _deciding(tuple(settings.AUTHENTICATION_BACKENDS))
    for backend in backends:
        if backend().user_can_authenticate(user):
            return True
    return not backends and is_active(user)


@lru_cache(maxsize=16)
def _deciding(paths: tuple[str, ...]) -> list[Callable[[], Any]]:
    backends: list[Any] = [import_string(path) for path in paths]
    return [backend for backend in backends if hasattr(backend(), "user_can_authenticate")]


def verify(claims: Claims, request: HttpRequest | None = None) -> None:
    """Raise unless the token would authenticate a request, or be refreshed, now.

    Does not tell what became of the token: whoever polls with a stolen one must not learn when
    its owner refreshes. Changes nothing but what any request does that a session is refused for:
    where the user is inactive or has a new password, the session ends. One query; two for a
    refresh token that is not the current one. Of a bound session, a refresh token would be
    refreshed with a proof of its key, so ``request`` must have one.

    Raises ``SessionRevoked``, ``UserInactive``, ``PasswordChanged``, ``BindingViolated`` and its
    kinds, and ``TokenInvalid``, for a superseded refresh token too.
    """
    now = timezone.now()
    session = living_session(claims, now)
    if claims.kind is Kind.REFRESH:
        if session.jkt:
            proving.check_key(session.jkt, request, fresh=False)
        try:
            judge(session, claims, (), now)
        except (StaleRetry, TokenReused):
            raise TokenInvalid("superseded") from None


def find(claims: Claims) -> Session | None:
    """Return the session, with its ``user``, of any token of ours; ``None`` where it is gone.

    One query. Raises ``SessionRevoked`` where the session cannot be one of ours.
    """
    return session_rows().select_related("user").filter(pk=parse_sid(claims)).first()


def sessions_of(user: Any) -> SessionQuerySet:
    """Return the sessions of a user, as the write database has them."""
    return session_rows().of_user(user)


def living_session(claims: Claims, now: datetime, columns: Columns | None = None) -> Session:
    """Return the session that the claims name, with its ``user``, if it lives.

    One query, of the ``columns`` or of all. Raises the ``TokenError`` that says why it does not;
    for an inactive user or a new password, the session ends with that, for good.
    """
    session = session_with_user(parse_sid(claims), write_alias(), columns)
    if session is None:
        raise _why_gone(claims)
    user = session.user
    owner = Owner(
        subject_of(user, conf.USER_ID_FIELD), may_authenticate(user), session.has_password_of(user)
    )
    try:
        rotation.check_alive(session, owner, claims, now=now)
    except (UserInactive, PasswordChanged) as error:
        if session.revoked_at is None:
            revoke_refused(session, error.code)
        raise
    return session


def parse_sid(claims: Claims) -> uuid.UUID:
    """Return the session id. Raises ``SessionRevoked`` for one that was never one of ours."""
    try:
        return uuid.UUID(claims.sid)
    except ValueError:
        raise SessionRevoked("sid is not one of ours") from None


def judge(session: Session, claims: Claims, key_hashes: Sequence[str], now: datetime) -> Act:
    """Take the verdict on a refreshable token of a living session. One query where records count.

    Of a bound session, whose key the caller has checked, none count.

    Raises ``TokenReused``, ``StaleRetry`` and ``TokenAlreadyExpired``.
    """
    if session.jkt:
        return rotation.bound_verdict(session, claims)
    record, successor = _records(session, claims, keyed=bool(key_hashes))
    return rotation.verdict(
        session,
        claims,
        record,
        successor,
        now=now,
        windows=conf.windows(),
        key_hashes=frozenset(key_hashes),
    )


def _records(
    session: Session, claims: Claims, *, keyed: bool
) -> tuple[IssuedToken | None, IssuedToken | None]:
    """Return the records of the token and of the one that took its place, where they count.

    ``keyed``: there is an ``Idempotency-Key``.
    """
    if claims.jti == session.current_jti:
        return None, None
    issued = IssuedToken.objects.using(write_alias()).filter(session=session)
    if claims.jti == session.previous_jti:
        return None, issued.filter(jti=session.current_jti).first() if keyed else None
    # A racer may have put the token on record since the row was read: then our swap must fail.
    issued = issued.filter(generation__lte=session.generation)
    # By generation and time: on a cluster with several primaries, ids do not grow with it.
    presented = issued.filter(
        Q(generation__lt=OuterRef("generation"))
        | Q(generation=OuterRef("generation"), issued_at__lte=OuterRef("issued_at")),
        jti=claims.jti,
    )
    on = issued.filter(Exists(presented)).order_by("generation", "issued_at", "id")[:2]
    record, successor, *_ = *on, None, None
    return record, successor


def _why_gone(claims: Claims) -> SessionRevoked | UserInactive:
    users = get_user_model()._default_manager.using(write_alias())
    try:
        found = users.filter(**{conf.USER_ID_FIELD: claims.sub}).exists()
    except (FieldError, ValidationError, ValueError):
        found = False
    return SessionRevoked("gone") if found else UserInactive("gone")
