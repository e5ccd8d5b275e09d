from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField
from rest_framework.views import APIView

from jwt_refresh.decorators import token_required
from jwt_refresh.serializers import ErrorSerializer

from .users import USERS


class MeView(APIView):
    """Who is asking? The classes in the settings have seen to it that somebody is."""

    @extend_schema(
        responses={
            200: inline_serializer("Me", {"username": CharField()}),
            **dict.fromkeys((400, 401, 503), ErrorSerializer),
        }
    )
    def get(self, request: Request) -> Response:
        return Response({"username": request.user.get_username()})


@token_required
def hello(request: HttpRequest) -> HttpResponse:
    """A view of plain Django."""
    return HttpResponse(f"Hello, {request.user.get_username()}!\n", content_type="text/plain")


@require_safe
def demo(request: HttpRequest) -> HttpResponse:
    """The page to try a session on, with the users of the demo where it runs on one machine."""
    ours = getattr(settings, "JWT_REFRESH", {})
    context = {
        "people": USERS if settings.DEBUG else [],
        "lifetime": round(ours["LIFETIME"].total_seconds()),
        "grace": round(ours["REFRESH_GRACE"].total_seconds()),
        "languages": settings.LANGUAGES,
    }
    response = render(request, "example_project/demo.html", context)
    # Django 5.2 has no middleware that does so.
    policy = "; ".join(" ".join([name, *given]) for name, given in settings.SECURE_CSP.items())
    response.setdefault("Content-Security-Policy", policy)
    return response
