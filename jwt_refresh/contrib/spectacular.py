"""The endpoints in an OpenAPI schema by drf-spectacular. Loaded where that is installed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from jwt_refresh import serializers
from jwt_refresh.conf import conf
from jwt_refresh.sessions.refreshing import MAX_IDEMPOTENCY_KEY

TOKEN: list[dict[str, list[str]]] = [{}, {"JWTAuthentication": []}]
"""The security of endpoints that take the token in the body, or else in the header."""
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_IDEMPOTENCY_KEY},
    OpenApiParameter.HEADER,
    description="The same for each try of one refresh; its answer is then the same, too.",
)
SID = OpenApiParameter("sid", OpenApiTypes.STR, OpenApiParameter.PATH)


class JWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jwt_refresh.authentication.BearerAuthentication"
    match_subclasses = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name a scheme for each class: they demand different things of a token."""
        return type(self.target).__name__

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        if conf.AUTH_HEADER_NAME.lower() != "authorization":
            return {"type": "apiKey", "in": "header", "name": conf.AUTH_HEADER_NAME}
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _errors(*statuses: int) -> dict[Any, Any]:
    body = {429: serializers.ThrottledSerializer}
    return {
        status: OpenApiResponse(body.get(status, serializers.ErrorSerializer))
        for status in sorted({400, 405, 413, 415, 503, *statuses})
    }


def _describe(view: str, method: str, *statuses: int, **facts: Any) -> None:
    """Describe the answers of an endpoint; its purpose is in its docstring."""
    responses = _errors(*statuses) | facts.pop("responses")

    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = f"jwt_refresh.views.{view}"

        def view_replacement(self) -> type:
            described_class: Any = self.target_class
            described = type(
                described_class.__name__, (described_class,), {"__doc__": described_class.__doc__}
            )
            handler = getattr(described_class, method)
            setattr(described, method, extend_schema(responses=responses, **facts)(handler))
            return described


TOKENS = {200: serializers.TokenResponseSerializer}
NOTHING = {204: OpenApiResponse(description="done")}

_describe(
    "LoginView",
    "post",
    *(401, 403, 404, 429),
    request=serializers.LoginSerializer,
    responses=TOKENS | {400: OpenApiResponse(OpenApiTypes.OBJECT, "an error, or errors by field")},
)
_describe(
    "RefreshView",
    "post",
    *(401, 404, 409, 429),
    request=serializers.RefreshableTokenSerializer,
    responses=TOKENS,
    auth=TOKEN,
    parameters=[KEY],
)
_describe(
    "VerifyView",
    "post",
    *(401, 429),
    request=serializers.TokenSerializer,
    responses={200: serializers.VerifyResponseSerializer},
    auth=TOKEN,
)
_describe(
    "LogoutView",
    "post",
    401,
    request=serializers.RefreshableTokenSerializer,
    responses=NOTHING,
    auth=TOKEN,
)
_describe("LogoutOthersView", "post", 401, request=None, responses=NOTHING)
_describe("LogoutAllView", "post", 401, request=None, responses=NOTHING)
_describe("SessionListView", "get", 401, responses={200: serializers.SessionSerializer(many=True)})
_describe("SessionDetailView", "delete", 401, 404, responses=NOTHING, parameters=[SID])
_describe(
    "JWKSView",
    "get",
    responses={
        (200, "application/jwk-set+json"): serializers.JWKSetSerializer,
        304: OpenApiResponse(description="nothing has changed"),
    },
)
