"""System checks of the settings: each names the key and the mend."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from . import deploy, keys, rules, types


@register()
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """All rules; those on values only where names and types are right."""
    given = getattr(settings, "JWT_REFRESH", {})
    if not isinstance(given, dict):
        return [Error("JWT_REFRESH must be a dict.", id="jwt_refresh.E002")]
    return [*types.check(given)] or [*keys.check(), *rules.check()]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What is unsafe where others can reach it; only where the settings can be used at all."""
    unusable = any(message.is_serious() for message in check_settings(app_configs))
    return [] if unusable else [*deploy.check()]
