"""System checks of the settings: each rule is a function, and names the key and the mend."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from . import caches, cookies, deploy, hooks, keys, rules, types


@register()
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Apply all rules; those on values only where names, types and the user model are right."""
    given = getattr(settings, "JWT_REFRESH", {})
    if not isinstance(given, dict):
        return [Error("JWT_REFRESH must be a dict.", id="jwt_refresh.E002")]
    unreadable = [
        *types.check_names(given),
        *types.check_types(given),
        *rules.check_user_model(),
    ]
    rules_of_values = keys.RULES + rules.RULES + hooks.RULES + caches.RULES + cookies.RULES
    return unreadable or [message for rule in rules_of_values for message in rule()]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Apply the rules for a server that others can reach, where the settings can be used at all."""
    if any(message.is_serious() for message in check_settings(app_configs)):
        return []
    return [message for rule in deploy.RULES + cookies.DEPLOY_RULES for message in rule()]
