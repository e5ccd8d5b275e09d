"""Session and user in one query that costs less than the user alone does.

Putting a query together costs the ORM more than running it, so it is done once for each alias
and user model. The ORM still names every column and converts every value: user models over
several tables, and fields with converters, come out as they always do.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.signals import setting_changed
from django.db import connections, models
from django.db.models import QuerySet

from jwt_refresh.models import Session


def session_with_user(sid: uuid.UUID, alias: str) -> Session | None:
    """The session with its ``user``; ``None`` where either is gone.

    A default manager that hides users hides their sessions as well.
    """
    model = get_user_model()
    row: Sequence[Any] | None
    if type(model._default_manager).get_queryset is models.Manager.get_queryset:
        row = _fetch(_plan(alias, model), sid, alias)
    else:
        # Such a manager may decide anew each time (by tenant, say): no answer of its is kept.
        row = _query(model, sid, alias).first()
    if row is None:
        return None
    names = _names(model)
    session = Session.from_db(alias, _names(Session), row[len(names) :])
    _USER.set_cached_value(session, model.from_db(alias, names, row[: len(names)]))
    return session


class _Plan(NamedTuple):
    sql: str
    converted: list[tuple[int, Any]]
    """The columns whose values are converted, and the expression of each."""


_USER: Any = Session._meta.get_field("user")


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _query(model: type[models.Model], sid: uuid.UUID, alias: str) -> QuerySet[Any, Any]:
    # The filter comes first: columns named before it would make a join of their own, and
    # show the state of another session of the same user.
    relation = _USER.related_query_name()
    return (
        model._default_manager.using(alias)
        .filter(**{f"{relation}__pk": sid})
        .order_by()
        .values_list(*_names(model), *(f"{relation}__{name}" for name in _names(Session)))
    )


@lru_cache(maxsize=64)
def _plan(alias: str, model: type[models.Model]) -> _Plan:
    compiler = _query(model, uuid.UUID(int=0), alias).query.get_compiler(alias)
    sql, _ = compiler.as_sql()
    columns = [column for column, *_ in compiler.select]
    return _Plan(sql, [(index, columns[index]) for index in compiler.get_converters(columns)])


setting_changed.connect(lambda **_: _plan.cache_clear(), weak=False)


def _fetch(plan: _Plan, sid: uuid.UUID, alias: str) -> Sequence[Any] | None:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(plan.sql, [Session._meta.pk.get_db_prep_value(sid, connection)])
        found = cursor.fetchone()
    if found is None:
        return None
    row = list(found)
    for index, column in plan.converted:
        for convert in (
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ):
            row[index] = convert(row[index], column, connection)
    return row
