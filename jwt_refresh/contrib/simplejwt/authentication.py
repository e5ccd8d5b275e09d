"""The class that takes our tokens, and those of simplejwt until they end."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.exceptions import BindingViolated, TokenError, TokenInvalid

from . import cutoff, old
from .answers import refusal

__all__ = ["SimpleJWTAuthentication"]


class SimpleJWTAuthentication(JWTAuthentication):
    """The class of views whose clients may still hold an access token of simplejwt.

    Such a token has no session: it authenticates until its end, or a new password of its user, or
    an end of all their logins. ``request.auth`` is then the dict of its claims. Two queries.
    Errors have the shape of simplejwt's.
    """

    def check(self, encoded: str, request: Request) -> tuple[Any, Any]:
        try:
            return super().check(encoded, request)
        except BindingViolated:
            raise
        except TokenInvalid:
            user, content = old.authenticate(encoded)
            cutoff.check(user, content)
            return user, content

    def refuse(self, error: TokenError, request: Request) -> None:
        self.send(refusal(error, request, guards=True), request)
