"""Changes of a password that leave sessions alive: a mere re-encoding, and the user's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth.hashers import check_password
from django.db import transaction

from jwt_refresh.core.claims import Claims
from jwt_refresh.core.users import auth_hash_of, auth_hashes_of
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import session_rows

from .checking import parse_sid

_checked: ContextVar[str | None] = ContextVar("password that a login is checking", default=None)


@sealed
def keep_current(request: Any, user: Any) -> None:
    """Keep the session of ``request`` alive through a new password of ``user``, which is saved.

    All others of the user end, as they do with any new password. For the view that changes it,
    like ``django.contrib.auth.update_session_auth_hash``; does nothing where the request was
    authenticated by other means. One statement, in the caller's transaction.
    """
    claims = getattr(request, "auth", None)
    if isinstance(claims, Claims):
        current = session_rows().of_user(user).filter(pk=parse_sid(claims))
        current.update(auth_hash=auth_hash_of(user))


@contextmanager
def checking_password(password: str) -> Iterator[None]:
    """Let a hasher upgrade of ``password`` end no session while a login checks it."""
    token = _checked.set(password)
    try:
        yield
    finally:
        _checked.reset(token)


@sealed
def carry_over(
    instance: Any, using: str, update_fields: Collection[str] | None = None, **kwargs: Any
) -> None:
    """Take the sessions of a user along where a login encodes the same password anew.

    A receiver of ``pre_save``. Password and sessions change in one transaction, so that no
    request in between finds them apart; what Django saves afterwards is there already. The old
    encoding itself is asked if the password is the same: a backend that saves a new one at login,
    from a directory for example, ends the sessions as it must.
    """
    password = _checked.get()
    if password is None or "password" not in (update_fields or ["password"]):
        return
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk)
    stored = rows.first()
    encoded: str = getattr(instance, "password", "")
    if stored is None or stored.password == encoded or not check_password(password, encoded):
        return
    outdated: list[str] = []
    if check_password(password, stored.password, outdated.append) and outdated:
        with transaction.atomic(using=using):
            if rows.filter(password=stored.password).update(password=encoded):
                sessions = session_rows().of_user(instance)
                sessions.carry_over([*auth_hashes_of(stored)], auth_hash_of(instance))
                return
        stored = rows.first()
    if stored is not None and check_password(password, stored.password):
        # Another login was first. One encoding of the two must stay, or its session dies.
        instance.password = stored.password
