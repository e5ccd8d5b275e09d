"""The class that authenticates requests to Django REST framework."""

from __future__ import annotations

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from . import lookup
from .claims import Claims
from .exceptions import TokenError
from .transport import Refusal, challenge, token_of_header


class JWTAuthentication(BaseAuthentication):
    """``request.user`` from the database, ``request.auth`` the ``Claims`` of its token.

    One query finds session and user, so that whatever ended a session ends its tokens at once.
    Raises ``Refusal`` for a token of ours that failed; leaves other schemes to others.
    """

    confirms = True

    @sensitive_variables("encoded")
    def authenticate(self, request: Request) -> tuple[Any, Claims] | None:
        try:
            encoded = token_of_header(request._request)
            if encoded is None:
                return None
            session, claims = lookup.authenticate(encoded, confirm=self.confirms)
        except TokenError as error:
            raise Refusal(error) from None
        return session.user, claims

    def authenticate_header(self, request: Request) -> str:
        return challenge()


class UnconfirmedJWTAuthentication(JWTAuthentication):
    """The same, where a request proves nothing about who holds the current token."""

    confirms = False
