"""Which database decides, when a transaction is over, and what is tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections, router, transaction

from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import Session

logger = logging.getLogger("jwt_refresh")

GONE = (OperationalError, InterfaceError)
"""What a database raises that cannot be asked."""
ROUNDS = 3
"""How often something is tried that loses a race or its transaction."""

T = TypeVar("T")


def write_alias() -> str:
    """Where sessions are written, and read as well: a replica may lag behind a revocation."""
    return router.db_for_write(Session)


def in_transaction() -> bool:
    """Whether the caller has one open, be it made by hand. The one around a test is none."""
    connection = connections[write_alias()]
    blocks: list[Any] = connection.atomic_blocks
    if blocks:
        return not all(block._from_testcase for block in blocks)
    return not connection.get_autocommit()


def after_commit(act: Callable[[], object]) -> None:
    """Call ``act`` once the caller's transaction is over; what it raises is logged."""
    try:
        transaction.on_commit(act, using=write_alias(), robust=True)
    except transaction.TransactionManagementError:
        # Nobody learns when a transaction that was made by hand is over.
        logger.warning("Left out after a hand-made transaction: %s", act.__qualname__)


def unavailable(error: Exception) -> Unavailable:
    """The error for a request that met one of ``GONE``, which is logged."""
    logger.error("The database cannot be asked", exc_info=error)
    return Unavailable("database")


def in_rounds(act: Callable[[], T | None]) -> T:
    """What ``act`` returns, as soon as that is not ``None``, which says that it lost a race.

    A deadlock, a serialization failure and MariaDB's 1020 keep nothing of a transaction, so it
    is made anew; where it is the database itself that is gone, the last round says so. Within
    the caller's transaction there is one round: only the caller can make that one anew.

    Raises ``Unavailable`` where every round was lost.
    """
    for rounds_left in reversed(range(1 if in_transaction() else ROUNDS)):
        try:
            result = act()
        except OperationalError:
            if not rounds_left:
                raise
            # A connection that is lost must not take the next round, or the next request, along.
            connections[write_alias()].close_if_unusable_or_obsolete()
        else:
            if result is not None:
                return result
    raise Unavailable("lost every round of a race")
