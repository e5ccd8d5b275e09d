"""The verbs: start a session, refresh it, end it, purge what is over. Nobody else writes rows."""

from __future__ import annotations

from .ending import revoke, revoke_user
from .passwords import keep_current
from .purging import purge
from .refreshing import refresh
from .starting import start

__all__ = ["keep_current", "purge", "refresh", "revoke", "revoke_user", "start"]
