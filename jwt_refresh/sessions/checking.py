"""What the database knows of a token: whether it is good, and the records of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jwt_refresh.conf import conf
from jwt_refresh.core import rotation
from jwt_refresh.core.claims import Claims, Kind
from jwt_refresh.core.rotation import Act
from jwt_refresh.core.users import is_active, subject_of
from jwt_refresh.exceptions import (
    SessionRevoked,
    StaleRetry,
    TokenInvalid,
    TokenReused,
    UserInactive,
)
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.stores.database import GONE, after_commit, unavailable, write_alias
from jwt_refresh.stores.query import CHECKED, Columns, session_with_user


@sensitive_variables()
def authenticate(
    encoded: str, request: HttpRequest | None, *, confirm: bool = True
) -> tuple[Session, Claims]:
    """The session, with its ``user``, and the claims of a token that authenticates a request.

    One query; with ``confirm`` one more the first time that a token of its generation is used,
    which proves that the client holds it. Raises ``TokenError``.
    """
    claims = conf.verifier(request).authenticating(encoded)
    try:
        session = living_session(claims, timezone.now(), CHECKED)
    except GONE as error:
        raise unavailable(error) from None
    unconfirmed = session.confirmed_at is None and claims.refreshable_jti == session.current_jti
    if confirm and unconfirmed:
        rows = Session.objects.using(write_alias())
        # No request fails for the lack of it.
        after_commit(lambda: rows.confirm(session))
    return session, claims


@sensitive_variables()
def verify(encoded: str, request: HttpRequest | None) -> Claims:
    """The claims of a token that would authenticate, or be refreshed, now.

    Changes nothing, and tells nothing of what became of the token: whoever polls with a stolen
    one must not learn when its owner refreshes. One query; two for a refresh token that is not
    the current one. Raises ``TokenError``.
    """
    now = timezone.now()
    claims = conf.verifier(request).current(encoded)
    session = living_session(claims, now)
    if claims.kind is Kind.REFRESH:
        try:
            judge(session, claims, (), now)
        except (StaleRetry, TokenReused):
            raise TokenInvalid("superseded") from None
    return claims


@sensitive_variables()
def find(encoded: str, request: HttpRequest | None) -> Session | None:
    """The session of a token that we signed, expired or not; ``None`` where it is gone.

    One query. Raises ``TokenError``.
    """
    sid = parse_sid(conf.verifier(request).ours(encoded))
    sessions = Session.objects.using(write_alias()).select_related("user")
    return sessions.filter(pk=sid).first()


def living_session(claims: Claims, now: datetime, columns: Columns | None = None) -> Session:
    """The session that the claims name, with its ``user``, if a token of it is good for anything.

    One query, of the ``columns`` or of all. Raises the ``TokenError`` that says why not.
    """
    session = session_with_user(parse_sid(claims), write_alias(), columns)
    if session is None:
        raise _why_gone(claims)
    user = session.user
    active, same_password = is_active(user), session.has_password_of(user)
    rotation.check_alive(session, claims, now=now, active=active, same_password=same_password)
    if claims.sub != subject_of(user, conf.USER_ID_FIELD):
        raise TokenInvalid("not the user of the session")
    return session


def parse_sid(claims: Claims) -> uuid.UUID:
    try:
        return uuid.UUID(claims.sid)
    except ValueError:
        raise SessionRevoked("sid is not one of ours") from None


def judge(session: Session, claims: Claims, key_hashes: Sequence[str], now: datetime) -> Act:
    """The verdict on a refreshable token of a living session. One query where records count.

    Raises ``TokenError``.
    """
    return rotation.verdict(
        session,
        claims,
        _successor(session, claims, keyed=bool(key_hashes)),
        now=now,
        windows=conf.windows(),
        key_hashes=frozenset(key_hashes),
    )


def _successor(session: Session, claims: Claims, *, keyed: bool) -> IssuedToken | None:
    """The record of what took the place of a token, as far as the verdict needs it.

    ``keyed``: there is an ``Idempotency-Key``.
    """
    if claims.jti == session.current_jti:
        return None
    issued = IssuedToken.objects.using(write_alias()).filter(session=session)
    if claims.jti == session.previous_jti:
        return issued.filter(jti=session.current_jti).first() if keyed else None
    presented = issued.filter(jti=claims.jti).values("id")[:1]
    return issued.filter(id__gt=presented).order_by("id").first()


def _why_gone(claims: Claims) -> SessionRevoked | UserInactive:
    users = get_user_model()._default_manager.using(write_alias())
    try:
        found = users.filter(**{conf.USER_ID_FIELD: claims.sub}).exists()
    except (FieldError, ValidationError, ValueError):
        found = False
    return SessionRevoked("gone") if found else UserInactive("gone")
