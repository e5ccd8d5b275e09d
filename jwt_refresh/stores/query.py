"""Session and user in one query that costs less than the user alone does.

Putting a query together costs the ORM more than running it, so it is done once for each alias,
user model and choice of columns. The ORM still names every column and converts every value: user
models over several tables, and fields with converters, come out as they always do.

Private API of Django that is used here, tested with Django 5.2, 6.0 and 6.1:

- ``Query.get_compiler()``, and of a compiler ``as_sql()``, ``select`` and ``get_converters()``;
- ``get_db_converters()`` of a backend's ``ops`` and of an expression;
- ``features.supports_paramstyle_pyformat`` of a backend;
- ``Options.concrete_fields``; of a relation ``related_query_name()`` and ``set_cached_value()``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import local
from typing import Any, NamedTuple

from django.core.signals import setting_changed
from django.db import connections, models
from django.db.models import QuerySet

from jwt_refresh.models import Session

Columns = tuple[str, ...]

KNOWN: Columns = ("id", "user_id")
"""Columns that are not read: the caller names the one, and the user's row holds the other."""
CHECKED: Columns = (
    "style",
    "current_jti",
    "expires_at",
    "confirmed_at",
    "ends_at",
    "revoked_at",
    "revoked_reason",
    "auth_hash",
)
"""The columns that decide whether a token authenticates, in the order of the model."""


def session_with_user(sid: uuid.UUID, alias: str, columns: Columns | None = None) -> Session | None:
    """Return the session with its ``user``; ``None`` where either is gone.

    The fields that are not among ``columns`` (``None``: all) are deferred: each costs a query if
    it is asked for after all. A default manager that hides users hides their sessions as well.
    """
    model: type[models.Model] = _USER.related_model
    columns = columns or ALL
    row: Sequence[Any] | None
    if type(model._default_manager).get_queryset is models.Manager.get_queryset:
        row = _fetch(_plan(alias, model, columns), sid, alias)
    else:
        # Such a manager may decide anew each time (by tenant, say): no answer of its is kept.
        row = _query(model, sid, alias, columns).first()
    if row is None:
        return None
    names = _names(model)
    user = model.from_db(alias, names, row[: len(names)])
    session = Session.from_db(alias, KNOWN + columns, (sid, user.pk, *row[len(names) :]))
    _USER.set_cached_value(session, user)
    return session


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


_USER: Any = Session._meta.get_field("user")
ALL: Columns = tuple(name for name in _names(Session) if name not in KNOWN)
_Call = tuple[int, Callable[..., Any], Any]
"""The index of a value in its row, what converts it, and the expression of its column."""


class _Converters(local):
    """The converters of a plan: in each thread those of its own connection."""

    connection: object = None
    calls: Sequence[_Call] = ()

    def of(self, connection: Any, converted: Sequence[tuple[int, Any]]) -> Sequence[_Call]:
        if self.connection is not connection:
            self.calls = [
                (index, convert, column)
                for index, column in converted
                for convert in (
                    *connection.ops.get_db_converters(column),
                    *column.get_db_converters(connection),
                )
            ]
            self.connection = connection
        return self.calls


class _Plan(NamedTuple):
    sql: str
    named: bool
    """True where the parameter has a name, ``sid``; else it has its place alone."""
    converted: list[tuple[int, Any]]
    """The columns whose values are converted, and the expression of each."""
    converters: _Converters


def _query(
    model: type[models.Model], sid: uuid.UUID, alias: str, columns: Columns
) -> QuerySet[Any, Any]:
    # The filter comes first: columns named before it would make a join of their own, and
    # show the state of another session of the same user.
    relation = _USER.related_query_name()
    return (
        model._default_manager.using(alias)
        .filter(**{f"{relation}__pk": sid})
        .order_by()
        .values_list(*_names(model), *(f"{relation}__{name}" for name in columns))
    )


@lru_cache(maxsize=64)
def _plan(alias: str, model: type[models.Model], columns: Columns) -> _Plan:
    compiler = _query(model, uuid.UUID(int=0), alias, columns).query.get_compiler(alias)
    sql, _ = compiler.as_sql()
    named: bool = connections[alias].features.supports_paramstyle_pyformat
    if named:
        # The cursor of SQLite searches for a "%s" letter by letter, every time.
        sql = "%(sid)s".join(sql.rsplit("%s", 1))
    selected = [column for column, *_ in compiler.select]
    converted = [(index, selected[index]) for index in compiler.get_converters(selected)]
    return _Plan(sql, named, converted, _Converters())


setting_changed.connect(lambda **_: _plan.cache_clear(), weak=False)


def _fetch(plan: _Plan, sid: uuid.UUID, alias: str) -> Sequence[Any] | None:
    connection = connections[alias]
    pk = Session._meta.pk.get_db_prep_value(sid, connection)
    with connection.cursor() as cursor:
        cursor.execute(plan.sql, {"sid": pk} if plan.named else [pk])
        found = cursor.fetchone()
    if found is None:
        return None
    row = list(found)
    for index, convert, column in plan.converters.of(connection, plan.converted):
        row[index] = convert(row[index], column, connection)
    return row
