"""The OpenAPI schema, as drf-spectacular makes it where it is installed."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.generics import CreateAPIView
from rest_framework.serializers import ChoiceField, Serializer

from jwt_refresh import authentication, contrib, serializers, views
from jwt_refresh.authentication import StatelessJWTAuthentication
from jwt_refresh.contrib import spectacular
from jwt_refresh.urls import urlpatterns
from tests.views import MeView

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = {400, 405, 413, 415, 503}
OURS = "jwt_refresh_JWTAuthentication"
TOKEN_ANYWHERE: list[dict[str, Any]] = [{}, {OURS: []}]
HEADER: list[dict[str, Any]] = [{OURS: []}]
COOKIES = {"ACCESS_COOKIE": "access-token", "REFRESH_COOKIE": "refresh-token"}
ENDPOINTS: dict[str, tuple[str, set[int], Any]] = {
    "/auth/login/": ("post", {200, 401, 403, 404, 429}, None),
    "/auth/refresh/": ("post", {200, 401, 404, 409, 429}, TOKEN_ANYWHERE),
    "/auth/verify/": ("post", {200, 401, 429}, TOKEN_ANYWHERE),
    "/auth/logout/": ("post", {204, 401}, TOKEN_ANYWHERE),
    "/auth/logout/others/": ("post", {204, 401}, HEADER),
    "/auth/logout/all/": ("post", {204, 401}, HEADER),
    "/auth/sessions/": ("get", {200, 401}, HEADER),
    "/auth/sessions/{sid}/": ("delete", {204, 401, 404}, HEADER),
    "/auth/jwks.json/": ("get", {200, 304}, None),
}


class StatelessView(MeView):
    """Of a project."""

    authentication_classes = [StatelessJWTAuthentication]


class JWTAuthentication(authentication.JWTAuthentication):
    """Of a project, by the name of ours."""


class OwnView(MeView):
    authentication_classes = [JWTAuthentication]


SHAPES = sorted(
    name
    for module in (serializers, spectacular)
    for name in re.findall(r"^class (\w+)Serializer\b", inspect.getsource(module), re.MULTILINE)
)


def view_of(name: str) -> Any:
    """A view of a project whose serializer has the name of one of ours, and a field of ours."""
    choice = ChoiceField(["bus", "train"])
    shape = type(f"{name}Serializer", (Serializer,), {"transport": choice})

    return CreateAPIView.as_view(serializer_class=shape, authentication_classes=[])


@pytest.fixture
def schema(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    apps.get_app_config("jwt_refresh").ready()
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    GENERATOR_STATS.reset()
    return schema_of(path("auth/", include("jwt_refresh.urls")))


def schema_of(*patterns: Any) -> Any:
    """The schema of a project with these URLs."""
    generator = SchemaGenerator(patterns=patterns)  # type: ignore[no-untyped-call]
    return generator.get_schema(public=True)  # type: ignore[no-untyped-call]


def test_the_example_project_has_a_schema_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "example_project.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for where in (*ENDPOINTS, "/api/me/", "/schema/"):
        assert done.stdout.count(f"\n  {where}:\n") == 1
    # The addresses of the tutorial are second ones for what is there already.
    assert "refresh_token:\n    post" not in done.stdout
    assert "\n  /login" not in done.stdout


def test_every_endpoint_is_described_once(schema: Any) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    named = [pattern for pattern in urlpatterns if pattern.name]
    assert len(schema["paths"]) == len(named) == len(ENDPOINTS)
    for where, (method, statuses, security) in ENDPOINTS.items():
        (operation,) = schema["paths"][where].items()
        assert operation[0] == method
        described = operation[1]
        assert {int(status) for status in described["responses"]} == statuses | ALWAYS
        assert described.get("security") == security
        assert described["description"]


def test_what_is_asked_and_answered_is_described(schema: Any) -> None:
    refresh = schema["paths"]["/auth/refresh/"]["post"]
    assert [(each["in"], each["name"]) for each in refresh["parameters"]] == [
        ("header", "Idempotency-Key")
    ]
    assert refresh["parameters"][0]["schema"]["maxLength"] == 255
    assert refresh["requestBody"]["content"].keys() == {"application/json"}
    listed = schema["paths"]["/auth/sessions/"]["get"]["responses"]["200"]["content"]
    assert listed["application/json"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/jwt_refresh_Session"},
    }
    error = refresh["responses"]["409"]["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/jwt_refresh_Error"}
    throttled = refresh["responses"]["429"]["content"]["application/json"]["schema"]
    assert throttled == {"$ref": "#/components/schemas/jwt_refresh_Throttled"}
    jwks = schema["paths"]["/auth/jwks.json/"]["get"]["responses"]["200"]["content"]
    assert jwks.keys() == {"application/jwk-set+json"}
    components = schema["components"]["schemas"]
    assert components["jwt_refresh_Error"]["required"] == ["code", "detail"]
    assert components["jwt_refresh_Throttled"]["required"] == ["code", "detail", "retry_after"]
    assert components["jwt_refresh_VerifyResponse"]["required"] == ["active", "expires_in"]
    tokens = components["jwt_refresh_TokenResponse"]
    assert tokens["required"] == ["access_token", "expires_in", "token_type"]
    assert tokens["properties"].keys() - tokens["required"] == {
        "refresh_token",
        "refresh_expires_in",
    }
    login = components["jwt_refresh_Login"]
    (name,) = login["properties"].keys() - {"password"}
    assert login["required"] == [*sorted(("password", name))]
    refused = schema["paths"]["/auth/login/"]["post"]["responses"]["400"]["content"]
    assert refused["application/json"]["schema"] == {
        "$ref": "#/components/schemas/jwt_refresh_BadRequest"
    }
    assert components["jwt_refresh_BadRequest"]["oneOf"] == [
        {"$ref": "#/components/schemas/jwt_refresh_Error"},
        {"$ref": "#/components/schemas/jwt_refresh_FieldErrors"},
    ]
    texts = {"type": "array", "items": {"type": "string"}}
    assert components["jwt_refresh_FieldErrors"]["additionalProperties"] == texts


def test_each_class_of_ours_is_a_scheme_of_its_own(schema: Any) -> None:
    made = schema_of(
        path("me/", MeView.as_view()),
        path("stateless/", StatelessView.as_view()),
        path("own/", OwnView.as_view()),
    )
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert made["components"]["securitySchemes"] == {
        "JWTAuthentication": bearer,
        OURS: bearer,
        "jwt_refresh_StatelessJWTAuthentication": bearer,
    }


@pytest.mark.parametrize(
    ("given", "hidden", "more"),
    [
        ({}, {"CookieLogin", "CookieTokenResponse", "TransportLogin"}, set()),
        (COOKIES, {"Login", "TokenResponse", "TransportLogin"}, {"Transport"}),
    ],
    ids=["header", "cookies"],
)
def test_no_name_is_that_of_something_of_a_project(
    schema: Any, settings: Any, given: Any, hidden: set[str], more: set[str]
) -> None:
    """Its components keep the names and shapes that they have without us."""
    settings.JWT_REFRESH = given
    theirs = [path(f"{name}/", view_of(name)) for name in SHAPES]
    alone = schema_of(*theirs)
    assert not GENERATOR_STATS
    assert alone["components"]["schemas"].keys() == {*SHAPES, "TransportEnum"}
    both = schema_of(*theirs, path("auth/", include("jwt_refresh.urls")))
    assert not GENERATOR_STATS
    shapes = both["components"]["schemas"]
    ours = {f"jwt_refresh_{name}" for name in ({*SHAPES} - hidden) | more}
    assert shapes.keys() - alone["components"]["schemas"].keys() == ours
    assert alone["components"]["schemas"].items() <= shapes.items()
    schemes = both["components"]["securitySchemes"]
    assert [name for name in schemes if not name.startswith("jwt_refresh_")] == []


def test_two_mounts_and_an_app_beside_them_have_operations_of_their_own(schema: Any) -> None:
    made = schema_of(
        path("auth/", include("jwt_refresh.urls")),
        path("<str:tenant>/auth/", include("jwt_refresh.urls", namespace="tenants")),
        path("auth-login/", view_of("Login")),
    )
    assert not GENERATOR_STATS
    ids = [it["operationId"] for where in made["paths"].values() for it in where.values()]
    assert len({*ids}) == len(ids) == 2 * len(ENDPOINTS) + 1
    assert [*filter(re.compile(r"\W").search, ids)] == []
    assert {"jwt_refresh_auth_login_post", "jwt_refresh_tenant_auth_login_post"} < {*ids}
    assert "jwt_refresh_auth_sessions_sid_delete" in ids


def test_a_schema_leaves_no_trace_on_the_views(schema: Any) -> None:
    """On a handler a description would lie upon that of the schema before, and so on."""
    assert schema
    assert not hasattr(views.LoginView.post, "kwargs")
    assert "schema" not in vars(views.LoginView)


@pytest.mark.parametrize("name", ["X-Auth-Token", "authorization"])
def test_the_header_of_the_token_is_described(schema: Any, settings: Any, name: str) -> None:
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": name}
    made = schema_of(path("me/", MeView.as_view()))
    other = {"type": "apiKey", "in": "header", "name": name}
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    expected = other if name == "X-Auth-Token" else bearer
    assert made["components"]["securitySchemes"][OURS] == expected


def test_cookies_are_described_where_they_are_set_up(schema: Any, settings: Any) -> None:
    settings.JWT_REFRESH = COOKIES
    made = schema_of(path("auth/", include("jwt_refresh.urls")))
    validate_schema(made)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    schemes = made["components"]["securitySchemes"]
    cookie = {"type": "apiKey", "in": "cookie"}
    assert schemes[f"{OURS}Cookie"] == cookie | {"name": "access-token"}
    assert schemes[f"{OURS}RefreshCookie"] == cookie | {"name": "refresh-token"}
    by_cookie: list[dict[str, Any]] = [{f"{OURS}Cookie": []}]
    by_refresh_cookie: list[dict[str, Any]] = [{f"{OURS}RefreshCookie": []}]
    for where, (method, statuses, security) in ENDPOINTS.items():
        described = made["paths"][where][method]
        refused = set() if method == "get" else {403}
        assert {int(status) for status in described["responses"]} == statuses | ALWAYS | refused
        either = by_refresh_cookie if where in ("/auth/refresh/", "/auth/logout/") else []
        expected = None if security is None else security + either + by_cookie
        assert described.get("security") == expected
    shapes = made["components"]["schemas"]
    assert shapes["jwt_refresh_CookieTokenResponse"]["required"] == ["expires_in", "token_type"]
    login = shapes["jwt_refresh_CookieLogin"]
    assert login["properties"]["transport"] == {
        "$ref": "#/components/schemas/jwt_refresh_Transport"
    }
    assert shapes["jwt_refresh_Transport"] == {"type": "string", "enum": ["body"]}
    assert "transport" not in login["required"]


@pytest.mark.parametrize("dpop", ["off", "refresh", "all", "required"])
def test_proofs_are_described_where_they_are_taken(schema: Any, settings: Any, dpop: str) -> None:
    """And bound tokens where they are issued."""
    settings.JWT_REFRESH = {"DPOP": dpop}
    patterns = [path("auth/", include("jwt_refresh.urls"))]
    made = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    validate_schema(made)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    takes = {
        where
        for where, (method, _, _) in ENDPOINTS.items()
        for parameter in made["paths"][where][method].get("parameters", [])
        if (parameter["in"], parameter["name"]) == ("header", "DPoP")
    }
    assert takes == (set() if dpop == "off" else {"/auth/login/", "/auth/refresh/"})
    binds = dpop in ("all", "required")
    bound: dict[str, Any] = {
        f"{OURS}DPoP": [],
        f"{OURS}DPoPProof": [],
    }
    for where, (method, _, security) in ENDPOINTS.items():
        expected = security and [*security, *([bound] if binds else [])]
        assert made["paths"][where][method].get("security") == expected
    schemes = made["components"]["securitySchemes"]
    assert schemes.get(f"{OURS}DPoP", {}).get("scheme") == ("dpop" if binds else None)
    proof = {"type": "apiKey", "in": "header", "name": "DPoP"}
    assert schemes.get(f"{OURS}DPoPProof") == (proof if binds else None)


@pytest.mark.parametrize("cookie", ["ACCESS_COOKIE", "REFRESH_COOKIE"])
def test_a_cookie_that_is_not_set_up_is_not_described(
    schema: Any, settings: Any, cookie: str
) -> None:
    settings.JWT_REFRESH = {cookie: "the-token"}
    made = schema_of(path("auth/", include("jwt_refresh.urls")))
    name = {"ACCESS_COOKIE": "Cookie", "REFRESH_COOKIE": "RefreshCookie"}[cookie]
    assert made["components"]["securitySchemes"].keys() == {OURS, f"{OURS}{name}"}
    logout = made["paths"]["/auth/logout/"]["post"]["security"]
    assert logout == [*TOKEN_ANYWHERE, {f"{OURS}{name}": []}]


@pytest.mark.parametrize("installed", [False, True])
def test_without_drf_spectacular_nothing_of_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    asked: dict[str, bool] = {}
    monkeypatch.delattr(contrib, "spectacular", raising=False)
    # As if it could not be imported.
    monkeypatch.setitem(sys.modules, "jwt_refresh.contrib.spectacular", None)
    monkeypatch.setattr(apps, "is_installed", lambda name: asked.setdefault(name, installed))
    config = apps.get_app_config("jwt_refresh")
    if installed:
        with pytest.raises(ImportError):
            config.ready()
    else:
        config.ready()
    assert asked == {"drf_spectacular": installed}
