from __future__ import annotations

from importlib import import_module
from typing import Any

from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .settings import MOVED

guard: Any
endpoints: Any
if MOVED:
    guard = import_string("jwt_refresh.contrib.simplejwt.authentication.SimpleJWTAuthentication")
    endpoints = include("jwt_refresh.contrib.simplejwt.urls")
else:
    guard = import_string("rest_framework_simplejwt.authentication.JWTAuthentication")
    views: Any = import_module("rest_framework_simplejwt.views")
    endpoints = include(
        [
            path("token/", views.TokenObtainPairView.as_view()),
            path("token/refresh/", views.TokenRefreshView.as_view()),
        ]
    )


class MeView(APIView):
    authentication_classes = [guard]
    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        return Response({"name": request.user.get_username()})


urlpatterns = [path("api/", endpoints), path("me/", MeView.as_view())]
