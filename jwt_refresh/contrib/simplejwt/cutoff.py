"""The end of all old tokens of a user: by a new password, and with all sessions of theirs.

An old token has no row of its own until it is exchanged. What can be known is when it was issued,
and that is before whatever was to end it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from django.db import connections

from jwt_refresh.exceptions import SessionRevoked
from jwt_refresh.sessions.passwords import carry_over, user_before
from jwt_refresh.stores.database import write_alias

from .models import Cutoff


def check(user: Any, content: Mapping[str, Any]) -> None:
    """Raise ``SessionRevoked`` for the claims of a token from before the cut-off of its user.

    That of the same second, too: which of the two was first is not known. One query.
    """
    cutoff = Cutoff.objects.using(write_alias()).filter(pk=str(user.pk)).first()
    if cutoff is not None and int(content.get("iat", 0)) <= cutoff.iat:
        raise SessionRevoked("a token of simplejwt from before a new password or a logout of all")


def at_new_password(
    instance: Any, using: str, update_fields: Collection[str] | None = None, **kwargs: Any
) -> None:
    """Void the old tokens of a user before another password is saved.

    A receiver of ``pre_save`` of any model. One query for each save of a user that may write a
    password, and one statement where it is another.
    """
    # Whichever app is listed first: what is encoded anew at login is no new password.
    carry_over(instance, using, update_fields)
    user = user_before(instance, using, update_fields)
    if user is not None:
        at_end_of_all(user)


def at_end_of_all(user: Any, **kwargs: Any) -> None:
    """Void the old tokens of a user. A receiver of ``user_ending``. One statement."""
    alias = write_alias()
    with_target = connections[alias].features.supports_update_conflicts_with_target
    Cutoff.objects.using(alias).bulk_create(
        [Cutoff(user=str(user.pk), iat=int(time.time()))],
        update_conflicts=True,
        update_fields=["iat"],
        unique_fields=["user"] if with_target else None,
    )
