from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField
from rest_framework.views import APIView

from jwt_refresh.decorators import token_required
from jwt_refresh.serializers import ErrorSerializer


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
