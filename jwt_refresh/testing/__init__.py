"""Help for the tests of projects: logged-in clients, sessions with a past, thieves, lost answers.

``docs/testing.md`` shows its use. Nothing that runs in production imports it. Clocks and settings
are looked up when they are used, and nothing is kept from one test to the next.
"""

from __future__ import annotations

from .cases import JWTTestMixin, clear_counters
from .clients import (
    alog_in,
    authenticated,
    give,
    headers_of,
    log_in,
    lose_answer,
    refresh,
    stolen,
)
from .outcomes import assert_live, assert_revoked
from .pasts import (
    claims_of,
    expired_tokens,
    expiring_tokens,
    forged_tokens,
    reused_tokens,
    start_session,
)

__all__ = [
    "JWTTestMixin",
    "alog_in",
    "assert_live",
    "assert_revoked",
    "authenticated",
    "claims_of",
    "clear_counters",
    "expired_tokens",
    "expiring_tokens",
    "forged_tokens",
    "give",
    "headers_of",
    "log_in",
    "lose_answer",
    "refresh",
    "reused_tokens",
    "start_session",
    "stolen",
]
