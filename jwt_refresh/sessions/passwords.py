"""Changes of a password that log nobody out: a mere re-encoding, and the user's own."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from jwt_refresh.core.claims import Claims
from jwt_refresh.core.rotation import has_ended
from jwt_refresh.core.users import auth_hash_of, auth_hashes_of
from jwt_refresh.models import Session
from jwt_refresh.sealing import seal, sealed
from jwt_refresh.stores.database import in_rounds, session_rows

from . import events
from .checking import parse_sid
from .device import plain_of
from .issuing import Tokens, record, tokens_of

KEPT = (
    "style",
    "lifetime",
    "refresh_lifetime",
    "started_at",
    "ends_at",
    "jkt",
    "amr",
    "address",
    "agent",
)
"""The columns that the session after a new password has from the one before."""

_checked: ContextVar[str | None] = ContextVar("password that is being checked", default=None)


@sealed
def keep_current(request: Any, user: Any) -> Tokens | None:
    """Go on with the session of ``request`` after a new password of ``user``, which is saved.

    For the view in which people change their own, like Django's ``update_session_auth_hash``,
    which gives the session a new key: a new session takes the place of the current one, and its
    tokens are returned, for the client. It is the same login, with the same end; no limit counts
    it as another. All older tokens are void from then on, access tokens too, and so are those of
    the other sessions. Call it in the transaction in which the password is saved, so that no
    request in between finds the one without the other. Four statements.

    Returns ``None``, and does nothing, where the request was authenticated by other means, for
    another user, or where its session has ended meanwhile.
    """
    claims = getattr(request, "auth", None)
    if not isinstance(claims, Claims):
        return None
    sid, plain = parse_sid(claims), plain_of(request)
    return next(iter(in_rounds(lambda: _succeed(sid, user, plain))), None)


def _succeed(sid: uuid.UUID, user: Any, request: HttpRequest | None) -> list[Tokens]:
    """Return the tokens of a new session in the place of the one named; none where it is over."""
    now, reason = timezone.now(), Session.Reason.PASSWORD_CHANGED
    row = session_rows().of_user(user).filter(pk=sid)
    with transaction.atomic(using=row.db):
        # Written before it is read: a refresh that is under way has lost, or is waited for.
        ended_here = row.live().mark_revoked(reason, now)
        # A request of another tab may have been refused for the new password already.
        session = row.filter(revoked_reason=reason).first()
        if session is None or has_ended(session, now):
            return []
        successor = _successor(session, user, now)
        tokens = tokens_of(successor, now, request)
        successor.save(using=row.db)
        record(successor, now)
        if ended_here:
            events.revoked(session)
        events.started(successor, request)
    return [tokens]


def _successor(session: Session, user: Any, now: datetime) -> Session:
    kept = {name: getattr(session, name) for name in KEPT}
    successor = Session(user=user, rotated_at=now, **kept)
    successor.renew(now)
    return successor


@sealed
def checking_password(password: str | None) -> AbstractContextManager[None]:
    """Let a hasher upgrade of ``password`` end no session while something checks it.

    Django encodes a password anew when it is checked and its encoding is outdated. To a session,
    that is a new password, unless it happens in here: ``with checking_password(password): ...``.
    """
    return _Checking(password)


class _Checking(AbstractContextManager[None]):
    # No generator: its frame would show the password in a report of an error in here.
    def __init__(self, password: str | None) -> None:
        self._password = password

    def __enter__(self) -> None:
        self._token = _checked.set(self._password)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _checked.reset(self._token)
        if error is not None:
            seal(error)


@sealed
def carry_over(
    instance: Any, using: str, update_fields: Collection[str] | None = None, **kwargs: Any
) -> None:
    """Take the sessions of a user along where the password that is checked is encoded anew.

    A receiver of ``pre_save`` of any model, since a backend may return a proxy or a subclass of
    the user model. Password and sessions change in one transaction, so that no request in between
    finds them apart; what Django saves afterwards is there already. The old encoding itself is
    asked if the password is the same: a backend that saves a new one at login, from a directory
    for example, ends the sessions as it must.
    """
    password = _checked.get()
    if password is None:
        return
    user = user_before(instance, using, update_fields)
    if user is None or not check_password(password, instance.password):
        return
    owner, encoded = _owner(), instance.password
    outdated: list[str] = []
    if check_password(password, user.password, outdated.append) and outdated:
        if _encode_anew(user, encoded, owner, using):
            return
        user = _stored(instance, owner, using)
    if user is not None and check_password(password, user.password):
        # Another login was first. One encoding of the two must stay, or its session dies.
        instance.password = user.password


def user_before(
    instance: Any, using: str, update_fields: Collection[str] | None = None
) -> Any | None:
    """Return the stored user whose password is another than a save of ``instance`` writes.

    ``None`` where the save changes no password. One query where it may change one.
    """
    if "password" not in (update_fields or ["password"]):
        return None
    owner = _owner()
    if owner is None or not isinstance(instance, owner):
        return None
    user = _stored(instance, owner, using)
    return None if user is None or user.password == instance.password else user


def _owner() -> Any:
    """Return the model that has the column of passwords: the user model, or a parent of it."""
    fields: Any = get_user_model()._meta.concrete_fields
    return next((field.model for field in fields if field.name == "password"), None)


def _stored(instance: Any, owner: Any, using: str) -> Any:
    """Return the user as it is stored, by its own model; ``None`` for a new one."""
    key = owner._meta.pk
    users = get_user_model()._base_manager.using(using)
    return users.filter(**{key.name: getattr(instance, key.attname)}).first()


def _encode_anew(user: Any, encoded: str, owner: Any, using: str) -> bool:
    """Store ``encoded``, and take the sessions along; ``False`` where the row has changed."""
    key, known = getattr(user, owner._meta.pk.attname), [*auth_hashes_of(user)]
    row = owner._base_manager.using(using).filter(pk=key, password=user.password)
    with transaction.atomic(using=using):
        if not row.update(password=encoded):
            return False
        user.password = encoded
        session_rows().of_user(user).carry_over(known, auth_hash_of(user))
    return True
