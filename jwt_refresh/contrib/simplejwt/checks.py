"""The system checks of the move."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import FieldDoesNotExist

from . import old

PAIR = ("REFRESH_LIFETIME", "LOGIN_LIFETIMES")
"""The settings of which one makes sessions in pair style."""


@register()
def check_move(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Name what would keep old tokens from being exchanged."""
    found: list[CheckMessage] = []
    given = getattr(settings, "JWT_REFRESH", {})
    # Of settings that are of no use the app itself complains.
    if isinstance(given, dict) and not any(map(given.get, PAIR)):
        text = "A front end of simplejwt wants two tokens, and the sliding style has one."
        hint = "Set JWT_REFRESH['REFRESH_LIFETIME'] to its REFRESH_TOKEN_LIFETIME."
        found.append(Error(text, hint=hint, id="jwt_refresh.E036"))
    if not str(old.setting("ALGORITHM")).startswith("HS") and not old.setting("VERIFYING_KEY"):
        text = "No token of simplejwt can be verified without SIMPLE_JWT['VERIFYING_KEY']."
        hint = "Keys behind JWK_URL are not fetched: give the public key itself."
        found.append(Error(text, hint=hint, id="jwt_refresh.E037"))
    name = str(old.setting("USER_ID_FIELD"))
    if not _is_field(name):
        text = f"The user model has no field {name!r}, by which tokens of simplejwt name a user."
        hint = "Set SIMPLE_JWT['USER_ID_FIELD'] to the name of its key."
        found.append(Error(text, hint=hint, id="jwt_refresh.E038"))
    return found


def _is_field(name: str) -> bool:
    try:
        get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return name == "pk"
    return True
