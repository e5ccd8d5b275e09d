"""The system checks of the move."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from jwt_refresh.conf import conf

from . import old


@register()
def check_move(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Name what would keep old tokens from being exchanged."""
    found: list[CheckMessage] = []
    if conf.REFRESH_LIFETIME is None and conf.LOGIN_LIFETIMES is None:
        text = "A front end of simplejwt wants two tokens, and the sliding style has one."
        hint = "Set JWT_REFRESH['REFRESH_LIFETIME'] to its REFRESH_TOKEN_LIFETIME."
        found.append(Error(text, hint=hint, id="jwt_refresh.E036"))
    if not old.setting("ALGORITHM").startswith("HS") and not old.setting("VERIFYING_KEY"):
        text = "No token of simplejwt can be verified without SIMPLE_JWT['VERIFYING_KEY']."
        hint = "Keys behind JWK_URL are not fetched: give the public key itself."
        found.append(Error(text, hint=hint, id="jwt_refresh.E037"))
    return found
