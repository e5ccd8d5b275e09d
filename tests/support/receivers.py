"""The receivers of ``contrib.simplejwt``, which make statements of their own where logins end."""

from __future__ import annotations

from django.db.models.signals import pre_save

from jwt_refresh.contrib.simplejwt import cutoff
from jwt_refresh.sessions.ending import user_ending

RECEIVERS = ((pre_save, cutoff.at_new_password), (user_ending, cutoff.at_end_of_all))


def disconnect() -> None:
    """Let all be as without them."""
    for signal, receiver in RECEIVERS:
        signal.disconnect(receiver)


def connect() -> None:
    for signal, receiver in RECEIVERS:
        signal.connect(receiver)
