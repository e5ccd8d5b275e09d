"""A database that loses writes it has answered: a failover to a standby that lags, or a backup."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model

from jwt_refresh.models import IssuedToken, Session

OF_USERS = ("pk", "password", "is_active", "last_login")


class Backup:
    """The rows of sessions and issued tokens as they are now, or those of one session; and what
    becomes of users."""

    def __init__(self, sid: UUID | str | None = None) -> None:
        sessions, tokens = Session.objects.all(), IssuedToken.objects.all()
        if sid is not None:
            sessions, tokens = sessions.filter(pk=sid), tokens.filter(session_id=sid)
        self.tables: list[Any] = [sessions, tokens]
        self.rows = [[*table.values()] for table in self.tables]
        self.users = [*_users().values(*OF_USERS)] if sid is None else []

    def restore(self) -> None:
        """Bring them back; whatever was written since is lost."""
        for table in reversed(self.tables):
            table.all()._raw_delete(table.db)
        for table, rows in zip(self.tables, self.rows, strict=True):
            table.model._base_manager.bulk_create([table.model(**row) for row in rows])
        for row in self.users:
            # Of a model that may have two tables.
            changes = {name: row[name] for name in OF_USERS if name != "pk"}
            _users().filter(pk=row["pk"]).update(**changes)


def _users() -> Any:
    return get_user_model()._base_manager.all()
