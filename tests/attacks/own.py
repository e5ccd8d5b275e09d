"""Views of a project that call the verbs themselves, and keep no secret in a variable."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from ninja import NinjaAPI
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh import sessions
from jwt_refresh.contrib.ninja import JWTAuth, answer_errors
from jwt_refresh.contrib.simplejwt.authentication import SimpleJWTAuthentication
from jwt_refresh.decorators import token_optional
from jwt_refresh.login import log_in, token_response
from jwt_refresh.sessions import checking
from tests.urls import urlpatterns as project
from tests.views import MeView, RotatingView

users: Any = get_user_model()._default_manager


def _data(request: Request) -> Any:
    return request.data


class StartView(RotatingView):
    """A login by other means than a password: whoever is named."""

    def post(self, request: Request) -> Response:
        user = users.get_by_natural_key(_data(request)["name"])
        return Response({"sid": sessions.start(user, request._request, amr=["otp"]).session.pk})


class LoginView(RotatingView):
    """A login of REST framework."""

    def post(self, request: Request) -> Response:
        return Response({"sid": log_in(request, _data(request)).session.pk})


class NewPasswordView(MeView):
    def post(self, request: Request) -> Response:
        request.user.set_password(_data(request)["password"])
        request.user.save()
        sessions.keep_current(request, request.user)
        return Response()


@csrf_exempt
@sensitive_post_parameters()
def log_in_by_form(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"sid": log_in(request, request.POST.dict()).session.pk})


@csrf_exempt
def whose(request: HttpRequest) -> JsonResponse:
    """Ask as a WebSocket would: with a text, and no header."""
    session, _ = checking.authenticate(json.loads(request.body)["token"], None)
    return JsonResponse({"sid": session.pk})


@csrf_exempt
def refresh(request: HttpRequest) -> JsonResponse:
    tokens = sessions.refresh(
        json.loads(request.body)["token"],
        idempotency_key=request.headers["Idempotency-Key"],
        request=request,
    )
    return JsonResponse({"sid": tokens.session.pk})


@csrf_exempt
def answer(request: HttpRequest) -> HttpResponseBase:
    """Hand out the tokens of a login that somebody else has checked."""
    return token_response(request, sessions.start(users.get(), request))


@csrf_exempt
def once_more(request: HttpRequest) -> JsonResponse:
    """Ask for the password again."""
    with sessions.checking_password(json.loads(request.body)["password"]):
        users.get().check_password(json.loads(request.body)["password"])
    return JsonResponse({})


api = NinjaAPI(urls_namespace="own", auth=JWTAuth(), docs_url=None)
answer_errors(api)


@api.get("/me")
def me(request: HttpRequest) -> dict[str, str]:
    return {"user": request.user.get_username()}


def who(request: HttpRequest) -> JsonResponse:
    """A view that asks nobody else, behind the middleware."""
    return JsonResponse({"user": request.user.get_username()})


class MovedView(MeView):
    """A view of a project that has moved from simplejwt."""

    authentication_classes = [SimpleJWTAuthentication]


urlpatterns = [
    *project,
    path("own/ninja/", api.urls),
    path("own/optional/", token_optional(who)),
    path("own/who/", who),
    path("own/moved/", include("jwt_refresh.contrib.simplejwt.urls")),
    path("own/moved/me/", MovedView.as_view()),
    path("own/start/", StartView.as_view()),
    path("own/login/", LoginView.as_view()),
    path("own/login/form/", log_in_by_form),
    path("own/refresh/", refresh),
    path("own/token-response/", answer),
    path("own/whose/", whose),
    path("own/once-more/", once_more),
    path("own/password/", NewPasswordView.as_view()),
]
