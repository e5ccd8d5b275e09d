"""The endpoints of simplejwt, by its names: their shapes, and our sessions behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims, Kind
from jwt_refresh.exceptions import BindingViolated, TokenError, TokenInvalid
from jwt_refresh.login import log_in, log_out
from jwt_refresh.sessions import proving
from jwt_refresh.sessions.checking import find, verify
from jwt_refresh.sessions.refreshing import exchange
from jwt_refresh.web.endpoint import IssuingView, TokenView
from jwt_refresh.web.limits import limit_session
from jwt_refresh.web.transport import body_of, idempotency_key_of

from . import old
from .answers import refusal
from .exchanging import known, refreshable
from .serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
    TokenVerifySerializer,
)

__all__ = [
    "TokenBlacklistView",
    "TokenObtainPairView",
    "TokenRefreshView",
    "TokenVerifyView",
]


class _View(TokenView):
    """The base of these endpoints: the errors have simplejwt's shape.

    ``serializer_class`` is where drf-spectacular looks for the shape of bodies, too.
    """

    serializer_class: type[serializers.Serializer[Any]]

    def valid(self, request: Request) -> dict[str, Any]:
        serializer = self.serializer_class(data=body_of(request))
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TokenError):
            exc = refusal(exc, self.request)
        return super().handle_exception(exc)


class TokenObtainPairView(_View, IssuingView):
    """Log in, and get ``access`` and ``refresh``."""

    serializer_class = TokenObtainPairSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        tokens = log_in(request, self.valid(request))
        return Response({"refresh": tokens.refresh_token, "access": tokens.access_token})


class TokenRefreshView(_View, IssuingView):
    """Exchange a refresh token, of ours or of simplejwt, for ``access``.

    And for ``refresh``, where ``SIMPLE_JWT["ROTATE_REFRESH_TOKENS"]`` is on. Off, its clients keep
    the token that they have, since they may not even look for another.
    """

    serializer_class = TokenRefreshSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = self.valid(request)["refresh"]
        plain = request._request
        claims = _refreshable(encoded, plain, lambda: proving.refreshable(encoded, plain))
        rotates = bool(old.setting("ROTATE_REFRESH_TOKENS"))
        tokens = exchange(
            claims,
            idempotency_key=idempotency_key_of(request),
            request=plain,
            permit=lambda: limit_session("refresh", claims.sid),
            rotates=rotates,
        )
        answer = {"access": tokens.access_token}
        return Response(answer | ({"refresh": tokens.refresh_token} if rotates else {}))


class TokenVerifyView(_View):
    """Say whether a token, of ours or of simplejwt and of any type, is good now."""

    serializer_class = TokenVerifySerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = self.valid(request)["token"]
        try:
            claims: Claims | None = proving.current(encoded, request._request)
        except BindingViolated:
            raise
        except TokenInvalid:
            claims = known(encoded)
        if claims is not None:
            verify(claims, request._request)
            limit_session("verify", claims.sid)
        return Response({})


class TokenBlacklistView(_View):
    """Log out: end the session of a refresh token, of ours or of simplejwt."""

    serializer_class = TokenBlacklistSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = self.valid(request)["refresh"]
        plain = request._request
        # Whoever has lost the key of a session must be able to end it.
        verifier = conf.verifier(plain)
        session = find(_refreshable(encoded, plain, lambda: verifier.refreshable(encoded)))
        if session is not None:
            log_out(plain, session)
        return Response({})


def _refreshable(encoded: str, request: HttpRequest, ours: Callable[[], Claims]) -> Claims:
    """Return the claims of a refresh token, of ours or of simplejwt."""
    try:
        claims = ours()
    except BindingViolated:
        raise
    except TokenInvalid:
        return refreshable(encoded, request)
    if claims.kind is not Kind.REFRESH:
        raise TokenInvalid("a token of the sliding style")
    return claims
