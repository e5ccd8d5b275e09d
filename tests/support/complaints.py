"""What the system checks of the app say."""

from __future__ import annotations

from typing import Any

from django.core.checks import run_checks


def complaints(*, deploy: bool = False) -> list[Any]:
    """The messages, as ``manage.py check`` shows them, or ``check --deploy``."""
    return [
        message
        for message in run_checks(include_deployment_checks=deploy)
        if str(message.id).startswith("jwt_refresh.") and not message.is_silenced()
    ]
