"""The record of the old tokens that were exchanged, which outlives their sessions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["ExchangedToken"]


class ExchangedToken(models.Model):
    """One old refresh token that has a session of ours, or had one.

    It has the ``sid`` of that session, and stays when the session is purged: so a token that was
    logged out starts no other one. The row is also what racers race for.
    """

    sid = models.UUIDField(_("session id (sid)"), primary_key=True)
    exchanged_at = models.DateTimeField(_("exchanged at"))

    class Meta:
        verbose_name = _("exchanged token")
        verbose_name_plural = _("exchanged tokens")

    def __str__(self) -> str:
        return str(self.sid)
