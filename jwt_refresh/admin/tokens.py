"""The page of issued tokens, and the newest ones on the page of a session."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from jwt_refresh.models import IssuedToken, Session

from . import words
from .listing import OneFilter
from .panel import Panel, ReadOnly, may

NEWEST = 20
"""How many of a session's tokens its own page shows."""


def with_state(tokens: QuerySet[IssuedToken]) -> QuerySet[Any]:
    """Read along what tells the state of a token; and not the hash of a client's key."""
    # By time: on a cluster with several primaries, ids do not grow with it.
    later = IssuedToken.objects.filter(
        session=OuterRef("session"),
        generation=OuterRef("generation"),
        issued_at__gt=OuterRef("issued_at"),
    )
    chosen = tokens.select_related("session__user").defer("key_hash")
    return chosen.annotate(displaced=Exists(later))


def anchor(address: str, text: object) -> str:
    """Return a link as HTML; the text alone where there is no such page."""
    return format_html('<a href="{}">{}</a>' if address else "<bdi>{1}</bdi>", address, text)


class ShowsState:
    """A mixin for the column that says what a token is now."""

    @admin.display(description=pgettext_lazy("state of a token", "now"))
    def now(self, token: Any) -> str:
        state = words.now(token, displaced=token.displaced)
        return format_html('<span class="jwt-refresh-{}">{}</span>', state.value, state.label)


class NewestFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    @cached_property
    def newest(self) -> QuerySet[Any]:
        return super().get_queryset()[:NEWEST]

    def get_queryset(self) -> QuerySet[Any]:
        """Return the same QuerySet each time: every form of the set asks for it."""
        return self.newest


class IssuedTokenInline(ShowsState, ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = IssuedToken
    formset = NewestFormSet
    template = "admin/jwt_refresh/session/tokens.html"
    fields = ("now", "generation", "issued_at", "expires_at")
    readonly_fields = fields
    ordering = ("-generation", "-issued_at", "-id")
    can_delete = False
    show_change_link = True
    verbose_name_plural = _("newest issued tokens")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_state(super().get_queryset(request))


@admin.register(IssuedToken)
class IssuedTokenAdmin(ShowsState, Panel):
    list_display = ("jti", "now", "user", "of_session", "generation", "issued_at", "expires_at")
    list_filter = (("session", OneFilter),)
    sortable_by = ()
    ordering = ("-id",)
    search_help_text = _(
        "Token id (jti), session id (sid), or user: a name, its beginning, or the id"
    )
    fields = ("now_in_words", "jti", "user", "session", "generation", "issued_at", "expires_at")
    help_texts = {
        "generation": _("How often its session had been refreshed when it was issued."),
        "issued_at": _("The record; not the token, which is kept nowhere."),
        "expires_at": _("As the token itself says it."),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_state(super().get_queryset(request))

    @admin.display(description=pgettext_lazy("state of a token", "now"))
    def now_in_words(self, token: Any) -> str:
        state = words.now(token, displaced=token.displaced)
        meaning = words.meaning(state, bound=bool(token.session.jkt))
        return format_html('{} <span class="jwt-refresh-why">{}</span>', self.now(token), meaning)

    @admin.display(description=_("user"))
    def user(self, token: IssuedToken) -> str:
        owner = token.session.user
        return anchor(self.link(type(owner), "change", owner.pk), owner)

    @admin.display(description=_("session"))
    def of_session(self, token: IssuedToken) -> str:
        return anchor(self.link(Session, "change", token.session_id), token.session.state.label)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return super().get_model_perms(request) | {"delete": False}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse it here. Records go along with a session or a user that may be deleted."""
        if self.on_own_page(request):
            return False
        return may(request, "delete", Session) or may(request, "delete", get_user_model())
