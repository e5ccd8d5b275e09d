"""The system checks of the move."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from . import old


@register()
def check_move(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Name what would keep old tokens from being exchanged."""
    found: list[CheckMessage] = []
    given = getattr(settings, "JWT_REFRESH", {})
    # Of settings that are of no use the app itself complains.
    if isinstance(given, dict) and not {"REFRESH_LIFETIME", "LOGIN_LIFETIMES"} & given.keys():
        text = "A front end of simplejwt wants two tokens, and the sliding style has one."
        hint = "Set JWT_REFRESH['REFRESH_LIFETIME'] to its REFRESH_TOKEN_LIFETIME."
        found.append(Error(text, hint=hint, id="jwt_refresh.E036"))
    if not str(old.setting("ALGORITHM")).startswith("HS") and not old.setting("VERIFYING_KEY"):
        text = "No token of simplejwt can be verified without SIMPLE_JWT['VERIFYING_KEY']."
        hint = "Keys behind JWK_URL are not fetched: give the public key itself."
        found.append(Error(text, hint=hint, id="jwt_refresh.E037"))
    return found
