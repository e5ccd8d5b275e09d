"""The endpoints of simplejwt, by its names: their shapes, and our sessions behind them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims, Kind
from jwt_refresh.exceptions import TokenError, TokenInvalid
from jwt_refresh.login import log_in
from jwt_refresh.models import Session
from jwt_refresh.serializers import LoginSerializer
from jwt_refresh.sessions.checking import find, verify
from jwt_refresh.sessions.refreshing import exchange
from jwt_refresh.web.endpoint import IssuingView, TokenView
from jwt_refresh.web.limits import limit_session
from jwt_refresh.web.transport import body_of, idempotency_key_of

from . import old
from .answers import refusal
from .exchanging import known, refreshable

__all__ = [
    "TokenBlacklistView",
    "TokenObtainPairView",
    "TokenRefreshView",
    "TokenVerifyView",
]


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField()


class VerifySerializer(serializers.Serializer[Any]):
    token = serializers.CharField()


class _View(TokenView):
    """The base of these endpoints: the errors have simplejwt's shape."""

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(refusal(exc) if isinstance(exc, TokenError) else exc)


class TokenObtainPairView(_View, IssuingView):
    """Log in, and get ``access`` and ``refresh``."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        credentials = _valid(LoginSerializer, request)
        tokens = log_in(request, credentials)
        return Response({"refresh": tokens.refresh_token, "access": tokens.access_token})


class TokenRefreshView(_View, IssuingView):
    """Exchange a refresh token, of ours or of simplejwt, for ``access``.

    And for ``refresh``, where ``SIMPLE_JWT["ROTATE_REFRESH_TOKENS"]`` is on. Off, its clients keep
    the token that they have, since they may not even look for another.
    """

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = _valid(RefreshSerializer, request)["refresh"]
        claims = _refreshable(encoded, request)
        rotates = bool(old.setting("ROTATE_REFRESH_TOKENS"))
        tokens = exchange(
            claims,
            idempotency_key=idempotency_key_of(request),
            request=request._request,
            permit=lambda: limit_session("refresh", claims.sid),
            rotates=rotates,
        )
        answer = {"access": tokens.access_token}
        return Response(answer | ({"refresh": tokens.refresh_token} if rotates else {}))


class TokenVerifyView(_View):
    """Say whether a token, of ours or of simplejwt and of any type, is good now."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = _valid(VerifySerializer, request)["token"]
        try:
            claims: Claims | None = conf.verifier(request._request).current(encoded)
        except TokenInvalid:
            claims = known(encoded)
        if claims is not None:
            verify(claims)
            limit_session("verify", claims.sid)
        return Response({})


class TokenBlacklistView(_View):
    """Log out: end the session of a refresh token, of ours or of simplejwt."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        encoded = _valid(RefreshSerializer, request)["refresh"]
        session = find(_refreshable(encoded, request))
        if session is not None:
            sessions.revoke(session, Session.Reason.LOGOUT)
        return Response({})


def _valid(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = shape(data=body_of(request))
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _refreshable(encoded: str, request: Request) -> Claims:
    try:
        claims = conf.verifier(request._request).refreshable(encoded)
    except TokenInvalid:
        return refreshable(encoded, request._request)
    if claims.kind is not Kind.REFRESH:
        raise TokenInvalid("a token of the sliding style")
    return claims
