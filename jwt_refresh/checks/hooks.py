"""The rules for the functions and texts of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction, signature
from typing import Any

from django.core.checks import CheckMessage

from jwt_refresh.conf import MAX_TEXT, conf, function_of, is_name

from .types import error

HOOKS = {
    "LOGIN_LIFETIMES": ("user", "request"),
    "CLAIMS": ("user", "session"),
    "PRIVATE_KEYS": (),
    "PUBLIC_KEYS": (),
    "ISSUER": ("request",),
    "AUDIENCE": ("request",),
}
"""The settings that take a function, with what it is given."""
TEXTS = ("ISSUER", "AUDIENCE", "CLIENT_ID")
"""The settings that are written into tokens as they are."""


def check_hooks() -> Iterator[CheckMessage]:
    """names no function, one that takes other arguments, or one that would have to be awaited."""
    for name, arguments in HOOKS.items():
        hook: Any = getattr(conf, name)
        is_text = name in TEXTS and isinstance(hook, str)
        if hook is None or is_text or isinstance(hook, list | tuple):
            continue
        if fault := _fault_of(hook, arguments):
            hint = f"It is a function, or its dotted path: f({', '.join(arguments)})."
            yield error("E010", name, fault, hint)


def _fault_of(hook: Any, arguments: tuple[str, ...]) -> str | None:
    """Return the fault of a function, or of its path, that is called with so many arguments."""
    try:
        function: Any = function_of(hook)
    except Exception:  # noqa: BLE001 - whatever a project's module raises while it is loaded
        return "names no function."
    if not callable(function):
        return "names no function."
    if iscoroutinefunction(function):
        return "names a function that would have to be awaited."
    try:
        signature(function).bind(*arguments)
    except TypeError:
        return "names a function that takes other arguments."
    except ValueError:
        # A builtin does not tell what it takes.
        pass
    return None


def check_texts() -> Iterator[CheckMessage]:
    for name in TEXTS:
        text = getattr(conf, name)
        if isinstance(text, str) and not is_name(text):
            hint = f"It is printable, and at most {MAX_TEXT} bytes long; None: no such claim."
            yield error("E017", name, "is no text that serves.", hint)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_hooks,
    check_texts,
)
