"""The OpenAPI schema, as drf-spectacular makes it where it is installed."""

from __future__ import annotations

import os
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

from jwt_refresh import contrib
from jwt_refresh.authentication import StatelessJWTAuthentication
from jwt_refresh.urls import urlpatterns
from tests.views import MeView

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = {400, 405, 413, 415, 503}
TOKEN_ANYWHERE: list[dict[str, Any]] = [{}, {"JWTAuthentication": []}]
HEADER: list[dict[str, Any]] = [{"JWTAuthentication": []}]
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


@pytest.fixture
def schema(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    apps.get_app_config("jwt_refresh").ready()
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    GENERATOR_STATS.reset()
    patterns = [path("auth/", include("jwt_refresh.urls"))]
    return SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]


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
    listed = schema["paths"]["/auth/sessions/"]["get"]["responses"]["200"]["content"]
    assert listed["application/json"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Session"},
    }
    error = refresh["responses"]["409"]["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/Error"}
    throttled = refresh["responses"]["429"]["content"]["application/json"]["schema"]
    assert throttled == {"$ref": "#/components/schemas/Throttled"}
    jwks = schema["paths"]["/auth/jwks.json/"]["get"]["responses"]["200"]["content"]
    assert jwks.keys() == {"application/jwk-set+json"}
    components = schema["components"]["schemas"]
    assert components["Error"]["required"] == ["code", "detail"]
    assert components["Throttled"]["required"] == ["code", "detail", "retry_after"]
    assert components["TokenResponse"]["properties"].keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
    }
    (name,) = components["Login"]["properties"].keys() - {"password"}
    assert components["Login"]["required"] == [*sorted(("password", name))]


def test_each_class_of_ours_is_a_scheme_of_its_own(schema: Any) -> None:
    patterns = [path("me/", MeView.as_view()), path("stateless/", StatelessView.as_view())]
    made = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert made["components"]["securitySchemes"] == {
        "JWTAuthentication": bearer,
        "StatelessJWTAuthentication": bearer,
    }


@pytest.mark.parametrize("name", ["X-Auth-Token", "authorization"])
def test_the_header_of_the_token_is_described(schema: Any, settings: Any, name: str) -> None:
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": name}
    patterns = [path("me/", MeView.as_view())]
    made = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    other = {"type": "apiKey", "in": "header", "name": name}
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    expected = other if name == "X-Auth-Token" else bearer
    assert made["components"]["securitySchemes"]["JWTAuthentication"] == expected


def test_cookies_are_described_where_they_are_set_up(schema: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"ACCESS_COOKIE": "access-token", "REFRESH_COOKIE": "refresh-token"}
    patterns = [path("auth/", include("jwt_refresh.urls"))]
    made = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    validate_schema(made)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    schemes = made["components"]["securitySchemes"]
    cookie = {"type": "apiKey", "in": "cookie"}
    assert schemes["JWTAuthenticationCookie"] == cookie | {"name": "access-token"}
    assert schemes["JWTAuthenticationRefreshCookie"] == cookie | {"name": "refresh-token"}
    by_cookie: list[dict[str, Any]] = [{"JWTAuthenticationCookie": []}]
    by_refresh_cookie: list[dict[str, Any]] = [{"JWTAuthenticationRefreshCookie": []}]
    for where, (method, statuses, security) in ENDPOINTS.items():
        described = made["paths"][where][method]
        refused = set() if method == "get" else {403}
        assert {int(status) for status in described["responses"]} == statuses | ALWAYS | refused
        either = by_refresh_cookie if where in ("/auth/refresh/", "/auth/logout/") else []
        expected = None if security is None else security + either + by_cookie
        assert described.get("security") == expected
    shapes = made["components"]["schemas"]
    assert shapes["CookieTokenResponse"]["required"] == ["expires_in"]
    assert "transport" in shapes["TransportLogin"]["properties"]
    assert shapes["TransportEnum"]["enum"] == ["body"]
    assert "transport" not in shapes["TransportLogin"]["required"]


@pytest.mark.parametrize("cookie", ["ACCESS_COOKIE", "REFRESH_COOKIE"])
def test_a_cookie_that_is_not_set_up_is_not_described(
    schema: Any, settings: Any, cookie: str
) -> None:
    settings.JWT_REFRESH = {cookie: "the-token"}
    patterns = [path("auth/", include("jwt_refresh.urls"))]
    made = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    name = {"ACCESS_COOKIE": "Cookie", "REFRESH_COOKIE": "RefreshCookie"}[cookie]
    assert made["components"]["securitySchemes"].keys() == {
        "JWTAuthentication",
        f"JWTAuthentication{name}",
    }
    logout = made["paths"]["/auth/logout/"]["post"]["security"]
    assert logout == [*TOKEN_ANYWHERE, {f"JWTAuthentication{name}": []}]


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
