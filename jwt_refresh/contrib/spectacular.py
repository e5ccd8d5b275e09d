"""The endpoints in an OpenAPI schema by drf-spectacular. Loaded where that is installed."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiViewExtension,
)
from drf_spectacular.plumbing import build_array_type
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework.serializers import CharField, ChoiceField, Serializer

from jwt_refresh import serializers
from jwt_refresh.conf import conf
from jwt_refresh.core.binding import MAX_LENGTH
from jwt_refresh.sessions.refreshing import MAX_IDEMPOTENCY_KEY

PREFIX = "jwt_refresh_"
"""The beginning of each name of ours in a schema, and of no class of a project: of components,
schemes and operations. Two of one name would be merged."""
HEADER, BOUND, ACCESS, REFRESH = "", "DPoP", "Cookie", "RefreshCookie"
"""The places of a token, by which schemes are named; the last is for a refresh alone."""
PROVED = "DPoPProof"
"""The place of the proof that a bound token needs."""
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_IDEMPOTENCY_KEY},
    OpenApiParameter.HEADER,
    description="The same for each try of one refresh; its answer is then the same, too.",
)
PROOF = OpenApiParameter(
    "DPoP",
    {"type": "string", "maxLength": MAX_LENGTH},
    OpenApiParameter.HEADER,
    description="A proof of the key that the session is, or will be, bound to (RFC 9449).",
)
SID = OpenApiParameter("sid", OpenApiTypes.STR, OpenApiParameter.PATH)


class JWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jwt_refresh.authentication.BearerAuthentication"
    match_subclasses = True

    @property
    def name(self) -> list[str]:  # type: ignore[override]
        return [self._guard + place for place in self._places()]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Ask for any of them, but for the one of the refresh token, which opens no view."""
        opening = [place for place in self._places() if place not in (REFRESH, PROVED)]
        return [_requirement(self._guard, place) for place in opening]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [*self._places().values()]

    @property
    def _guard(self) -> str:
        """Name the class, since each demands other things of a token."""
        kind = type(self.target)
        prefix = PREFIX if kind.__module__.startswith("jwt_refresh.") else ""
        return prefix + kind.__name__

    def _places(self) -> dict[str, dict[str, str]]:
        header = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        if conf.AUTH_HEADER_NAME.lower() != "authorization":
            header = {"type": "apiKey", "in": "header", "name": conf.AUTH_HEADER_NAME}
        places = {HEADER: header}
        if conf.binds_access:
            places[BOUND] = {"type": "http", "scheme": "dpop"}
            places[PROVED] = {"type": "apiKey", "in": "header", "name": "DPoP"}
        for place, name in ((ACCESS, conf.ACCESS_COOKIE), (REFRESH, conf.REFRESH_COOKIE)):
            if name:
                places[place] = {"type": "apiKey", "in": "cookie", "name": name}
        return places


def _requirement(guard: str, place: str) -> dict[str, list[Any]]:
    """Ask for a token in a place, by the scheme of a class: a bound one has its proof beside it."""
    needed: dict[str, list[Any]] = {guard + place: []}
    return needed | ({guard + PROVED: []} if place == BOUND else {})


# Else its choices would be named by the field, and so would those of a project's own `transport`.
@extend_schema_field({"type": "string", "enum": [serializers.BODY]}, f"{PREFIX}Transport")
class TransportField(ChoiceField):
    """The transport of tokens that a client asks for."""


class CookieLoginSerializer(serializers.TransportLoginSerializer):
    """A login where cookies are set up, of a client that may want its tokens in the body."""

    transport = TransportField([serializers.BODY], required=False)


class CookieTokenResponseSerializer(serializers.TokenResponseSerializer):
    """A token response where cookies are set up: a token is in the body or in its cookie."""

    access_token = CharField(required=False, help_text="unless it travels in a cookie")


class FieldErrorsSerializer(Serializer[Any]):
    """Sentences for people, by the field that they are about."""


class BadRequestSerializer(Serializer[Any]):
    """The errors of a request that is incomplete, by field; or another error."""


WITH_COOKIES: dict[Any, type[Any]] = {
    serializers.LoginSerializer: CookieLoginSerializer,
    serializers.TokenResponseSerializer: CookieTokenResponseSerializer,
}
"""The shapes that are others where cookies are set up."""


