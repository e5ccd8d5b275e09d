"""Bodies that no client of ours sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.test import Client

VALUES: tuple[Any, ...] = (
    None,
    7,
    -1.5,
    True,
    [],
    ["a"],
    {},
    {"a": 1},
    "",
    " ",
    "\0",
    "\ud800",
    "x" * 9999,
)
BODIES = (b"", b"null", b"[]", b'"text"', b"{", b"\xff", b"[" * 20000, b'{"a":"\\ud800"}')


def answers(path: str, good: dict[str, str], http: Client | None = None) -> Iterator[Any]:
    """What a view says to each of them, and to ``good`` with one member bad or missing."""
    http = http or Client()
    bodies = [*BODIES, json.dumps(dict.fromkeys(good, "\ud800")).encode()]
    for name in good:
        rest = {other: value for other, value in good.items() if other != name}
        bodies += [json.dumps(it).encode() for it in (rest, *(rest | {name: v} for v in VALUES))]
    for body in bodies:
        yield http.post(path, body, content_type="application/json")
    yield http.post(path, good, content_type="text/plain")
    yield http.post(path, b"a" * 70_000, content_type="application/x-www-form-urlencoded")
    yield http.get(path)
