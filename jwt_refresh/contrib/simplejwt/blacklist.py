"""The tables of simplejwt's blacklist, as long as the database has them."""

from __future__ import annotations

from functools import lru_cache

from django.db import connections
from django.utils import timezone

from jwt_refresh.stores.database import write_alias

TABLE = "token_blacklist_blacklistedtoken"
FIND = """
    SELECT 1 FROM token_blacklist_blacklistedtoken blacklisted
    JOIN token_blacklist_outstandingtoken outstanding ON outstanding.id = blacklisted.token_id
    WHERE outstanding.jti = %s
"""
ADD = """
    INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at)
    SELECT id, %s FROM token_blacklist_outstandingtoken
    WHERE jti = %s AND id NOT IN (SELECT token_id FROM token_blacklist_blacklistedtoken)
"""


def has_blacklisted(jti: object) -> bool:
    """Tell whether simplejwt has blacklisted the token with this ``jti``. One query."""
    if not _is_there(write_alias()):
        return False
    with connections[write_alias()].cursor() as cursor:
        cursor.execute(FIND, [str(jti)])
        return cursor.fetchone() is not None


def add(jti: object) -> None:
    """Blacklist the token for simplejwt, too: a project that goes back must not revive it.

    One statement. A token that simplejwt did not note when it was issued cannot be added.
    """
    connection = connections[write_alias()]
    if _is_there(write_alias()):
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(ADD, [now, str(jti)])


@lru_cache(maxsize=16)
def _is_there(alias: str) -> bool:
    """Look once a process: the tables may be dropped when old tokens have ended, not before."""
    with connections[alias].cursor() as cursor:
        return TABLE in connections[alias].introspection.table_names(cursor)
