"""The page of sessions, and their end."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session, SessionQuerySet
from jwt_refresh.sealing import sealed

from . import words
from .listing import OneFilter, ReasonFilter, StateFilter
from .panel import Panel, may
from .tokens import IssuedTokenInline

NAMED = 20
"""How many sessions a confirmation names."""
OF_USER = f"user__{Session._meta.get_field('user').target_field.name}__exact"
"""The query that asks the list for the sessions of one user."""


@admin.register(Session)
class SessionAdmin(Panel):
    list_display = ("user", "standing", "last_used", "device", "started_at")
    list_filter = (("user", OneFilter), StateFilter, ReasonFilter, "style")
    list_select_related = ("user",)
    sortable_by = ("last_used", "started_at")
    # The order of the index, to the end.
    ordering = ("-started_at", "pk")
    date_hierarchy = "started_at"
    search_help_text = _(
        "Session id (sid), token id (jti), or user: a name, its beginning, or the id"
    )
    # By name, so that what deletes a record is not offered before what ends a session.
    actions = ("revoke_selected", "delete_selected")
    inlines = (IssuedTokenInline,)
    fieldsets = (
        (None, {"fields": ("standing", "user", "program", "address")}),
        (_("Time"), {"fields": ("started_at", "last_used", "expires_at", "ends_at", "revoked_at")}),
        (
            _("Tokens"),
            {
                "fields": (
                    *("style", "how_long", "refresh_how_long"),
                    *("generation", "confirmed_at", "jkt"),
                )
            },
        ),
        (_("Log"), {"fields": ("id", "agent", "amr")}),
    )
    labels = {
        "expires_at": _("ends unless refreshed by"),
        "ends_at": _("ends at the latest"),
        "generation": _("refreshes"),
        "confirmed_at": _("newest token first used"),
        "jkt": _("bound to the key"),
    }
    help_texts = {
        "standing": _(
            "Live: its tokens work. Revoked: ended on purpose, or for a reason that is given. "
            "Ended: by itself."
        ),
        "program": _("As the client names itself, which may be a lie."),
        "address": _("Of the last refresh. RECORD_CLIENT says how much of it is kept."),
        "started_at": _("The login. No refresh moves it."),
        "last_used": _("To the hour."),
        "expires_at": _("Each refresh moves it on."),
        "ends_at": _("Fixed at login. Empty: there is no such end."),
        "style": _("Sliding: one token for everything. Pair: an access and a refresh token."),
        "how_long": _("How long one token authenticates."),
        "refresh_how_long": _("How long a session of style pair may lie idle."),
        "generation": _("Each hands out a new token, and supersedes the one before."),
        "confirmed_at": _("Empty: the client has not shown it yet, and may not have got it."),
        "jkt": _(
            "Its thumbprint (jkt). Only who has that key can refresh. Empty: whoever has the token "
            "can."
        ),
        "id": _("In every token of the session, and in each line of the log about it."),
    }

    @admin.display(description=_("state"))
    def standing(self, session: Session) -> str:
        state, why = session.state, words.why(session)
        shown = format_html('<span class="jwt-refresh-{}">{}</span>', state.value, state.label)
        if not why:
            return shown
        return format_html('{} <span class="jwt-refresh-why"><bdi>{}</bdi></span>', shown, why)

    @admin.display(
        description=_("last used"),
        ordering=Greatest("issued_at", Coalesce("confirmed_at", "issued_at")),
    )
    def last_used(self, session: Session) -> str:
        return words.moment(session.last_used_at)

    @admin.display(description=_("device"))
    def device(self, session: Session) -> str:
        shown = format_html("<bdi>{}</bdi>", self.program(session))
        if not session.address:
            return shown
        return format_html('{} <span class="jwt-refresh-why">{}</span>', shown, session.address)

    @admin.display(description=_("program"))
    def program(self, session: Session) -> str:
        return words.program_of(session.agent) or self.get_empty_value_display()

    @admin.display(description=_("lifetime of a JWT"))
    def how_long(self, session: Session) -> str:
        return words.length(session.lifetime)

    @admin.display(description=_("lifetime of a refresh token"))
    def refresh_how_long(self, session: Session) -> str:
        return words.length(session.refresh_lifetime) or self.get_empty_value_display()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it also to those who may delete users, where it is the user that they delete.

        Django asks about each session that goes with its user, on the page of what is deleted.
        """
        if super().has_delete_permission(request, obj):
            return True
        with_its_user = obj is not None and not self.on_own_page(request)
        return with_its_user and may(request, "delete", get_user_model())

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return may(request, "change", Session)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.revoke_view)
        name = "jwt_refresh_session_revoke"
        return [path("<path:object_id>/revoke/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"may_revoke": self.has_revoke_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        session = context["original"]
        tokens = self.admin_site._registry.get(IssuedToken)
        live = session.state is Session.State.LIVE
        context |= {
            "show_delete": False,
            "may_delete": may(request, "delete", Session),
            "may_revoke": live and self.has_revoke_permission(request),
            "of_user": self.link(Session, "changelist", **{OF_USER: session.user_id}),
            "tokens": tokens
            and tokens.has_view_permission(request)
            and self.link(IssuedToken, "changelist", session__id__exact=session.pk),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @sealed
    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Ask once, then revoke one session."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        session = self.get_object(request, unquote(object_id))
        if session is None:
            raise Http404
        kept: Any = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        page = add_preserved_filters(kept, self.link(Session, "change", session.pk))
        chosen = Session.objects.live().filter(pk=session.pk)
        return self._revoke(request, chosen, {"back": page}) or redirect(page)

    @admin.action(description=_("Revoke selected sessions"), permissions=["revoke"])
    def revoke_selected(
        self, request: HttpRequest, queryset: SessionQuerySet
    ) -> HttpResponseBase | None:
        """Ask once, then revoke each."""
        again = {
            "action": "revoke_selected",
            "select_across": request.POST.get("select_across", "0"),
        }
        context = {
            "again": again,
            "selected": request.POST.getlist("_selected_action"),
            "back": self.link(Session, "changelist"),
        }
        return self._revoke(request, queryset.live(), context)

    def _revoke(
        self, request: HttpRequest, chosen: SessionQuerySet, context: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Revoke the chosen sessions once that is confirmed, and say how many they were.

        Returns the page that asks, and names whom it would end; ``None`` where nothing is left to
        ask.
        """
        chosen = chosen.select_related("user").order_by(*self.ordering)
        if "confirmed" in request.POST:
            self._end(request, chosen)
            return None
        counted = chosen.aggregate(count=Count("pk"), users=Count("user", distinct=True))
        if not counted["count"]:
            self.message_user(request, _("These sessions are over already."), messages.WARNING)
            return None
        named = list(chosen[:NAMED])
        context = self.admin_site.each_context(request) | counted | context
        context |= {
            "title": _("Revoke sessions"),
            "opts": self.opts,
            "media": self.media,
            "named": [(session, words.device_of(session)) for session in named],
            "others": counted["count"] - len(named),
        }
        return TemplateResponse(request, "admin/jwt_refresh/session/revoke.html", context)

    def _end(self, request: HttpRequest, chosen: QuerySet[Session]) -> None:
        """Revoke each, and write into the admin's log whose it was."""
        count = 0
        for session in chosen.iterator(chunk_size=1000):
            if sessions.revoke(session, Session.Reason.ADMIN):
                count += 1
                self.log_change(request, session, _change(session))
        if not count:
            self.message_user(request, _("These sessions are over already."), messages.WARNING)
            return
        text = ngettext("%d session was revoked.", "%d sessions were revoked.", count)
        self.message_user(request, text % count, messages.SUCCESS)


def _change(session: Session) -> list[dict[str, Any]]:
    """Return a message of the admin's log, which is translated when it is shown."""
    whose = ", ".join(filter(None, [str(session.user), words.device_of(session)]))
    told = {"name": "session", "object": whose, "fields": ["revoked at", "reason"]}
    return [{"changed": told}]
