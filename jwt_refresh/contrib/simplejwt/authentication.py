"""The class that takes our tokens, and those of simplejwt until they end."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.exceptions import TokenError, TokenInvalid

from . import old
from .answers import refusal

__all__ = ["SimpleJWTAuthentication"]


class SimpleJWTAuthentication(JWTAuthentication):
    """The class of views whose clients may still hold an access token of simplejwt.

    Such a token authenticates until its end, as it did: it has no session that could be ended.
    ``request.auth`` is then the dict of its claims. Errors have the shape of simplejwt's.
    """

    def check(self, encoded: str, request: Request) -> tuple[Any, Any]:
        try:
            return super().check(encoded, request)
        except TokenInvalid:
            return old.authenticate(encoded)

    def refuse(self, error: TokenError) -> None:
        raise refusal(error, guards=True) from None
