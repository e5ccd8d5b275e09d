"""The models: sessions, and records of issued tokens. Neither holds a token that could be used."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Window
from django.db.models.base import ModelBase
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .core.claims import Claims, Style, at, later, whole_second
from .core.rotation import has_ended
from .core.users import auth_hash_of, auth_hashes_of
from .exceptions import PasswordChanged, UserInactive

__all__ = ["IssuedToken", "Session"]

MAX_AMR = 100
"""Longest list of authentication methods, in characters with the spaces between them."""


STYLES = [(Style.SLIDING.value, _("sliding")), (Style.PAIR.value, _("pair"))]


class SessionQuerySet(models.QuerySet["Session"]):
    """A query for sessions by state: each is exactly one of live, revoked and ended."""

    def live(self) -> SessionQuerySet:
        return self.filter(revoked_at=None).exclude(_ended(timezone.now()))

    def revoked(self) -> SessionQuerySet:
        return self.exclude(revoked_at=None)

    def ended(self) -> SessionQuerySet:
        return self.filter(_ended(timezone.now()), revoked_at=None)

    def of_user(self, user: Any) -> SessionQuerySet:
        return self.filter(user=user.pk)

    def dead(self, by: datetime) -> SessionQuerySet:
        """Sessions that were revoked or had ended ``by`` an instant."""
        return self.filter(_ended(by) | Q(revoked_at__isnull=False, revoked_at__lte=by))

    def surplus(self, most: int) -> SessionQuerySet:
        """All but the ``most`` sessions that were refreshed last."""
        newest_first = Window(RowNumber(), order_by=[F("rotated_at").desc(), F("pk").desc()])
        ranked = self.annotate(place=newest_first).filter(place__gt=most)
        return self.filter(pk__in=ranked.values("pk"))

    def mark_revoked(self, reason: str, at: datetime) -> int:
        """Write the revocation of those that are not revoked yet; return how many they were.

        One statement. It tells no signal, log or denylist: ``sessions.revoke`` does.
        """
        return self.filter(revoked_at=None).update(revoked_at=at, revoked_reason=reason)

    def hold(self) -> int:
        """Make others who would write wait until the transaction is over. Changes nothing.

        A no-op UPDATE, since SQLite has no SELECT FOR UPDATE.
        """
        return self.update(generation=F("generation"))

    def confirm(self, session: Session) -> int:
        """Write that the client holds the current token, if ``session`` still has that one."""
        return self.filter(
            pk=session.pk,
            current_jti=session.current_jti,
            confirmed_at=None,
            revoked_at=None,
        ).update(confirmed_at=timezone.now())

    def carry_over(self, auth_hashes: Collection[str], auth_hash: str) -> int:
        """Give the new ``auth_hash`` to the sessions that have one of the old ones."""
        return self.filter(auth_hash__in=auth_hashes).update(auth_hash=auth_hash)


def _ended(by: datetime) -> Q:
    return Q(expires_at__lte=by) | Q(ends_at__isnull=False, ends_at__lte=by)


class Session(models.Model):
    """One login and every token that descends from it (a token family, RFC 9700 section 4.14).

    A refresh rewrites the row in place; no column that it writes is indexed, so that
    PostgreSQL need not touch an index. Instants that become claims are whole seconds. ``jkt`` names
    the key to which the session is bound (RFC 9449), or is empty; it never changes.
    """

    class Reason(models.TextChoices):
        """The reasons of the app itself; callers of ``sessions.revoke`` may give their own."""

        LOGOUT = "logout", _("logged out")
        LOGOUT_ALL = "logout_all", _("logged out everywhere")
        USER = "user", _("ended by its user from another device")
        MAX_SESSIONS = "max_sessions", _("made room for a newer login")
        REUSE = "reuse", _("a superseded token was reused")
        ADMIN = "admin", _("revoked by an administrator")
        PASSWORD_CHANGED = PasswordChanged.code, _("the password was changed")
        USER_INACTIVE = UserInactive.code, _("the user was inactive")
        DELETED = "deleted", _("deleted")
        LOGIN_REFUSED = "login_refused", _("the login was refused")

    class State(models.TextChoices):
        LIVE = "live", _("live")
        REVOKED = "revoked", _("revoked")
        ENDED = "ended", pgettext_lazy("state of a session", "ended")

    id = models.UUIDField(_("session id (sid)"), primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="jwt_sessions",
        verbose_name=_("user"),
        db_index=False,  # there is a wider one
    )
    style = models.CharField(_("style"), max_length=7, choices=STYLES)
    lifetime = models.DurationField(_("lifetime of a JWT"))
    refresh_lifetime = models.DurationField(_("lifetime of a refresh token"), null=True)
    started_at = models.DateTimeField(_("started at"))
    generation = models.PositiveIntegerField(_("generation"), default=0)
    current_jti = models.CharField(_("current jti"), max_length=32)
    previous_jti = models.CharField(_("previous jti"), max_length=32, null=True)
    issued_at = models.DateTimeField(_("current token issued at"))
    expires_at = models.DateTimeField(_("current token expires at"))
    rotated_at = models.DateTimeField(_("rotated at"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    ends_at = models.DateTimeField(_("ends at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revoked_reason = models.CharField(_("reason"), max_length=100, blank=True)
    auth_hash = models.CharField(max_length=128, blank=True)
    jkt = models.CharField(_("thumbprint of its key (jkt)"), max_length=43, blank=True)
    amr = models.CharField(_("authentication methods (amr)"), max_length=MAX_AMR, blank=True)
    address = models.CharField(_("address"), max_length=43, blank=True)
    agent = models.CharField(_("user agent"), max_length=200, blank=True)

    # A manager with the methods of the query, which only mypy with Django's plugin would see.
    objects: ClassVar[SessionQuerySet] = SessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(fields=["-started_at"], name="jwt_refresh_started"),
            # Each login counts the live sessions of its user: past those that were revoked.
            models.Index(fields=["user", "revoked_at"], name="jwt_refresh_user"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Insert a new row, or write the ``update_fields`` of one that is there.

        Raises ``RuntimeError`` for a row that is there if no columns are named: all of them would
        be written as they were read, so that a session that was revoked or refreshed since then
        would live again or go back, and one that was deleted would be there again.
        """
        if update_fields is None and not force_insert and not self._state.adding:
            raise RuntimeError(
                "Session.save() would undo what became of the session since it was read: call a "
                "verb of jwt_refresh.sessions, or name the columns in update_fields."
            )
        super().save(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
        )

    def renew(self, now: datetime) -> None:
        """Give the row a new current token, which nobody has used. Nothing is saved."""
        self.current_jti = secrets.token_urlsafe(16)
        # By the clock of a server that lags, a token would be older than its session.
        self.issued_at = max(whole_second(now), self.started_at)
        self.expires_at = later(self.issued_at, self.refresh_lifetime or self.lifetime)
        if self.ends_at is not None:
            self.expires_at = min(self.expires_at, self.ends_at)
        self.confirmed_at = None
        self.auth_hash = auth_hash_of(self.user)

    def rotate(self, now: datetime) -> None:
        """Begin a new generation with a new current token. Nothing is saved."""
        self.previous_jti = self.current_jti
        self.generation += 1
        self.rotated_at = now
        # By the clock of a server that lags, it would be older than the one that it replaces.
        self.renew(max(now, self.issued_at))

    def restore(self, claims: Claims) -> None:
        """Make a token the current one again that the database has forgotten. Nothing is saved."""
        self.rotate(at(claims.iat, like=self.issued_at))
        self.current_jti = claims.jti
        self.expires_at = at(claims.exp, like=self.issued_at)

    @property
    def last_used_at(self) -> datetime:
        """The last use, to the hour, from the times that refresh and confirmation write anyway.

        In the hour of the login that is the login itself: no use lies before it.
        """
        used_at = max(self.issued_at, self.confirmed_at or self.issued_at)
        return max(used_at.replace(minute=0, second=0, microsecond=0), self.started_at)

    @property
    def state(self) -> State:
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.ENDED if has_ended(self, timezone.now()) else self.State.LIVE

    def has_password_of(self, user: Any) -> bool:
        """Tell whether the password of ``user`` is the one of login.

        A user model without ``get_session_auth_hash`` has nothing to compare.
        """
        if not self.auth_hash:
            return True
        return any(constant_time_compare(self.auth_hash, known) for known in auth_hashes_of(user))


class IssuedToken(models.Model):
    """One refreshable token that was issued; in the order of generation and time within a session.

    ``key_hash`` is the keyed hash of the ``Idempotency-Key`` of the request that made it.
    """

    id = models.BigAutoField(primary_key=True)
    jti = models.CharField(_("token id (jti)"), max_length=32, unique=True)
    session = models.ForeignKey(
        Session, models.CASCADE, related_name="issued_tokens", verbose_name=_("session")
    )
    generation = models.PositiveIntegerField(_("generation"))
    issued_at = models.DateTimeField(_("issued at"))
    expires_at = models.DateTimeField(_("expires at"))
    key_hash = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[IssuedToken]]

    class Meta:
        verbose_name = _("issued token")
        verbose_name_plural = _("issued tokens")

    def __str__(self) -> str:
        return self.jti
