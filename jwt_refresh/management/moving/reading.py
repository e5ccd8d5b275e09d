"""The reading of another package's settings, and the text of those that correspond.

No value of a key is ever read into that text, and an odd value is named by its type alone.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings

from .reasons import PACKAGES, REASONS, TRANSLATED

_is_plain = re.compile(r"[A-Za-z_]{1,40}").fullmatch
"""A name that can be shown: a key that stands in its place by mistake must not be."""


@dataclass(frozen=True)
class Entry:
    """A key of ``JWT_REFRESH``: the code of its value, and what stands above it as comments."""

    code: str
    comments: tuple[str, ...]


@dataclass
class Translation:
    """The settings that correspond, and a sentence on each old one that has no counterpart."""

    entries: dict[str, Entry] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    longest: dict[str, timedelta | None] = field(default_factory=dict)
    """How long tokens of simplejwt and knox live, as they are set now; ``None``: for ever."""
    schemes: dict[str, str] = field(default_factory=dict)
    """The schemes of the header by what tells them apart, with the comments below."""
    scheme_comments: list[str] = field(default_factory=list)

    def put(self, key: str, code: str, *comments: str) -> None:
        self.entries[key] = Entry(code, comments)

    def add_scheme(self, scheme: str, comment: str | None) -> None:
        """Accept a scheme; without a comment it is one that we accept by ourselves."""
        self.schemes.setdefault(scheme.lower(), scheme)
        if comment is not None and comment not in self.scheme_comments:
            self.scheme_comments.append(comment)

    def put_schemes(self) -> None:
        if self.scheme_comments:
            words = [text(scheme) for scheme in self.schemes.values()]
            self.put("AUTH_HEADER_TYPES", f"[{', '.join(words)}]", *self.scheme_comments)

    def code(self, held: Collection[str] | None) -> str:
        """Return the statement that sets ``JWT_REFRESH``, or adds to one that has keys ``held``."""
        lines = ["JWT_REFRESH = {" if held is None else "JWT_REFRESH |= {"]
        for key, entry in self.entries.items():
            if key in (held or ()):
                continue
            for comment in entry.comments:
                lines += textwrap.wrap(
                    comment, 96, initial_indent="    # ", subsequent_indent="    # "
                )
            lines.append(f'    "{key}": {entry.code},')
        return "\n".join([*lines, "}"])


class Old:
    """One dict of settings of another package, read with suspicion.

    Whatever is no dict, and each name that is no text, is named in ``left``.
    """

    def __init__(self, name: str, left: dict[str, str]) -> None:
        given = getattr(settings, name, None)
        self.name, self.package, self.left = name, PACKAGES[name], left
        self.given: dict[str, Any] = {}
        if isinstance(given, Mapping):
            self.given = {key: value for key, value in given.items() if isinstance(key, str)}
            if len(self.given) < len(given):
                left[name] = "It has a name that is no text: take that out."
        elif given is not None:
            left[name] = f"It is {_kind(given)}, where {self.package} takes a dict: mend it."

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def get(self, key: str, default: Any = None) -> Any:
        return self.given.get(key, default)

    def label(self, key: str) -> str:
        return f'{self.name}["{key}"]'

    def source(self, key: str) -> list[str]:
        """Return the comment that tells where a value is from, as a list to add to."""
        is_given = key in self and self.label(key) not in self.left
        return [self.label(key) + ("" if is_given else f", by default of {self.package}")]

    def leave(self, key: str, sentence: str) -> None:
        self.left[self.label(key)] = sentence

    def typed(self, key: str, default: Any, kinds: Any, wanted: str) -> Any:
        """Return a value of such a type; else name it, and return the default."""
        value = self.given.get(key, default)
        if value is default or isinstance(value, kinds):
            return value
        self.leave(key, f"It is {_kind(value)}, and should be {wanted}: mend it, and ask again.")
        return default

    def rest(self) -> None:
        """Name what has no counterpart, and what the package itself does not know."""
        reasons = REASONS[self.name]
        for key in self.given:
            if key in reasons:
                self.left.setdefault(self.label(key), reasons[key])
            elif key not in TRANSLATED[self.name]:
                shown = key if _is_plain(key) else "…"
                self.leave(shown, f"{self.package} has no such setting: take it out.")


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def within(value: timedelta, least: timedelta, most: timedelta, comments: list[str]) -> timedelta:
    """Return the nearest length of time that serves here, and comment on another."""
    chosen = min(max(value, least), most)
    if chosen != value:
        words = "at least" if chosen > value else "at most"
        comments.append(f"There it is {duration(value)}; here it is {words} this")
    return chosen


def duration(value: timedelta) -> str:
    """Write a length of time in the largest unit that holds it exactly."""
    for unit in ("days", "hours", "minutes", "seconds"):
        one = timedelta(**{unit: 1})
        if value % one == timedelta(0):
            return f"timedelta({unit}={value // one})"
    return repr(value).removeprefix("datetime.")


def in_words(value: timedelta) -> str:
    """Say a length of time, such as ``14 days``."""
    for unit in ("day", "hour", "minute"):
        number = value / timedelta(**{f"{unit}s": 1})
        if number >= 1:
            return f"{number:.3g} {unit}{'' if number == 1 else 's'}"
    return f"{value.total_seconds():.3g} seconds"


def text(value: str) -> str:
    """Write a printable text as Python reads it."""
    return json.dumps(value, ensure_ascii=False)
