"""The settings of simplejwt, and its tokens, read as it reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from hashlib import md5
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError, ValidationError

from jwt_refresh.core.claims import Kind
from jwt_refresh.core.tokens import MAX_LENGTH
from jwt_refresh.exceptions import PasswordChanged, TokenExpired, TokenInvalid, UserInactive
from jwt_refresh.sessions.checking import may_authenticate
from jwt_refresh.stores.database import write_alias

__all__ = ["claims"]

DEFAULTS: dict[str, Any] = {
    "ALGORITHM": "HS256",
    "VERIFYING_KEY": "",
    "AUDIENCE": None,
    "ISSUER": None,
    "LEEWAY": 0,
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "user_id",
    "TOKEN_TYPE_CLAIM": "token_type",
    "JTI_CLAIM": "jti",
    "ROTATE_REFRESH_TOKENS": False,
    "CHECK_REVOKE_TOKEN": False,
    "REVOKE_TOKEN_CLAIM": "hash_password",
}
"""The settings that decide what a token is, as simplejwt 5.5 has them where they are left out."""
OURS = [kind.value for kind in Kind]
"""The types of our own tokens, which the same key may have signed: none of them is an old one."""
UNREADABLE = (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError)
"""The errors of PyJWT, and of JSON below it, on a token that anybody may have written."""


def setting(name: str) -> Any:
    """Return a setting of simplejwt: of ``SIMPLE_JWT``, which stays while old tokens live."""
    given: Mapping[str, Any] = getattr(settings, "SIMPLE_JWT", None) or {}
    if name == "SIGNING_KEY":
        return given.get(name, settings.SECRET_KEY)
    return given.get(name, DEFAULTS[name])


def read(encoded: str, kind: str | None) -> dict[str, Any]:
    """Verify an old token of ``kind``, ``"access"`` or ``"refresh"``, or of any; return its claims.

    It may have expired: ``is_expired`` tells. Raises ``TokenInvalid``.
    """
    if len(encoded) > MAX_LENGTH:
        raise TokenInvalid("too long")
    algorithm, audience = setting("ALGORITHM"), setting("AUDIENCE")
    shared = algorithm.startswith("HS")
    try:
        decoded = jwt.decode_complete(
            encoded,
            setting("SIGNING_KEY") if shared else setting("VERIFYING_KEY"),
            algorithms=[algorithm],
            audience=audience,
            issuer=setting("ISSUER"),
            leeway=leeway(),
            options={"require": ["exp"], "verify_exp": False, "verify_aud": audience is not None},
        )
        content: dict[str, Any] = decoded["payload"]
        int(content["exp"]), int(content.get("iat", 0))
    except UNREADABLE as error:
        raise TokenInvalid(f"no token of simplejwt: {type(error).__name__}") from None
    if decoded["header"].get("typ") in OURS:
        raise TokenInvalid("a token of ours, read as one of simplejwt")
    id_claim, type_claim = setting("JTI_CLAIM"), setting("TOKEN_TYPE_CLAIM")
    if id_claim is not None and id_claim not in content:
        raise TokenInvalid("a token of simplejwt without an id")
    if kind is not None and type_claim is not None and content.get(type_claim) != kind:
        raise TokenInvalid("a token of simplejwt of another type")
    return content


def leeway() -> timedelta:
    """Return the clock skew that simplejwt allows."""
    given = setting("LEEWAY")
    return given if isinstance(given, timedelta) else timedelta(seconds=given or 0)


def is_expired(content: Mapping[str, Any]) -> bool:
    """Tell whether an old token is past its end, by simplejwt's reckoning."""
    return int(content["exp"]) <= time.time() - leeway().total_seconds()


def authenticate(encoded: str) -> tuple[Any, dict[str, Any]]:
    """Return the user and the claims of an old access token. One query.

    Raises ``TokenInvalid``, ``TokenExpired``, ``UserInactive`` and ``PasswordChanged``.
    """
    content = read(encoded, "access")
    if is_expired(content):
        raise TokenExpired("a token of simplejwt past exp")
    return user_of(content), content


def user_of(content: Mapping[str, Any]) -> Any:
    """Return the user of an old token, as the write database has them, if they may log in.

    Raises ``UserInactive``, also where there is no such user, and ``PasswordChanged`` where
    simplejwt was set to notice.
    """
    users = get_user_model()._default_manager.using(write_alias())
    try:
        user: Any = users.filter(
            **{setting("USER_ID_FIELD"): content[setting("USER_ID_CLAIM")]}
        ).first()
    except (KeyError, FieldError, ValidationError, ValueError, TypeError, OverflowError):
        raise TokenInvalid("a token of simplejwt that names no user") from None
    if user is None or not may_authenticate(user):
        raise UserInactive("inactive or gone, by a token of simplejwt")
    if setting("CHECK_REVOKE_TOKEN"):
        known = md5(user.password.encode(), usedforsecurity=False).hexdigest().upper()
        if content.get(setting("REVOKE_TOKEN_CLAIM")) != known:
            raise PasswordChanged("password changed since a token of simplejwt")
    return user


def claims(user: Any, session: object = None) -> dict[str, Any]:
    """Return the claim by which simplejwt names a user: for ``JWT_REFRESH["CLAIMS"]``.

    Front ends and services that read ``user_id`` go on to find it.
    """
    return {setting("USER_ID_CLAIM"): str(getattr(user, setting("USER_ID_FIELD")))}