def _name(shape: type[Any]) -> None:
    """Name the component of a shape. Not by a decorator: subclasses of a project would inherit."""

    class Extension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
        target_class = shape

        def get_name(self, auto_schema: Any, direction: Any) -> str:
            return PREFIX + shape.__name__

        def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
            mapped = super().map_serializer(auto_schema, direction)
            if shape is FieldErrorsSerializer:
                return mapped | {"additionalProperties": build_array_type({"type": "string"})}
            if shape is BadRequestSerializer:
                either = serializers.ErrorSerializer, FieldErrorsSerializer
                refs = [auto_schema.resolve_serializer(it, direction).ref for it in either]
                return {"oneOf": refs, "description": mapped["description"]}
            return mapped


for _shape in (
    serializers.LoginSerializer,
    serializers.TransportLoginSerializer,
    serializers.TokenResponseSerializer,
    serializers.SessionSerializer,
    serializers.TokenSerializer,
    serializers.RefreshableTokenSerializer,
    serializers.VerifyResponseSerializer,
    serializers.ErrorSerializer,
    serializers.ThrottledSerializer,
    serializers.JWKSetSerializer,
    CookieLoginSerializer,
    CookieTokenResponseSerializer,
    FieldErrorsSerializer,
    BadRequestSerializer,
):
    _name(_shape)


def errors(*statuses: int) -> dict[Any, Any]:
    """Describe these errors, and those of every endpoint."""
    body = {429: serializers.ThrottledSerializer}
    return {
        status: OpenApiResponse(body.get(status, serializers.ErrorSerializer))
        for status in sorted({400, 405, 413, 415, 503, *statuses})
    }


def _describe(view: str, method: str, *statuses: int, **facts: Any) -> None:
    """Describe the answers of an endpoint; its purpose is in its docstring.

    ``places`` are those of endpoints that take a token in the body as well.
    """
    responses = errors(*statuses) | facts.pop("responses")
    places = facts.pop("places", None)

    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = f"jwt_refresh.views.{view}"

        def view_replacement(self) -> type:
            described_class: Any = self.target_class
            members = {
                "__doc__": described_class.__doc__,
                "schema": _with_operation_id(type(described_class.schema)),
            }
            described = type(described_class.__name__, (described_class,), members)
            shown = facts | {"responses": responses}
            if places is not None:
                off = {
                    BOUND: not conf.binds_access,
                    ACCESS: not conf.ACCESS_COOKIE,
                    REFRESH: not conf.REFRESH_COOKIE,
                }
                open_to = [it for it in places if not off.get(it)]
                shown["auth"] = [
                    {},
                    *(_requirement(f"{PREFIX}JWTAuthentication", it) for it in open_to),
                ]
            if conf.DPOP == "off" and "parameters" in shown:
                shown["parameters"] = [it for it in shown["parameters"] if it is not PROOF]
            if conf.uses_cookies:
                _add_cookies(shown, method)
            if shown.get("request"):
                # Forms are taken too. But of several types that share a shape, some generators
                # make a client that sends all of them at once.
                shown["request"] = {"application/json": shown["request"]}
            # The class, not its handler: that is one of the app itself, and would keep it.
            return extend_schema(**shown)(described)


def _with_operation_id(schema: type[Any]) -> Any:
    """Return a schema that names an operation by its whole path.

    drf-spectacular leaves out the arguments of a path, by which two mounts may differ.
    """

    class Schema(schema):  # type: ignore[misc]
        def get_operation_id(self) -> str:
            words = [*re.findall(r"\w+", self.path), self.method.lower()]
            return PREFIX + "_".join(words)

    return Schema()


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
    responses=TOKENS | {400: OpenApiResponse(BadRequestSerializer)},
    parameters=[PROOF],
)
_describe(
    "RefreshView",
    "post",
    *(401, 404, 409, 429),
    request=serializers.RefreshableTokenSerializer,
    responses=TOKENS,
    places=(HEADER, BOUND, REFRESH, ACCESS),
    parameters=[KEY, PROOF],
)
_describe(
    "VerifyView",
    "post",
    *(401, 429),
    request=serializers.TokenSerializer,
    responses={200: serializers.VerifyResponseSerializer},
    places=(HEADER, BOUND, ACCESS),
)
_describe(
    "LogoutView",
    "post",
    401,
    request=serializers.RefreshableTokenSerializer,
    responses=NOTHING,
    places=(HEADER, BOUND, REFRESH, ACCESS),
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
