"""The date hierarchy of a list, from its first and last date alone.

Django's own asks for the DISTINCT days of the whole table. Here the two ends of an index answer,
at the price of offering a day on which nothing happened.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime
from itertools import takewhile
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ChangeList
from django.db.models import Max, Min
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from .words import local_time

Parts = tuple[int, ...]
"""A year; or year and month; or year, month and day."""


def hierarchy(changelist: ChangeList) -> dict[str, Any] | None:
    """Return the context of Django's ``date_hierarchy.html``; ``None`` for an empty table."""
    name = changelist.date_hierarchy
    keys = [f"{name}__{part}" for part in ("year", "month", "day")]
    ends = changelist.root_queryset.aggregate(first=Min(name), last=Max(name))
    if ends["first"] is None:
        return None
    first, last = _day(ends["first"]), _day(ends["last"])
    given = [int(changelist.params[key]) for key in takewhile(changelist.params.__contains__, keys)]

    def link(parts: Parts) -> str:
        return changelist.get_query_string(dict(zip(keys, parts, strict=False)), [f"{name}__"])

    chosen = tuple(given)
    below = list(_below(chosen, first, last))
    while not given and len(below) == 1 and len(chosen) < 2:
        chosen = below[0]
        below = list(_below(chosen, first, last))
    choices = [{"link": link(parts), "title": _title(parts)} for parts in below]
    return {
        "field_name": label_for_field(name, changelist.model),
        "back": {"link": link(chosen[:-1]), "title": _title(chosen[:-1])} if given else None,
        "choices": choices if len(chosen) < 3 else [{"title": _title(chosen)}],
    }


def _day(at: datetime) -> Parts:
    local = local_time(at)
    return local.year, local.month, local.day


def _below(chosen: Parts, first: Parts, last: Parts) -> Iterator[Parts]:
    """Yield the years; or the months of a year; or the days of a month."""
    most = (last[0], 12, monthrange(*chosen)[1] if len(chosen) == 2 else 0)
    least = (first[0], 1, 1)
    depth = len(chosen)
    for number in range(least[depth], most[depth] + 1) if depth < 3 else ():
        parts = (*chosen, number)
        if first[: depth + 1] <= parts <= last[: depth + 1]:
            yield parts


def _title(parts: Parts) -> str:
    if not parts:
        return _("All dates")
    if len(parts) == 1:
        return str(parts[0])
    shown = date(*parts, 1) if len(parts) == 2 else date(*parts)
    form = "YEAR_MONTH_FORMAT" if len(parts) == 2 else "MONTH_DAY_FORMAT"
    return capfirst(formats.date_format(shown, form))
