from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .settings.base import MOVED

endpoints: Any
if MOVED:
    endpoints = include("jwt_refresh.contrib.simplejwt.urls")
else:
    views: Any = import_module("rest_framework_simplejwt.views")
    endpoints = include(
        [
            path("token/", views.TokenObtainPairView.as_view()),
            path("token/refresh/", views.TokenRefreshView.as_view()),
        ]
    )


class MeView(APIView):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response({"name": request.user.get_username()})


urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/", endpoints),
    path("me/", MeView.as_view()),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny])),
]
