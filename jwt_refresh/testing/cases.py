"""The state of counters between tests, and a mixin for test cases."""

from __future__ import annotations

import secrets
from typing import Any, Unpack

from django.test import SimpleTestCase

from jwt_refresh.sessions import Tokens
from jwt_refresh.stores import cache

from .clients import Transport, log_in
from .outcomes import assert_live, assert_revoked
from .pasts import Past


def clear_counters() -> None:
    """Begin the counts of ``LOGIN_RATE`` and ``REFRESH_RATE`` anew, and forget known addresses.

    For this process. It asks no cache, and leaves whatever else is in it.
    """
    cache.era = secrets.token_urlsafe(8)


class JWTTestMixin(SimpleTestCase):
    """The functions as methods, for test cases of Django, before which it stands.

    Counters begin anew before each test, also where a ``setUp`` forgets ``super()``.
    """

    def run(self, result: Any = None) -> Any:
        clear_counters()
        return super().run(result)

    def log_in(
        self, user: Any, *, transport: Transport | None = None, **past: Unpack[Past]
    ) -> Tokens:
        """Do what ``log_in`` does, for ``self.client``."""
        return log_in(self.client, user, transport=transport, **past)

    def assertLive(self, whose: Any) -> None:
        assert_live(whose)

    def assertRevoked(self, whose: Any, reason: str | None = None) -> None:
        assert_revoked(whose, reason)
