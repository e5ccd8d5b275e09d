"""Views of a project that uses the app."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework import permissions as rest_permissions
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_refresh import sessions
from jwt_refresh.authentication import (
    JWTAuthentication,
    OptionalJWTAuthentication,
    StatelessJWTAuthentication,
)
from jwt_refresh.decorators import token_required
from jwt_refresh.permissions import IsAuthenticated
from jwt_refresh.serializers import TokenResponseSerializer
from jwt_refresh.views import exception_handler


def non_atomic(view: Any) -> Any:
    view._non_atomic_requests = set(connections)
    return view


def _whoami(request: Any) -> dict[str, str]:
    return {"user": request.user.get_username(), "sid": request.auth and request.auth["sid"]}


class MeView(APIView):
    authentication_classes: Any = [JWTAuthentication]
    permission_classes: Any = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        return Response(_whoami(request))

    post = get


class AfterOthersView(MeView):
    """Ours is not the first authenticator, and the permission is REST framework's own."""

    authentication_classes = [SessionAuthentication, BasicAuthentication, JWTAuthentication]
    permission_classes = [rest_permissions.IsAuthenticated]


class BeforeOthersView(MeView):
    authentication_classes = [JWTAuthentication, SessionAuthentication]
    permission_classes = [rest_permissions.IsAuthenticated]


class HandledView(AfterOthersView):
    """With the exception handler that a project may opt in to."""

    def get_exception_handler(self) -> Any:
        return exception_handler


class HandledWithoutUsView(HandledView):
    authentication_classes = [SessionAuthentication]


class PublicView(MeView):
    permission_classes: Any = []

    def get(self, request: Request) -> Response:
        return Response({"anonymous": request.user.is_anonymous})


class StatelessView(MeView):
    """``user`` is the subject of the token, since there is nothing else of the user."""

    authentication_classes: Any = [StatelessJWTAuthentication]

    def get(self, request: Request) -> Response:
        claims: Any = request.auth
        return Response({"user": request.user.pk, "sid": claims and claims["sid"]})

    post = get


class PermittedView(StatelessView):
    """Asks Django's permissions of a user who has no row."""

    queryset = get_user_model()._default_manager.all()
    permission_classes: Any = [rest_permissions.DjangoModelPermissions]


class RotatingView(MeView):
    """Calls a verb, whose errors the exception handler answers."""

    authentication_classes: Any = []
    permission_classes: Any = []

    def get_exception_handler(self) -> Any:
        return exception_handler

    def post(self, request: Request) -> Response:
        data: Any = request.data
        tokens = sessions.refresh(data["token"], request=request)
        return Response({"access_token": tokens.access_token})


class OptionalView(StatelessView):
    """Whoever comes without a good token is anonymous: both answers are ``null``."""

    authentication_classes = [OptionalJWTAuthentication]
    permission_classes: Any = []


class PasswordView(MeView):
    """Sets a new password, of the user who asks or, as an administrator would, ``of`` another."""

    def post(self, request: Request) -> Response:
        data: Any = request.data
        user: Any = get_user_model()._default_manager.get(pk=data.get("of", request.user.pk))
        user.set_password(data["password"])
        with transaction.atomic():
            user.save()
            tokens = sessions.keep_current(request, user)
        return Response(TokenResponseSerializer(tokens).data if tokens else {})


@token_required
def hello(request: HttpRequest) -> JsonResponse:
    return JsonResponse(_whoami(request))


# Django runs no async view in a transaction, so ATOMIC_REQUESTS asks for this.
@non_atomic
@token_required
async def hello_async(request: HttpRequest) -> JsonResponse:
    return JsonResponse(_whoami(request))


@method_decorator(token_required, name="dispatch")
class HelloView(View):
    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse(_whoami(request))

    post = get


@method_decorator(non_atomic, name="dispatch")
@method_decorator(token_required, name="dispatch")
class HelloAsyncView(View):
    async def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse(_whoami(request))
