"""The schema of the endpoints of simplejwt: what drf-spectacular says of simplejwt 5.5 itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from pytest_django import Settings

READ: dict[str, Any] = {"type": "string", "readOnly": True}
WRITTEN: dict[str, Any] = {"type": "string", "writeOnly": True}
OPERATIONS = {
    "/api/token/": ("api_token_create", "TokenObtainPair"),
    "/api/token/blacklist/": ("api_token_blacklist_create", "TokenBlacklist"),
    "/api/token/refresh/": ("api_token_refresh_create", "TokenRefresh"),
    "/api/token/verify/": ("api_token_verify_create", "TokenVerify"),
}


@pytest.mark.parametrize("rotates", [False, True])
def test_clients_that_were_generated_before_find_the_same_names(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, rotates: bool
) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    apps.get_app_config("jwt_refresh_simplejwt").ready()
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": rotates}
    GENERATOR_STATS.reset()
    patterns = [
        path("api/", include("jwt_refresh.contrib.simplejwt.urls")),
        path("auth/", include("jwt_refresh.urls")),
    ]
    generator = SchemaGenerator(patterns=patterns)  # type: ignore[no-untyped-call]
    schema = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    validate_schema(schema)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS
    for where, (operation_id, shape) in OPERATIONS.items():
        operation = schema["paths"][where]["post"]
        ref = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
        assert operation["operationId"] == operation_id
        assert not operation.get("security")
        assert operation["requestBody"]["content"] == {"application/json": ref}
        assert operation["responses"]["200"]["content"] == {"application/json": ref}
    shapes = schema["components"]["schemas"]
    name = get_user_model().USERNAME_FIELD
    assert {**shapes["TokenObtainPair"]["properties"]} == {
        "access": READ,
        "refresh": READ,
        name: WRITTEN | {"maxLength": 4096},
        "password": WRITTEN | {"maxLength": 4096},
    }
    refresh = {"type": "string"} if rotates else WRITTEN
    assert shapes["TokenRefresh"]["properties"] == {"access": READ, "refresh": refresh}
    assert shapes["TokenVerify"]["properties"] == {"token": WRITTEN}
    assert shapes["TokenBlacklist"]["properties"] == {"refresh": WRITTEN}
