"""The endpoints in an OpenAPI schema by drf-spectacular. Loaded where that is installed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import CharField

from jwt_refresh import serializers
from jwt_refresh.conf import conf
from jwt_refresh.sessions.refreshing import MAX_IDEMPOTENCY_KEY

HEADER, ACCESS, REFRESH = (f"JWTAuthentication{place}" for place in ("", "Cookie", "RefreshCookie"))
"""The schemes of ``JWTAuthentication``, by the place of the token; the last for a refresh alone."""
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
    def name(self) -> list[str]:  # type: ignore[override]
        """Name the schemes for each class: they demand different things of a token."""
        return [type(self.target).__name__ + place for place in self._places()]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Ask for any of them, but for the one of the refresh token, which opens no view."""
        return [{name: []} for name in self.name if not name.endswith("RefreshCookie")]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [*self._places().values()]

    def _places(self) -> dict[str, dict[str, str]]:
        header = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        if conf.AUTH_HEADER_NAME.lower() != "authorization":
            header = {"type": "apiKey", "in": "header", "name": conf.AUTH_HEADER_NAME}
        cookies = {"Cookie": conf.ACCESS_COOKIE, "RefreshCookie": conf.REFRESH_COOKIE}
        return {"": header} | {
            place: {"type": "apiKey", "in": "cookie", "name": name}
            for place, name in cookies.items()
            if name
        }


class CookieTokenResponseSerializer(serializers.TokenResponseSerializer):
    """A token response where cookies are set up: a token is in the body or in its cookie."""

    access_token = CharField(required=False, help_text="unless it travels in a cookie")


WITH_COOKIES: dict[Any, type[Any]] = {
    serializers.LoginSerializer: serializers.TransportLoginSerializer,
    serializers.TokenResponseSerializer: CookieTokenResponseSerializer,
}
"""The shapes that are others where cookies are set up."""


def _errors(*statuses: int) -> dict[Any, Any]:
    body = {429: serializers.ThrottledSerializer}
    return {
        status: OpenApiResponse(body.get(status, serializers.ErrorSerializer))
        for status in sorted({400, 405, 413, 415, 503, *statuses})
    }


def _describe(view: str, method: str, *statuses: int, **facts: Any) -> None:
    """Describe the answers of an endpoint; its purpose is in its docstring.

    ``schemes`` are those of endpoints that take a token in the body as well.
    """
    responses = _errors(*statuses) | facts.pop("responses")
    schemes = facts.pop("schemes", None)

    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = f"jwt_refresh.views.{view}"

        def view_replacement(self) -> type:
            described_class: Any = self.target_class
            described = type(
                described_class.__name__, (described_class,), {"__doc__": described_class.__doc__}
            )
            handler = getattr(described_class, method)
            shown = facts | {"responses": responses}
            if schemes is not None:
                off = {ACCESS: not conf.ACCESS_COOKIE, REFRESH: not conf.REFRESH_COOKIE}
                shown["auth"] = [{}, *({name: []} for name in schemes if not off.get(name))]
            if conf.uses_cookies:
                _add_cookies(shown, method)
            setattr(described, method, extend_schema(**shown)(handler))
            return described


def _add_cookies(shown: dict[str, Any], method: str) -> None:
    """Change what cookies change: the shapes, and a check of the page that sends them."""
    refused = {} if method == "get" else {403: OpenApiResponse(serializers.ErrorSerializer)}
    answers = {it: WITH_COOKIES.get(shape, shape) for it, shape in shown["responses"].items()}
    shown["responses"] = refused | answers
    if "request" in shown:
        shown["request"] = WITH_COOKIES.get(shown["request"], shown["request"])


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
    schemes=(HEADER, REFRESH, ACCESS),
    parameters=[KEY],
)
_describe(
    "VerifyView",
    "post",
    *(401, 429),
    request=serializers.TokenSerializer,
    responses={200: serializers.VerifyResponseSerializer},
    schemes=(HEADER, ACCESS),
)
_describe(
    "LogoutView",
    "post",
    401,
    request=serializers.RefreshableTokenSerializer,
    responses=NOTHING,
    schemes=(HEADER, REFRESH, ACCESS),
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
