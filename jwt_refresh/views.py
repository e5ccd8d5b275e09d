"""The endpoints: parse, call a verb, answer. Every error becomes HTTP in one method."""

from __future__ import annotations

import codecs
import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, signals
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError, connections
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from rest_framework import status
from rest_framework import views as rest
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotAuthenticated,
    NotFound,
    ParseError,
    UnsupportedMediaType,
)
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from . import lookup, sessions
from .authentication import JWTAuthentication
from .exceptions import InvalidCredentials, InvalidRequest, TokenError, TokenMissing, Unavailable
from .models import Session, is_active
from .permissions import IsAuthenticated
from .serializers import LoginSerializer, TokenResponseSerializer
from .transport import Refusal, body_of, idempotency_key_of, token_of

logger = logging.getLogger("jwt_refresh")


class RequestTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The request is too large.")
    default_code = "request_too_large"


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """For ``EXCEPTION_HANDLER`` of a project: a request without a token gets ``token_missing``.

    Only in views that ``JWTAuthentication`` guards; any other error is as it was.
    """
    if isinstance(exc, NotAuthenticated) and any(
        isinstance(guard, JWTAuthentication) for guard in context["request"].authenticators
    ):
        exc = Refusal(TokenMissing("no authenticator found credentials"))
    return rest.exception_handler(exc, context)


class TokenView(rest.APIView):
    """Base of our endpoints: JSON out, JSON or forms in, never cached, never in a transaction
    that a refusal would roll back."""

    authentication_classes: Any = []
    permission_classes: Any = []
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    renderer_classes = [JSONRenderer]
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view._non_atomic_requests = set(connections)
        return view

    @method_decorator(sensitive_post_parameters())
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _check_body(request._request)
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return rest.exception_handler

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TokenError):
            exc = Refusal(exc)
        elif isinstance(exc, ParseError | SuspiciousOperation | RecursionError):
            exc = Refusal(InvalidRequest(f"body: {type(exc).__name__}"))
        elif isinstance(exc, OperationalError | InterfaceError):
            logger.error("The database cannot be asked", exc_info=exc)
            exc = Refusal(Unavailable("database"))
        elif isinstance(exc, Http404):
            exc = NotFound()
        if isinstance(exc, APIException) and isinstance(exc.detail, str):
            exc.detail = {"detail": exc.detail, "code": ErrorDetail(str(exc.detail.code))}
        return super().handle_exception(exc)


class LoginView(TokenView):
    """Check the credentials with Django's ``authenticate()`` and start a session."""

    @sensitive_variables("credentials")
    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=body_of(request))
        serializer.is_valid(raise_exception=True)
        credentials = serializer.validated_data
        user = authenticate(request._request, **credentials)
        if user is None:
            raise InvalidCredentials("refused by every backend")
        if not is_active(user):
            # AllowAllUsersModelBackend lets such a user through, so nobody was told yet.
            name = get_user_model().USERNAME_FIELD
            signals.user_login_failed.send(
                __name__, credentials={name: credentials[name]}, request=request._request
            )
            raise InvalidCredentials("inactive")
        tokens = sessions.start(user, request._request)
        request.user = user
        signals.user_logged_in.send(type(user), request=request._request, user=user)
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
    """Whether a token would authenticate now."""

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


class LogoutAllView(TokenView):
    """Revoke all sessions of the user who asks."""

    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]

    def post(self, request: Request) -> Response:
        sessions.revoke_user(request.user, Session.Reason.LOGOUT_ALL)
        _tell_logged_out(request, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _tell_logged_out(request: Request, user: Any) -> None:
    signals.user_logged_out.send(type(user), request=request._request, user=user)


def _check_body(request: HttpRequest) -> None:
    """Refuse before parsing what REST framework's parsers would read whole, or fall over."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        too_large = limit is not None and int(request.META.get("CONTENT_LENGTH") or 0) > limit
    except ValueError:
        raise InvalidRequest("Content-Length is no number") from None
    if too_large:
        raise RequestTooLarge
    if request.encoding and codecs.lookup(request.encoding).name not in ("utf-8", "ascii"):
        raise UnsupportedMediaType(request.META["CONTENT_TYPE"])
