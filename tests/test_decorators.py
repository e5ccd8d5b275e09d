"""``token_required`` on functions and classes, sync and async."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from tests.support.http import said

from .support.devices import Device

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/hello/", "/hello/async/", "/hello/class/", "/hello/class/async/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_view_is_entered_with_a_token_only(phone: Device, path: str) -> None:
    phone.login()
    assert phone.get(path).json()["user"] == "ann@example.com"
    assert said(phone.get(path, token=None)) == (401, "token_missing", "A token is required.")
    response = phone.get(path, token="x", accept_language="ko")
    assert said(response) == (401, "token_invalid", "유효하지 않은 토큰입니다.")
    assert "유효하지".encode() in response.content
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert response["Cache-Control"] == "no-store"
    assert said(phone.get(path, token="x y"))[:2] == (400, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
def test_it_works_under_asgi(phone: Device, path: str) -> None:
    phone.login()
    get: Any = async_to_sync(AsyncClient().get)
    headers = {"Authorization": f"Bearer {phone.token}"}
    assert get(path, headers=headers).json()["user"] == "ann@example.com"
    assert said(get(path))[1] == "token_missing"


def test_a_post_needs_no_csrf_token(phone: Device) -> None:
    phone.login()
    phone.http = Client(enforce_csrf_checks=True)
    assert phone.post("/hello/class/").status_code == 200
    assert phone.post("/me/").status_code == 200
