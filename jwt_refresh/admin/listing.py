"""Lists for tables of any size: nothing is counted, and a search begins where an index answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jwt_refresh.models import IssuedToken, Session

from .dates import hierarchy

LAST_PAGE = 200
"""The last page there is: to skip rows costs as much as to read them. What is older is searched."""


class UncountedList(ChangeList):
    """A list that reads one row more than it shows, to know whether another page follows."""

    more: bool
    """There are rows after those of this page."""
    seen: int
    """The number of rows on this page and before it."""

    def get_results(self, request: HttpRequest) -> None:
        if not 0 < self.page_num <= LAST_PAGE:
            raise IncorrectLookupParameters
        first = (self.page_num - 1) * self.list_per_page
        rows = list(self.queryset[first : first + self.list_per_page + 1])
        if first and not rows:
            raise IncorrectLookupParameters
        self.more = len(rows) > self.list_per_page
        self.result_list: Any = rows[: self.list_per_page]
        self.seen = first + len(self.result_list)
        known = range(self.seen + (self.more and self.page_num < LAST_PAGE))
        self.result_count = len(known)
        self.multi_page = self.more or first > 0
        self.can_show_all = self.show_full_result_count = False
        self.show_admin_actions = True
        # Equal, they keep the search form from telling a number that is none.
        self.full_result_count = None if self.query and not self.more else self.result_count
        self.paginator = self.model_admin.get_paginator(request, known, self.list_per_page)  # type: ignore[arg-type]

    @cached_property
    def dates(self) -> dict[str, Any] | None:
        return hierarchy(self)

    @property
    def one_user(self) -> Any:
        """The name of the user whose rows alone are listed, and the query that asks for them."""
        for found in self.filter_specs:
            if isinstance(found, OneFilter) and found.lookup_choices:
                ((key, name),) = found.lookup_choices
                return {"name": name, "query": "?" + urlencode({found.lookup_kwarg: key})}
        return None


class OneFilter(admin.RelatedFieldListFilter):
    """A filter that a link sets. It offers no other rows: there may be millions of them."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        if not self.lookup_val:
            return []
        rows = field.remote_field.model._base_manager
        try:
            return [(row.pk, str(row)) for row in rows.filter(pk=self.lookup_val[-1])]
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def has_output(self) -> bool:
        """Also for a row that is not there: Django applies no filter that has nothing to say."""
        return self.lookup_val is not None


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Session.State.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        return getattr(queryset, chosen)() if chosen in Session.State.values else queryset


class ReasonFilter(admin.SimpleListFilter):
    title = _("reason")
    parameter_name = "reason"
    OTHER = "other"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [*Session.Reason.choices, (self.OTHER, _("another reason"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        if chosen == self.OTHER:
            return queryset.exclude(revoked_reason__in=["", *Session.Reason.values])
        known = chosen in Session.Reason.values
        return queryset.filter(revoked_reason=chosen) if known else queryset


def search(queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Return the rows, of sessions or of tokens, that a term finds.

    Ids and names as they are come first, then beginnings: each is one look at an index. Only a term
    that is none of these is looked for inside of all names.
    """
    term = term.strip().replace("\x00", "")
    if not term:
        return queryset
    *indexed, anywhere = _meanings(queryset.model, term)
    for found in indexed:
        if queryset.model._base_manager.using(queryset.db).filter(found).exists():
            return queryset.filter(found)
    return queryset.filter(anywhere)


def _meanings(model: Any, term: str) -> Iterator[Q]:
    users, name = get_user_model()._base_manager, get_user_model().USERNAME_FIELD
    of_tokens = model is IssuedToken
    sid, owner = ("session", "session__user__in") if of_tokens else ("pk", "user__in")
    with suppress(ValueError):
        yield Q(**{sid: uuid.UUID(term)})
    issued = IssuedToken.objects.filter(jti=term)
    yield Q(jti=term) if of_tokens else Q(pk__in=issued.values("session"))
    whole = Q(**{name: term})
    with suppress(ValidationError):
        whole |= Q(pk=get_user_model()._meta.pk.to_python(term))
    yield Q(**{owner: users.filter(whole)})
    yield Q(**{owner: users.filter(**{f"{name}__startswith": term})})
    if of_tokens:
        yield Q(jti__startswith=term)
    yield Q(**{owner: users.filter(**{f"{name}__icontains": term})})
