"""The deletion of what is over, for the sake of space alone: nothing else relies on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from jwt_refresh.conf import conf
from jwt_refresh.lifetimes import LONGEST_SESSION
from jwt_refresh.models import IssuedToken, Session, SessionQuerySet
from jwt_refresh.stores.database import in_rounds, session_rows, write_alias

NO_TIME = "A time must not be negative, nor longer than a hundred years."
MOST_ROWS = 10_000
"""The largest batch: databases take only so many keys in one statement."""


class Purged(NamedTuple):
    """The number of rows deleted, and of sessions that lost address and agent."""

    sessions: int
    tokens: int
    forgotten: int = 0


def purge(
    *, keep: timedelta = timedelta(0), forget: timedelta | None = None, batch_size: int = 1000
) -> Purged:
    """Delete sessions that died ``keep`` ago or earlier, and the useless records of living ones.

    A record of a living session is useless once its token has been expired for so long that no
    window can be open for it. Address and agent of sessions that were refreshed last ``forget``
    ago or earlier are blanked. In batches, each in a transaction of its own, in constant memory;
    safe to interrupt, to repeat, and to run while sessions are refreshed.

    Raises ``ValueError`` for a time that is negative or longer than a hundred years, and for a
    ``batch_size`` that is not between 1 and 10,000.
    """
    if not all(timedelta(0) <= span <= LONGEST_SESSION for span in (keep, forget or keep)):
        raise ValueError(NO_TIME)
    if not 1 <= batch_size <= MOST_ROWS:
        raise ValueError(f"A batch has 1 to {MOST_ROWS} rows.")
    now = timezone.now()
    by = now - keep
    sessions = session_rows()
    dead = sum(
        in_rounds(partial(_delete_dead, batch, by))
        for batch in _batches(sessions.dead(by), batch_size)
    )
    useless = now - max(conf.REFRESH_GRACE, conf.RETRY_WINDOW)
    tokens = IssuedToken.objects.using(write_alias()).filter(expires_at__lt=useless)
    useless_tokens = sum(batch.delete()[0] for batch in _batches(tokens, batch_size))
    if forget is None:
        return Purged(dead, useless_tokens)
    told = sessions.filter(rotated_at__lte=now - forget).exclude(address="", agent="")
    forgotten = sum(batch.update(address="", agent="") for batch in _batches(told, batch_size))
    return Purged(dead, useless_tokens, forgotten)


def _delete_dead(batch: SessionQuerySet, by: datetime) -> int:
    with transaction.atomic(using=batch.db):
        # Revoked first: a refresh that read the session while it lived must find it changed.
        batch.dead(by).mark_revoked("purged", timezone.now())
        return batch.revoked().delete()[1].get(Session._meta.label, 0)


def _batches(rows: Any, size: int) -> Iterator[Any]:
    """Yield ``rows`` in parts, in the order of their keys; each row once, also where it stays."""
    rest = rows.order_by("pk")
    while keys := list(rest.values_list("pk", flat=True)[:size]):
        yield rows.model._default_manager.using(rows.db).filter(pk__in=keys)
        rest = rest.filter(pk__gt=keys[-1])
