"""What the database knows of a token: whether it is good, and the records of it."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.db import router, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from . import rotation
from .claims import Claims
from .conf import conf
from .exceptions import SessionRevoked, TokenInvalid, UserInactive
from .models import IssuedToken, Session, is_active, subject_of
from .query import session_with_user

logger = logging.getLogger("jwt_refresh")


def write_alias() -> str:
    """Where sessions are written, and read as well: a replica may lag behind a revocation."""
    return router.db_for_write(Session)


@sensitive_variables("encoded")
def authenticate(encoded: str) -> tuple[Session, Claims]:
    """The session, with its ``user``, and the claims of a token that authenticates a request.

    One query; one more the first time that a token of its generation is used, which confirms
    it. Raises ``TokenError``.
    """
    claims = conf.verifier().authenticating(encoded)
    session = living_session(claims, timezone.now())
    if session.confirmed_at is None and claims.refreshable_jti == session.current_jti:
        _confirm(session)
    return session, claims


@sensitive_variables("encoded")
def verify(encoded: str) -> Claims:
    """The claims of a token that would authenticate now. Confirms nothing; one query.

    Raises ``TokenError``.
    """
    claims = conf.verifier().current(encoded)
    living_session(claims, timezone.now())
    return claims


@sensitive_variables("encoded")
def find(encoded: str) -> Session | None:
    """The session of a token that we signed, expired or not; ``None`` where it is gone.

    One query. Raises ``TokenError``.
    """
    sid = parse_sid(conf.verifier().ours(encoded))
    sessions = Session.objects.using(write_alias()).select_related("user")
    return sessions.filter(pk=sid).first()


def living_session(claims: Claims, now: datetime) -> Session:
    """The session that the claims name, with its ``user``, if a token of it is good for anything.

    One query. Raises the ``TokenError`` that says why not.
    """
    session = session_with_user(parse_sid(claims), write_alias())
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


def records(
    session: Session, claims: Claims, *, keyed: bool
) -> tuple[IssuedToken | None, IssuedToken | None]:
    """The records that the verdict needs, in one query at most: of the token that was
    presented, and of what took its place. ``keyed``: there is an ``Idempotency-Key``."""
    issued = IssuedToken.objects.using(write_alias()).filter(session=session)
    if claims.jti == session.current_jti:
        return None, None
    if claims.jti == session.previous_jti:
        return None, issued.filter(jti=session.current_jti).first() if keyed else None
    since = issued.filter(jti=claims.jti).values("id")[:1]
    presented, successor = (*issued.filter(id__gte=since).order_by("id")[:2], None, None)[:2]
    return presented, successor


def _confirm(session: Session) -> None:
    """Confirm once the caller's transaction is over. No request fails for the lack of it."""
    rows = Session.objects.using(write_alias())
    try:
        transaction.on_commit(lambda: rows.confirm(session), using=rows.db, robust=True)
    except transaction.TransactionManagementError:
        logger.warning("Not confirmed in a hand-made transaction: sid=%s", session.pk)


def _why_gone(claims: Claims) -> SessionRevoked | UserInactive:
    users = get_user_model()._default_manager.using(write_alias())
    try:
        found = users.filter(**{conf.USER_ID_FIELD: claims.sub}).exists()
    except (FieldError, ValidationError, ValueError):
        found = False
    return SessionRevoked("gone") if found else UserInactive("gone")
