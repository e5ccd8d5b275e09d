"""The signals on sessions, sent after the change is committed.

Sent with ``send_robust``: a receiver that raises is logged by Django and undoes nothing.
The sender is the class ``Session``. Every signal carries ``session``, a ``Session``;

``session_started``, ``session_refreshed``, ``reuse_detected``
    carry ``request``, the ``HttpRequest``, or ``None`` where a verb was called without one.
``session_revoked``
    carries ``reason``, the text that is stored on the session. It follows every end on purpose,
    also that of a session which was deleted while it lived, and whose row is gone by then.

``reuse_detected`` is followed by the ``session_revoked`` of the same session.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["reuse_detected", "session_refreshed", "session_revoked", "session_started"]

session_started = Signal()
session_refreshed = Signal()
reuse_detected = Signal()
session_revoked = Signal()
