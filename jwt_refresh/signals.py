"""The signals on sessions, sent after the change is committed.

Sent with ``send_robust``: a receiver that raises is logged by Django and undoes nothing.
The sender is the class ``Session``. Every signal carries ``session``, a ``Session``, and what its
text names after "with"; ``request`` is the ``HttpRequest``, or ``None`` where a verb was called
without one. These texts are their entries in ``docs/signals.md``, written there by
``docs/reference.py``.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = [
    "binding_violated",
    "reuse_detected",
    "session_refreshed",
    "session_revoked",
    "session_started",
]

session_started = Signal()
"""After a login, or ``sessions.start``; with ``request``."""

session_refreshed = Signal()
"""After a refresh, also one that hands out the same token again; with ``request``."""

reuse_detected = Signal()
"""When a superseded token came back; with ``request``, and with ``case``, the word of
``TokenReused`` for what was reused. The ``session_revoked`` of the same session follows."""

binding_violated = Signal()
"""When a token of a bound session came without a proof of its key, at most once a minute for each
session; with ``request``. The session goes on."""

session_revoked = Signal()
"""After every end on purpose: a revocation, a deletion, a refused request; with ``reason``, the
text that is stored on the session. The row of a session that was deleted is gone by then."""
