"""The verbs: start a session, refresh it, end it, purge what is over.

No other code reads or writes the rows of a session, but for the admin, which only shows them, and
``testing``, which gives them a past.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async

from .ending import revoke, revoke_user
from .issuing import Tokens
from .passwords import checking_password, keep_current
from .purging import purge
from .refreshing import refresh
from .starting import start

astart = sync_to_async(start)
"""``start`` for an event loop, which it does not block; so are the two that follow."""
arefresh = sync_to_async(refresh)
arevoke = sync_to_async(revoke)

__all__ = [
    "Tokens",
    "arefresh",
    "arevoke",
    "astart",
    "checking_password",
    "keep_current",
    "purge",
    "refresh",
    "revoke",
    "revoke_user",
    "start",
]
