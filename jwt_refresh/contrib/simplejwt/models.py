"""The records of old tokens: which were exchanged, and which are void."""

from __future__ import annotations

from typing import ClassVar

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

    objects: ClassVar[models.Manager[ExchangedToken]]

    class Meta:
        verbose_name = _("exchanged token")
        verbose_name_plural = _("exchanged tokens")

    def __str__(self) -> str:
        return str(self.sid)


class Cutoff(models.Model):
    """The time up to which the old tokens of a user are void, if they have no session yet.

    ``iat`` is compared with it, in whole seconds since 1970. The key of the user is text, and no
    foreign key: so a user can be deleted without this app.
    """

    user = models.CharField(_("user"), max_length=255, primary_key=True)
    iat = models.BigIntegerField()

    objects: ClassVar[models.Manager[Cutoff]]

    def __str__(self) -> str:
        return f"{self.user}: {self.iat}"
