"""The database of the sessions: which alias is asked, what is tried again, and what is given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
)

from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import Session, SessionQuerySet

GONE = (OperationalError, InterfaceError)
"""The errors of a database that does not answer."""
READ_ONLY = "25006"
"""The SQLSTATE of PostgreSQL where it takes no writes, as a standby does after a failover."""
ROUNDS = 3
"""How often an act is tried that loses a race or its transaction."""

T = TypeVar("T")


def write_alias() -> str:
    """Return the alias that sessions are written to and read from: a replica may lag behind."""
    return router.db_for_write(Session)


def session_rows() -> SessionQuerySet:
    """Return all sessions, as the write database has them."""
    return Session.objects.using(write_alias())


def in_transaction() -> bool:
    """Tell whether the caller has a transaction open, by ``atomic`` or by hand.

    The one that Django's ``TestCase`` opens around a test does not count.
    """
    connection = connections[write_alias()]
    blocks: list[Any] = connection.atomic_blocks
    if blocks:
        return not all(block._from_testcase for block in blocks)
    return not connection.get_autocommit()


def is_away(error: BaseException) -> bool:
    """Tell whether ``error`` is that of a database that does not answer, or takes no writes.

    The latter is an ``OperationalError`` on MariaDB, MySQL and SQLite, but not on PostgreSQL.
    """
    cause = error.__cause__
    # The names of psycopg, and of psycopg2.
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return isinstance(error, GONE) or (isinstance(error, InternalError) and state == READ_ONLY)


def unavailable(error: Exception) -> Unavailable:
    """Make the refusal of a request that met such an error, with that as its cause."""
    refusal = Unavailable("the database cannot be asked")
    refusal.__cause__ = error
    return refusal


def in_rounds(act: Callable[[], T | None]) -> T:
    """Call ``act`` until it returns something; ``None`` says that it lost a race.

    A deadlock, a serialization failure and MariaDB's error 1020 undo the whole transaction, so it
    is made anew; where the database itself is gone, the last round raises its error. Inside the
    caller's transaction there is one round: only the caller can make that transaction anew.

    Raises ``Unavailable`` where every round was lost.
    """
    for rounds_left in reversed(range(1 if in_transaction() else ROUNDS)):
        try:
            result = act()
        except DatabaseError as error:
            if not rounds_left or not is_away(error):
                raise
            # A connection that is lost must not take the next round, or the next request, along.
            connections[write_alias()].close_if_unusable_or_obsolete()
        else:
            if result is not None:
                return result
    raise Unavailable("lost every round of a race")
