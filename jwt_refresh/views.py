"""The endpoints: parse, call a verb, answer."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import authenticate, get_user_model, signals
from django.db import DatabaseError
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework import views as rest
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from . import lookup, sessions
from .authentication import JWTAuthentication, UnconfirmedJWTAuthentication
from .database import write_alias
from .endpoint import TokenView
from .exceptions import InvalidCredentials, PasswordChanged, TokenMissing, UserInactive
from .models import Session, SessionQuerySet
from .permissions import IsAuthenticated
from .serializers import LoginSerializer, SessionSerializer, TokenResponseSerializer
from .sessions.passwords import checking
from .transport import Refusal, body_of, idempotency_key_of, token_of


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """For ``EXCEPTION_HANDLER`` of a project: a request without a token gets ``token_missing``.

    Only in views that ``JWTAuthentication`` guards; any other error is as it was.
    """
    if isinstance(exc, NotAuthenticated) and any(
        isinstance(guard, JWTAuthentication) for guard in context["request"].authenticators
    ):
        exc = Refusal(TokenMissing("no authenticator found credentials"))
    return rest.exception_handler(exc, context)


class LoginView(TokenView):
    """Check the credentials with Django's ``authenticate()`` and start a session."""

    @sensitive_variables("credentials")
    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=body_of(request))
        serializer.is_valid(raise_exception=True)
        credentials = serializer.validated_data
        with checking(credentials["password"]):
            user = authenticate(request._request, **credentials)
        if user is None:
            raise InvalidCredentials("refused by every backend")
        try:
            tokens = sessions.start(user, request._request)
        except (UserInactive, PasswordChanged) as error:
            # AllowAllUsersModelBackend or a replica let this user through: nobody was told yet.
            name = get_user_model().USERNAME_FIELD
            signals.user_login_failed.send(
                __name__, credentials={name: credentials[name]}, request=request._request
            )
            raise InvalidCredentials(str(error)) from None
        request.user = user
        _tell_logged_in(request, user)
        return Response(TokenResponseSerializer(tokens).data)


class RefreshView(TokenView):
    """Exchange a token for its successor."""

    def post(self, request: Request) -> Response:
        tokens = sessions.refresh(
            token_of(request),
            idempotency_key=idempotency_key_of(request),
            request=request._request,
        )
        return Response(TokenResponseSerializer(tokens).data)


class VerifyView(TokenView):
    """Whether a token would authenticate, or be refreshed, now."""

    def post(self, request: Request) -> Response:
        claims = lookup.verify(token_of(request))
        return Response({"active": True, "expires_in": claims.exp - int(time.time())})


class LogoutView(TokenView):
    """Revoke the session of a token, which may have expired."""

    def post(self, request: Request) -> Response:
        session = lookup.find(token_of(request))
        if session is not None and sessions.revoke(session, Session.Reason.LOGOUT):
            _tell_logged_out(request, session.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnSessionsView(TokenView):
    """Base of what people do with their own sessions."""

    # Looking at the list proves nothing: a thief who lies low may do so.
    authentication_classes = [UnconfirmedJWTAuthentication]
    permission_classes = [IsAuthenticated]


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
