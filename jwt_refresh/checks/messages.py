"""How a message on one setting is worded."""

from __future__ import annotations

from django.core.checks import Error, Warning


def error(check: str, name: str, problem: str, hint: str) -> Error:
    return Error(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")


def warning(check: str, name: str, problem: str, hint: str) -> Warning:
    return Warning(f"JWT_REFRESH[{name!r}] {problem}", hint=hint, id=f"jwt_refresh.{check}")
