from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_refresh.contrib.simplejwt.authentication import SimpleJWTAuthentication


class WhoView(APIView):
    """Tells who asks, by which type of token."""

    authentication_classes = [SimpleJWTAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        claims: Any = request.auth
        return Response({"name": request.user.get_username(), "user_id": claims.get("user_id")})


urlpatterns = [
    path("api/", include("jwt_refresh.contrib.simplejwt.urls")),
    path("auth/", include("jwt_refresh.urls")),
    path("who/", WhoView.as_view()),
]
