"""The exchange of an old refresh token: on its first presentation it gets a session of ours."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims, Kind, at, numeric_date
from jwt_refresh.core.users import subject_of
from jwt_refresh.exceptions import SessionRevoked, TokenAlreadyExpired, TokenExpired
from jwt_refresh.models import Session
from jwt_refresh.sealing import sealed
from jwt_refresh.sessions.starting import adopt
from jwt_refresh.stores.database import in_rounds, session_rows, write_alias

from . import blacklist, cutoff, old
from .models import ExchangedToken

NAMESPACE = uuid.UUID("3bc735b0-644f-4b34-ade8-897b3075131d")
"""For the ``sid`` of the session of an old token (RFC 9562 section 5.5)."""
FAR = 36500 * 24 * 60 * 60
"""A token that lives longer than a hundred years, in seconds, is one that simplejwt never ends."""


@sealed
def refreshable(encoded: str, request: HttpRequest | None) -> Claims:
    """Return the claims of an old refresh token, as if it were the first one of a session of ours.

    On its first presentation it gets that session, and simplejwt's blacklist says so, where there
    is one. From then on the rule of ``core.rotation`` decides what becomes of it: so a second tab
    and a lost answer get the same successor, and racers too. One query; on the first presentation
    nine statements.

    Raises ``TokenInvalid``, ``TokenAlreadyExpired``, ``SessionRevoked`` for a token that was
    blacklisted or cut off, or whose session is over and gone, ``UserInactive`` and
    ``PasswordChanged``.
    """
    content = old.read(encoded, "refresh")
    sid = _sid(encoded)
    session = _session(sid) or in_rounds(lambda: _first_session(sid, content, request))
    return _claims(session, content)


def known(encoded: str) -> Claims | None:
    """Return the claims of an old token that has a session; ``None`` if it is good without one.

    Raises ``TokenInvalid``, ``TokenExpired``, ``UserInactive``, ``PasswordChanged``, and
    ``SessionRevoked`` for a token that was blacklisted or cut off, or whose session is over and
    gone. At most five queries.
    """
    content = old.read(encoded, None)
    if old.is_expired(content):
        raise TokenExpired("a token of simplejwt past exp")
    sid = _sid(encoded)
    session = _session(sid)
    if session is not None:
        return _claims(session, content)
    # The token of a service, say, names nobody, and simplejwt verifies it all the same.
    if old.setting("USER_ID_CLAIM") in content:
        cutoff.check(old.user_of(content), content)
    _check_unused(sid, content)
    return None


def _sid(encoded: str) -> uuid.UUID:
    # Without the signature: of some algorithms each has another one that holds as well.
    return uuid.uuid5(NAMESPACE, encoded.rpartition(".")[0])


def _claims(session: Session, content: Mapping[str, Any]) -> Claims:
    given = {
        "sub": subject_of(session.user, conf.USER_ID_FIELD),
        "sid": str(session.pk),
        "jti": session.pk.hex,
        "iat": numeric_date(session.started_at),
        "exp": int(content["exp"]),
    }
    return Claims(Kind.REFRESH, MappingProxyType(given), expired=old.is_expired(content))


def _session(sid: uuid.UUID) -> Session | None:
    return session_rows().select_related("user").filter(pk=sid).first()


def _first_session(
    sid: uuid.UUID, content: dict[str, Any], request: HttpRequest | None
) -> Session | None:
    """Exchange a token that has no session; ``None`` where somebody else just did."""
    if old.is_expired(content):
        raise TokenAlreadyExpired("a token of simplejwt past exp")
    user, alias = old.user_of(content), write_alias()
    cutoff.check(user, content)
    try:
        _check_unused(sid, content)
    except SessionRevoked:
        # Or somebody else has exchanged it just now.
        if session := _session(sid):
            return session
        raise
    now = timezone.now()
    seconds = numeric_date(now)
    try:
        with transaction.atomic(using=alias):
            ExchangedToken.objects.using(alias).create(sid=sid, exchanged_at=now)
            blacklist.add(_id_of(content))
            return adopt(
                user,
                request,
                sid=sid,
                jti=sid.hex,
                issued_at=at(min(max(int(content.get("iat", seconds)), 0), seconds), like=now),
                expires_at=at(min(int(content["exp"]), seconds + FAR), like=now),
            )
    except IntegrityError:
        return _session(sid)


def _check_unused(sid: uuid.UUID, content: Mapping[str, Any]) -> None:
    exchanged = ExchangedToken.objects.using(write_alias()).filter(pk=sid)
    if blacklist.has_blacklisted(_id_of(content)) or exchanged.exists():
        raise SessionRevoked("a token of simplejwt that is blacklisted, or logged out")


def _id_of(content: Mapping[str, Any]) -> Any:
    return content.get(old.setting("JTI_CLAIM"))
