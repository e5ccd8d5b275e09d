"""The ground of both pages: rows that are shown, and neither added nor changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_permission_codename
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.forms import BooleanField
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from jwt_refresh.sealing import sealed

from .listing import UncountedList, search

HIDDEN = {"auth_hash", "key_hash"}
"""Columns that no page shows."""


class ReadOnly:
    """A mixin that lets nobody add or change a row."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Panel(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at, of a table of any size."""

    list_per_page = 50
    search_fields = ("pk",)
    labels: dict[str, Any] = {}
    help_texts: dict[str, Any] = {}

    # An error report would show the rows that they read: hashes, and passwords of users.
    changelist_view = sealed(admin.ModelAdmin.changelist_view)
    change_view = sealed(admin.ModelAdmin.change_view)
    delete_view = sealed(admin.ModelAdmin.delete_view)
    history_view = sealed(admin.ModelAdmin.history_view)

    class Media:
        css = {"all": ("jwt_refresh/admin.css",)}

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse what would spell out, letter by letter, a hash that no page shows.

        And a NUL, for which PostgreSQL has no room.
        """
        refused = HIDDEN.intersection(lookup.split("__")) or "\0" in str(value)
        return not refused and super().lookup_allowed(lookup, value, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UncountedList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search(queryset, search_term), False

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse ids that cannot be any: Django's own look-up of the chosen rows fails on them."""
        all_rows = BooleanField(required=False).clean(request.POST.get("select_across"))
        try:
            for chosen in [] if all_rows else request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(chosen)
        except ValidationError:
            raise BadRequest("an id that is none") from None
        return super().response_action(request, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Give the rows of the page their words: methods have no help text of their own."""
        kwargs |= {"labels": self.labels, "help_texts": self.help_texts}
        return super().get_form(request, obj, change, **kwargs)

    def on_own_page(self, request: HttpRequest) -> bool:
        """Tell whether a page of this admin is asked for, by the names that Django documents."""
        page = request.resolver_match
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return page is None or (page.url_name or "").startswith(prefix)

    def link(self, model: type[Model], what: str, *args: Any, **query: object) -> str:
        """Return the address of a page of this site; empty where the model has none."""
        meta = model._meta
        name = f"admin:{meta.app_label}_{meta.model_name}_{what}"
        quoted = [quote(arg) for arg in args]
        try:
            address = reverse(name, args=quoted, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""
        return address + ("?" + urlencode(query) if query else "")


def may(request: HttpRequest, action: str, model: type[Model]) -> bool:
    meta = model._meta
    return request.user.has_perm(f"{meta.app_label}.{get_permission_codename(action, meta)}")
