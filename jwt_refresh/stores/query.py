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
from django.db.models import F, QuerySet

from jwt_refresh.models import Session

Columns = tuple[str, ...]

KNOWN: Columns = ("id", "user_id")
"""Columns that are not read: the caller names the one, and the user's row holds the other."""
CHECKED: Columns = (
    "style",
    "current_jti",
    "previous_jti",
    "issued_at",
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

    The user is what the default manager of the user model gives: with its annotations and related
    objects, of the class that it makes; one that hides users hides their sessions as well. The
    fields that are not among ``columns`` (``None``: all) are deferred: each costs a query if it
    is asked for after all.
    """
    model: type[models.Model] = _USER.related_model
    columns = columns or ALL
    plan = _plan(alias, model, columns) if _is_plain(model._default_manager) else None
    if plan is None:
        return _by_manager(model, sid, alias, columns)
    row = _fetch(plan, sid, alias)
    if row is None:
        return None
    names = _names(model)
    user = model.from_db(alias, names, row[: len(names)])
    return _session(sid, alias, columns, row[len(names) :], user)


def _session(
    sid: uuid.UUID, alias: str, columns: Columns, values: Sequence[Any], user: models.Model
) -> Session:
    session = Session.from_db(alias, KNOWN + columns, (sid, user.pk, *values))
    _USER.set_cached_value(session, user)
    return session


def _is_plain(manager: Any) -> bool:
    """Tell whether a manager chooses, adds and makes nothing of its own."""
    kind, plain = type(manager), models.Manager
    return (
        kind.get_queryset is plain.get_queryset
        and kind.using is plain.using
        and _only_adds(manager._queryset_class)
    )


@lru_cache(maxsize=64)
def _only_adds(kind: type[QuerySet[Any, Any]]) -> bool:
    """Tell whether a class of queries has new methods alone, beside those that write."""
    own = kind.__mro__[: kind.__mro__.index(QuerySet)]
    overridden = {name for base in own for name in vars(base) if hasattr(QuerySet, name)}
    return overridden <= _HARMLESS


class _Empty:
    """A class with nothing but what Python notes of each."""


_HARMLESS = {
    *("create", "bulk_create", "get_or_create", "update_or_create"),
    *("update", "bulk_update", "delete"),
    *("__annotations__", "__orig_bases__", "__parameters__"),
    *vars(_Empty),
}
"""The names that a class of queries may define anew, and read as any other."""


def _by_manager(
    model: type[models.Model], sid: uuid.UUID, alias: str, columns: Columns
) -> Session | None:
    """Ask the manager each time: it may decide anew, by tenant, say. One query, if it can be."""
    relation = _USER.related_query_name()
    of_session = {f"jwt_session_{name}": F(f"{relation}__{name}") for name in columns}
    users = _users_of(model, sid, alias).annotate(**of_session)
    user: Any = next(iter(users[:1]), None)
    if user is None:
        return None
    if of_session.keys() <= vars(user).keys():
        values = [vars(user).pop(name) for name in of_session]
        return _session(sid, alias, columns, values, user)
    # It has put another object in the place of what it found.
    row = Session.objects.using(alias).filter(pk=sid).values_list(*columns).first()
    return None if row is None else _session(sid, alias, columns, row, user)


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


def _users_of(model: type[models.Model], sid: uuid.UUID, alias: str) -> QuerySet[Any, Any]:
    # The filter comes first: columns named before it would make a join of their own, and
    # show the state of another session of the same user.
    users = model._default_manager.using(alias)
    return users.filter(**{f"{_USER.related_query_name()}__pk": sid}).order_by()


class _Plan(NamedTuple):
    sql: str
    named: bool
    """True where the parameter has a name, ``sid``; else it has its place alone."""
    converted: list[tuple[int, Any]]
    """The columns whose values are converted, and the expression of each."""
    converters: _Converters


@lru_cache(maxsize=64)
def _plan(alias: str, model: type[models.Model], columns: Columns) -> _Plan | None:
    """Put the query together; ``None`` where a column is read with parameters of its own."""
    relation = _USER.related_query_name()
    names = (*_names(model), *(f"{relation}__{name}" for name in columns))
    query = _users_of(model, uuid.UUID(int=0), alias).values_list(*names).query
    compiler = query.get_compiler(alias)
    sql, parameters = compiler.as_sql()
    if len(parameters) != 1:
        return None
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
