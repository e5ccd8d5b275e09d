"""The endpoints: parse, call a verb, answer."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import authenticate, get_user_model, signals
from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework import views as rest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from . import sessions
from .authentication import BearerAuthentication, JWTAuthentication
from .conf import conf
from .exceptions import InvalidCredentials, PasswordChanged, TokenMissing, UserInactive
from .models import Session, SessionQuerySet
from .permissions import IsAuthenticated
from .serializers import LoginSerializer, SessionSerializer, TokenResponseSerializer
from .sessions import checking
from .sessions.issuing import Tokens
from .sessions.passwords import checking_password
from .stores.database import write_alias
from .web.endpoint import TokenView
from .web.limits import Limit, LoginLimits
from .web.transport import Refusal, body_of, idempotency_key_of, token_of


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """For ``EXCEPTION_HANDLER`` of a project: a request without a token gets ``token_missing``.

    Only in views that a class of ours guards; any other error is as it was.
    """
    if isinstance(exc, NotAuthenticated) and any(
        isinstance(guard, BearerAuthentication) for guard in context["request"].authenticators
    ):
        exc = Refusal(TokenMissing("no authenticator found credentials"))
    return rest.exception_handler(exc, context)


class IssuingView(TokenView):
    """Base of what hands out tokens: not there where the keys can only verify."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if conf.keyring().signing is None:
            raise NotFound(_("This server verifies tokens, and issues none."))
        super().initial(request, *args, **kwargs)


class LoginView(IssuingView):
    """Check the credentials with Django's ``authenticate()`` and start a session."""

    @sensitive_variables("credentials")
    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=body_of(request))
        serializer.is_valid(raise_exception=True)
        credentials = serializer.validated_data
        limits = LoginLimits(request._request, credentials[get_user_model().USERNAME_FIELD])
        limits.check()
        try:
            tokens = self._log_in(request, credentials)
        except InvalidCredentials:
            limits.failed()
            raise
        limits.succeeded()
        request.user = tokens.session.user
        _tell_logged_in(request, request.user)
        return Response(TokenResponseSerializer(tokens).data)

    @sensitive_variables("credentials")
    def _log_in(self, request: Request, credentials: dict[str, Any]) -> Tokens:
        with checking_password(credentials["password"]):
            user = authenticate(request._request, **credentials)
        if user is None:
            raise InvalidCredentials("refused by every backend")
        try:
            return sessions.start(user, request._request)
        except (UserInactive, PasswordChanged) as error:
            # AllowAllUsersModelBackend or a replica let this user through: nobody was told yet.
            name = get_user_model().USERNAME_FIELD
            signals.user_login_failed.send(
                __name__, credentials={name: credentials[name]}, request=request._request
            )
            raise InvalidCredentials(str(error)) from None


class RefreshView(IssuingView):
    """Exchange a token for its successor."""

    @sensitive_variables("encoded")
    def post(self, request: Request) -> Response:
        encoded = token_of(request)
        _throttle("refresh", encoded, request)
        tokens = sessions.refresh(
            encoded,
            idempotency_key=idempotency_key_of(request),
            request=request._request,
        )
        return Response(TokenResponseSerializer(tokens).data)


class VerifyView(TokenView):
    """Whether a token would authenticate, or be refreshed, now."""

    @sensitive_variables("encoded")
    def post(self, request: Request) -> Response:
        encoded = token_of(request)
        _throttle("verify", encoded, request)
        claims = checking.verify(encoded, request._request)
        return Response({"active": True, "expires_in": claims.exp - int(time.time())})


class LogoutView(TokenView):
    """Revoke the session of a token, which may have expired."""

    def post(self, request: Request) -> Response:
        session = checking.find(token_of(request), request._request)
        if session is not None and sessions.revoke(session, Session.Reason.LOGOUT):
            _tell_logged_out(request, session.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnSessionsView(TokenView):
    """Base of what people do with their own sessions."""

    permission_classes = [IsAuthenticated]

    def get_authenticators(self) -> list[BaseAuthentication]:
        # Looking at the list proves nothing: a thief who lies low may do so.
        return [JWTAuthentication(confirms=False)]


class LogoutAllView(OwnSessionsView):
    """Revoke all sessions of the user who asks."""

    def post(self, request: Request) -> Response:
        sessions.revoke_user(request.user, Session.Reason.LOGOUT_ALL)
        _tell_logged_out(request, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionListView(OwnSessionsView):
    """The live sessions of the user who asks, the one used last first."""

    def get(self, request: Request) -> Response:
        live = _sessions_of(request.user).live().order_by("-issued_at", "-started_at", "pk")
        claims: Any = request.auth
        context = {"current": claims.sid}
        return Response(SessionSerializer(live, many=True, context=context).data)


class SessionDetailView(OwnSessionsView):
    """End one session of the user who asks."""

    def delete(self, request: Request, sid: str) -> Response:
        with suppress(ValueError):
            session = _sessions_of(request.user).filter(pk=uuid.UUID(sid)).first()
            if session is not None:
                sessions.revoke(session, Session.Reason.USER)
                return Response(status=status.HTTP_204_NO_CONTENT)
        raise NotFound


@sensitive_variables()
def _throttle(scope: str, encoded: str, request: Request) -> None:
    """By session, and only once we know that we signed the token: no stranger counts for it."""
    claims = conf.verifier(request._request).ours(encoded)
    Limit(scope, conf.REFRESH_RATE).hit(claims.sid)


def _sessions_of(user: Any) -> SessionQuerySet:
    return Session.objects.using(write_alias()).filter(user=user.pk)


def _tell_logged_in(request: Request, user: Any) -> None:
    try:
        signals.user_logged_in.send(type(user), request=request._request, user=user)
    except DatabaseError:
        # Django notes the time on the user's row, which may be gone by now.
        if type(user)._base_manager.using(write_alias()).filter(pk=user.pk).exists():
            raise
        raise InvalidCredentials("deleted during login") from None


def _tell_logged_out(request: Request, user: Any) -> None:
    signals.user_logged_out.send(type(user), request=request._request, user=user)
