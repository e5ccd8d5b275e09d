"""The endpoints: parse, call a verb, answer."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from rest_framework import status
from rest_framework import views as rest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from . import sessions
from .authentication import BearerAuthentication, JWTAuthentication
from .conf import conf
from .core.claims import Claims, numeric_date
from .exceptions import SessionRevoked, TokenError, TokenInvalid, TokenMissing
from .login import log_in, log_out, tell_logged_out, token_response
from .models import Session
from .permissions import IsAuthenticated
from .serializers import LoginSerializer, SessionSerializer, TransportLoginSerializer
from .sessions import proving
from .sessions.checking import find, parse_sid, sessions_of, verify
from .sessions.device import plain_of
from .sessions.refreshing import exchange
from .web.cookies import answer, check_csrf, delete_cookies
from .web.endpoint import IssuingView, TokenView
from .web.limits import limit_session
from .web.transport import (
    Refusal,
    body_of,
    came_by_cookie,
    check_site,
    idempotency_key_of,
    presented,
    refuse,
)

__all__ = ["IssuingView", "exception_handler"]

JWKS_MAX_AGE = 300
"""How long others may keep the public keys, in seconds: a new one is published that long before
it signs."""
LISTED = 100
"""How many sessions are listed: whoever has more ends them all at once."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Handle errors of a project's views, as its ``EXCEPTION_HANDLER``.

    A ``TokenError`` that a verb of ours raised is answered as our endpoints answer it. A request
    without a token gets ``token_missing`` in views that a class of ours guards. Any other error is
    as it was.
    """
    if isinstance(exc, TokenError):
        exc = refuse(exc, plain_of(context.get("request")))
    elif isinstance(exc, NotAuthenticated) and any(
        isinstance(guard, BearerAuthentication) for guard in context["request"].authenticators
    ):
        exc = refuse(TokenMissing("no authenticator found credentials"))
    response = rest.exception_handler(exc, context)
    if response is not None and isinstance(exc, Refusal):
        exc.add_headers(response)
    return response


class LoginView(IssuingView):
    """Check the credentials with Django's ``authenticate()`` and start a session."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_site(request._request)
        super().initial(request, *args, **kwargs)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        shape = TransportLoginSerializer if conf.uses_cookies else LoginSerializer
        serializer = shape(data=body_of(request))
        serializer.is_valid(raise_exception=True)
        credentials = dict(serializer.validated_data)
        transport = credentials.pop("transport", None)
        if conf.uses_cookies and transport is None:
            # Before the try counts, and a session is written.
            check_csrf(request._request)
        return token_response(request, log_in(request, credentials), transport)


class RefreshView(IssuingView):
    """Exchange a token for its successor."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        token = presented(request, conf.REFRESH_COOKIE, conf.ACCESS_COOKIE)
        claims = proving.refreshable(token.encoded, request._request)
        tokens = exchange(
            claims,
            idempotency_key=idempotency_key_of(request),
            request=request._request,
            permit=lambda: limit_session("refresh", claims.sid),
        )
        return answer(tokens, by_cookie=token.by_cookie)


class VerifyView(TokenView):
    """Say whether a token would authenticate, or be refreshed, now."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        token = presented(request, conf.ACCESS_COOKIE)
        claims = proving.current(token.encoded, request._request)
        verify(claims, request._request)
        limit_session("verify", claims.sid)
        left = claims.exp - numeric_date(timezone.now())
        return Response({"active": True, "expires_in": left})


class LogoutView(TokenView):
    """Revoke the session of a token, which may have expired.

    Of a cookie that is there twice, each session: whichever was put there, none lives on. And
    the browser loses the cookie also where its token is good for nothing.
    """

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = Response(status=status.HTTP_204_NO_CONTENT)
        token = presented(request, conf.REFRESH_COOKIE, conf.ACCESS_COOKIE)
        for encoded in token.values:
            try:
                session = find(conf.verifier(request._request).ours(encoded))
            except (SessionRevoked, TokenInvalid):
                if not token.by_cookie:
                    raise
                continue
            if session is not None:
                log_out(request._request, session)
        if token.by_cookie:
            delete_cookies(response)
        return response


class OwnSessionsView(TokenView):
    """The base of what people do with their own sessions."""

    permission_classes = [IsAuthenticated]

    def get_authenticators(self) -> list[BaseAuthentication]:
        # Looking at the list proves nothing: a thief who lies low may do so.
        return [JWTAuthentication(confirms=False)]


class LogoutOthersView(OwnSessionsView):
    """Revoke all sessions of the user who asks, but for the one of the request."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        sessions.revoke_user(request.user, Session.Reason.USER, keep=_current(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(OwnSessionsView):
    """Revoke all sessions of the user who asks."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        sessions.revoke_user(request.user, Session.Reason.LOGOUT_ALL)
        tell_logged_out(request._request, request.user)
        return _ended(request)


class SessionListView(OwnSessionsView):
    """List the live sessions of the user who asks, the one used last first: 100 at most."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        live = sessions_of(request.user).live().order_by("-issued_at", "-started_at", "pk")[:LISTED]
        context = {"current": _current(request)}
        return Response(SessionSerializer(live, many=True, context=context).data)


class SessionDetailView(OwnSessionsView):
    """End one session of the user who asks."""

    def delete(self, request: Request, *args: Any, sid: str, **kwargs: Any) -> Response:
        try:
            pk = uuid.UUID(sid)
        except ValueError:
            raise NotFound from None
        session = sessions_of(request.user).filter(pk=pk).first()
        if session is None:
            raise NotFound
        sessions.revoke(session, Session.Reason.USER)
        if pk == _current(request):
            return _ended(request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class JWKSView(TokenView):
    """The public keys (RFC 7517), for services that verify by themselves."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        jwks = conf.keyring().jwks()
        digest = hashlib.sha256(json.dumps(jwks).encode()).hexdigest()
        response = Response(jwks, content_type="application/jwk-set+json")
        response["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE}"
        response["ETag"] = etag = f'"{digest}"'
        plain = request._request
        return get_conditional_response(plain, etag=etag, response=response) or response


def _current(request: Request) -> uuid.UUID | None:
    """Return the ``sid`` of the session that authenticated the request by a token, if one did."""
    claims = request.auth
    return parse_sid(claims) if isinstance(claims, Claims) else None


def _ended(request: Request) -> Response:
    """Answer a request that has ended its own session: a browser loses its cookies with it."""
    response = Response(status=status.HTTP_204_NO_CONTENT)
    if came_by_cookie(request._request):
        delete_cookies(response)
    return response
