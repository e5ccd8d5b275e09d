"""The endpoints of each package, and a view behind its guard."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

BASIC = "rest_framework.authentication.BasicAuthentication"
SIMPLEJWT = "rest_framework_simplejwt.views.Token"


def guarded(by: str) -> Any:
    class MeView(APIView):
        authentication_classes = [import_string(by)]
        permission_classes = [IsAuthenticated]

        def get(self, request: Request) -> Response:
            return Response({"user": request.user.pk})

    return MeView.as_view()


def view(name: str, **settings: Any) -> Any:
    return import_string(name).as_view(**settings)


def knox_login(request: HttpRequest) -> Any:
    guard = [import_string(BASIC)]
    return view("knox.views.LoginView", authentication_classes=guard)(request)


urlpatterns = [
    path("ours/", include("jwt_refresh.urls")),
    path("ours/me/", guarded("jwt_refresh.authentication.JWTAuthentication")),
    path("simplejwt/token/", view(f"{SIMPLEJWT}ObtainPairView")),
    path("simplejwt/token/refresh/", view(f"{SIMPLEJWT}RefreshView")),
    path("simplejwt/token/blacklist/", view(f"{SIMPLEJWT}BlacklistView")),
    path("simplejwt/me/", guarded("rest_framework_simplejwt.authentication.JWTAuthentication")),
    path("rest-auth/", include("dj_rest_auth.urls")),
    path("rest-auth/me/", guarded("dj_rest_auth.jwt_auth.JWTCookieAuthentication")),
    path("_allauth/", include("allauth.headless.urls")),
    path(
        "allauth/me/",
        guarded("allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication"),
    ),
    path("knox/login/", knox_login),
    path("knox/logout/", view("knox.views.LogoutView")),
    path("knox/me/", guarded("knox.auth.TokenAuthentication")),
]
