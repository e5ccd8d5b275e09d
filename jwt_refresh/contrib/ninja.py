"""The authentication class of django-ninja, and its errors in our shape."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase

from jwt_refresh.authentication import authenticate
from jwt_refresh.core.claims import Claims
from jwt_refresh.core.users import set_user
from jwt_refresh.exceptions import TokenError, TokenMissing
from jwt_refresh.sealing import sealed
from jwt_refresh.web.transport import Refusal, json_of, refuse, token_of_guarded

__all__ = ["JWTAuth", "answer_errors"]


class JWTAuth(AuthBase):
    """The class for ``auth=``: of an API, a router or an operation, sync or async.

    Sets ``request.user``, ``request.auser`` and ``request.auth``, as ``JWTAuthentication`` does,
    by the token of the header, else of the cookie. Leaves a request without a token to the classes
    that follow. django-ninja calls it in a thread, so that no operation blocks the event loop.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815 - the name of the member in OpenAPI

    @sealed
    def __call__(self, request: HttpRequest) -> Claims | None:
        try:
            encoded = token_of_guarded(request)
            if encoded is None:
                return None
            user, claims = authenticate(encoded, request)
        except TokenError as error:
            raise _Refused(refuse(error, request)) from None
        set_user(request, user)
        return claims


class _Refused(HttpError):
    """A ``Refusal``, for an API that has not been told of it: with its status, and a sentence."""

    def __init__(self, refusal: Refusal) -> None:
        detail: Any = refusal.detail
        super().__init__(refusal.status_code, detail["detail"])
        self.refusal = refusal


def answer_errors(api: NinjaAPI) -> None:
    """Let ``api`` answer as our endpoints do: with a code and a challenge.

    For a token that is refused, a ``TokenError`` that a verb of ours raises in an operation, and a
    request that no class has authenticated: ``token_missing``.
    """

    def refused(request: HttpRequest, error: Any) -> HttpResponse:
        return json_of(error.refusal)

    def failed(request: HttpRequest, error: Any) -> HttpResponse:
        return json_of(refuse(error, request))

    def missing(request: HttpRequest, error: Any) -> HttpResponse:
        return json_of(refuse(TokenMissing("no class of the API found credentials")))

    api.add_exception_handler(_Refused, refused)
    api.add_exception_handler(TokenError, failed)
    api.add_exception_handler(AuthenticationError, missing)
