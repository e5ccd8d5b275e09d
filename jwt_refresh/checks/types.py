"""The names of settings, and the types of their values, as ``Conf`` annotates them.

Also the wording of a message on one setting, which all rules share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django.core.checks import CheckMessage, Error, Warning

from jwt_refresh.conf import Conf

TYPES = {name: get_args(hint)[0] for name, hint in get_type_hints(Conf).items()}
_WORDS = {type(None): "None", str: "a string", int: "a whole number", bool: "True or False"}


def error(check: str, name: str, problem: str, hint: str) -> Error:
    return Error(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")


def warning(check: str, name: str, problem: str, hint: str) -> Warning:
    return Warning(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")


def check_names(given: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() - TYPES.keys():
        close = get_close_matches(str(name).strip().upper(), TYPES)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(TYPES))}."
        yield Error(f"JWT_REFRESH has no setting {name!r}.", hint=hint, id="jwt_refresh.E001")


def check_types(given: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() & TYPES.keys():
        if not _fits(given[name], TYPES[name]):
            yield error("E002", name, "has the wrong type.", f"It takes {describe(TYPES[name])}.")


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is UnionType:
        return any(_fits(value, option) for option in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Callable, Mapping):
        return isinstance(value, origin)
    if origin is not None:
        (member,) = get_args(hint)
        return isinstance(value, list | tuple) and all(_fits(item, member) for item in value)
    return isinstance(value, hint) and isinstance(value, bool) == (hint is bool)


def describe(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is UnionType:
        return " or ".join(map(describe, get_args(hint)))
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if origin is Callable:
        return "a function"
    if origin is Mapping:
        return "a JWK"
    if origin is not None:
        (member,) = get_args(hint)
        several = get_origin(member) is UnionType
        return f"a list of ({describe(member)})" if several else f"a list of {describe(member)}"
    return _WORDS.get(hint, f"a {hint.__name__}")
