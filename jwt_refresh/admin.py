"""The admin of sessions: look, search and revoke. Nothing is added or edited there."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename, get_user_model
from django.db.models import Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from . import sessions
from .models import IssuedToken, Session

NEWEST = 100
"""How many of a session's tokens are shown."""
HIDDEN = {"auth_hash", "key_hash"}
"""Columns that no page shows."""


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Session.State.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        return getattr(queryset, chosen)() if chosen in Session.State.values else queryset


class ReadOnly:
    """A mixin for rows that are shown, and neither added nor changed."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse look-ups of what no page shows: letter by letter they would spell it out."""
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[misc]
        return allowed and not HIDDEN & {*lookup.split("__")}


class NewestFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset()[:NEWEST]


class IssuedTokenInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = IssuedToken
    formset = NewestFormSet
    fields = ("jti", "generation", "issued_at", "expires_at")
    readonly_fields = fields
    ordering = ("-id",)
    can_delete = False
    verbose_name_plural = _("newest issued tokens")


@admin.register(Session)
class SessionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "coloured_state", "started_at", "issued_at", "expires_at", "id")
    list_filter = (StateFilter,)
    list_select_related = ("user",)
    ordering = ("-started_at",)
    show_full_result_count = False
    search_help_text = _("User name, session id (sid) or token id (jti)")
    search_fields = ("pk",)
    actions = ("revoke_selected",)
    inlines = (IssuedTokenInline,)
    fields = (
        ("id", "user", "coloured_state"),
        ("style", "lifetime", "refresh_lifetime", "generation"),
        ("current_jti", "previous_jti"),
        ("started_at", "issued_at", "rotated_at", "confirmed_at"),
        ("expires_at", "ends_at"),
        ("address", "agent", "amr"),
        ("revoked_at", "reason"),
    )

    class Media:
        css = {"all": ("jwt_refresh/admin.css",)}

    @admin.display(description=_("state"))
    def coloured_state(self, session: Session) -> SafeString:
        state = session.state
        return format_html('<span class="jwt-refresh-{}">{}</span>', state.value, state.label)

    @admin.display(description=_("reason"))
    def reason(self, session: Session) -> str:
        """Return the words for a reason of ours; one of the project as it was given."""
        words = dict(Session.Reason.choices)
        return str(words.get(session.revoked_reason, session.revoked_reason))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        found = Q(**{f"user__{get_user_model().USERNAME_FIELD}__icontains": term})
        found |= Q(pk__in=IssuedToken.objects.filter(jti=term).values("session"))
        with suppress(ValueError):
            found |= Q(pk=uuid.UUID(term))
        return queryset.filter(found), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it to those who may delete users: sessions go with them."""
        return super().has_delete_permission(request, obj) or request.user.has_perm(
            _permission("delete", get_user_model())
        )

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(_permission("change", Session))

    @admin.action(description=_("Revoke selected sessions"), permissions=["revoke"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[Session]
    ) -> HttpResponseBase | None:
        """Ask once, then revoke each, and write it into the admin's log."""
        chosen = queryset.filter(revoked_at=None)
        if "confirmed" not in request.POST:
            context = self.admin_site.each_context(request) | {
                "title": _("Revoke sessions"),
                "opts": self.opts,
                "count": chosen.count(),
                "selected": request.POST.getlist("_selected_action"),
                "select_across": request.POST.get("select_across", "0"),
            }
            template = "admin/jwt_refresh/session/revoke_selected.html"
            return TemplateResponse(request, template, context)
        count = 0
        for session in chosen.iterator(chunk_size=1000):
            if sessions.revoke(session, Session.Reason.ADMIN):
                count += 1
                self.log_change(request, session, [{"changed": {"fields": ["revoked_at"]}}])
        text = ngettext("%d session was revoked.", "%d sessions were revoked.", count)
        self.message_user(request, text % count, messages.SUCCESS)
        return None


def _permission(action: str, model: Any) -> str:
    return f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"
