"""``token_required`` on functions and classes, sync and async."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.decorators import permission_required
from django.core.handlers.base import BaseHandler
from django.db import connection, transaction
from django.http import JsonResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from pytest_django import Settings
from rest_framework.response import Response

from jwt_refresh.decorators import token_optional, token_required
from jwt_refresh.testing import authenticated, log_in
from tests import urls
from tests.support.http import said

from .support.devices import Device, make_user
from .views import MeView, non_atomic

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
    client = AsyncClient()
    get: Any = async_to_sync(client.get)
    assert said(get(path))[1] == "token_missing"
    log_in(client, phone.user)
    assert get(path).json()["user"] == "ann@example.com"


def test_a_post_needs_no_csrf_token(phone: Device) -> None:
    phone.login()
    phone.http = Client(enforce_csrf_checks=True)
    assert phone.post("/hello/class/").status_code == 200
    assert phone.post("/me/").status_code == 200


# Beside Django's own authentication


@pytest.mark.parametrize("path", [*PATHS, "/me/"])
def test_djangos_middleware_leaves_the_guard_to_us(phone: Device, settings: Any, path: str) -> None:
    """``LoginRequiredMiddleware`` knows the users of cookies alone, and would redirect."""
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    phone.login()
    assert phone.get(path).json()["user"] == "ann@example.com"
    assert said(phone.get(path, token=None))[:2] == (401, "token_missing")
    get: Any = async_to_sync(AsyncClient().get)
    headers = {"Authorization": f"Bearer {phone.token}"}
    assert get(path, headers=headers).json()["user"] == "ann@example.com"


class Admin(Device):
    """Somebody who may do anything, by a cookie."""

    def __init__(self, client: Any) -> None:
        super().__init__(make_user("root@example.com"))
        type(self.user)._default_manager.filter(pk=self.user.pk).update(is_superuser=True)
        client.force_login(self.user)


@non_atomic
@token_required
async def whoami(request: Any) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"user": user.get_username(), "same": request.user == user})


@token_required
@permission_required("auth.add_group", raise_exception=True)
def permitted(request: Any) -> JsonResponse:
    return JsonResponse({})


@non_atomic
@token_required
@permission_required("auth.add_group", raise_exception=True)
async def permitted_async(request: Any) -> JsonResponse:
    return JsonResponse({})


class RestView(MeView):
    def get(self, request: Any) -> Response:
        return Response({"user": async_to_sync(request.auser)().get_username()})


urlpatterns = [
    path("whoami/", whoami),
    path("permitted/", permitted),
    path("permitted/async/", permitted_async),
    path("rest/", RestView.as_view()),
    *urls.urlpatterns,
]


@pytest.mark.urls(__name__)
def test_async_code_finds_the_user_of_the_token_not_of_a_cookie(phone: Device) -> None:
    phone.login()
    client = AsyncClient()
    admin = Admin(client)
    get: Any = async_to_sync(client.get)
    headers = {"Authorization": f"Bearer {phone.token}"}
    assert get("/whoami/", headers=headers).json() == {"user": "ann@example.com", "same": True}
    assert get("/rest/", headers=headers).json() == {"user": "ann@example.com"}
    admin.login()
    theirs = {"Authorization": f"Bearer {admin.token}"}
    for where in ("/permitted/", "/permitted/async/"):
        assert get(where, headers=headers).status_code == 403
        assert get(where, headers=theirs).status_code == 200


def test_a_view_keeps_its_name_and_its_marks() -> None:
    """Among the marks, that it runs in no transaction: Django reads it off the view."""

    def plain(request: Any) -> Any:
        """Say hello."""

    async def waiting(request: Any) -> Any:
        """Say hello."""

    for view in (plain, waiting):
        guarded: Any = token_required(transaction.non_atomic_requests(view))
        assert (guarded.__name__, guarded.__doc__) == (view.__name__, "Say hello.")
        assert guarded._non_atomic_requests == {"default"}
        assert iscoroutinefunction(guarded) == iscoroutinefunction(view)


def test_a_marked_view_runs_in_no_transaction(ann: Any, atomic_requests: bool) -> None:
    seen: list[bool] = []

    @token_required
    @transaction.non_atomic_requests(using="other")
    @transaction.non_atomic_requests
    def view(request: Any) -> JsonResponse:
        seen.append(connection.in_atomic_block)
        return JsonResponse({})

    request = authenticated(RequestFactory().get("/"), ann)
    assert BaseHandler().make_view_atomic(view)(request).status_code == 200
    assert seen == [False]


def test_what_the_address_names_reaches_the_view(ann: Any) -> None:
    @token_required
    def view(request: Any, *args: str, **kwargs: str) -> JsonResponse:
        return JsonResponse({"args": args, "kwargs": kwargs})

    @token_required
    async def waiting(request: Any, *args: str, **kwargs: str) -> JsonResponse:
        return JsonResponse({"args": args, "kwargs": kwargs})

    for act in (view, async_to_sync(waiting)):
        response = act(authenticated(RequestFactory().get("/"), ann), "a", b="c")
        assert json.loads(response.content) == {"args": ["a"], "kwargs": {"b": "c"}}


# A token, or none


@token_optional
def greet(request: Any) -> JsonResponse:
    return JsonResponse({"user": request.user.get_username(), "known": request.auth is not None})


@token_optional
async def greet_async(request: Any) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"user": user.get_username(), "known": request.auth is not None})


class Greeting:
    urlpatterns = [path("greet/", greet), path("greet/async/", greet_async)]


@pytest.mark.parametrize("path", ["/greet/", "/greet/async/"])
def test_a_view_may_be_entered_without_a_token(
    phone: Device, settings: Settings, path: str
) -> None:
    settings.ROOT_URLCONF = Greeting
    settings.LOGIN_URL = "/login/"
    phone.http.force_login(make_user("bob@example.com"))
    assert phone.get(path, token=None).json() == {"user": "", "known": False}
    assert "Authorization" in phone.get(path, token=None)["Vary"]
    assert said(phone.get(path, token="x"))[:2] == (401, "token_invalid")
    settings.ROOT_URLCONF = "tests.urls"
    phone.login()
    settings.ROOT_URLCONF = Greeting
    assert phone.get(path).json() == {"user": phone.user.get_username(), "known": True}
