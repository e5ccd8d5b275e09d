"""adrf: our classes serve its async views as they are, since it asks them in a thread."""

from __future__ import annotations

from typing import Any

import pytest
from adrf.views import APIView
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import include, path
from rest_framework.permissions import BasePermission
from rest_framework.response import Response

from jwt_refresh import sessions
from jwt_refresh.authentication import JWTAuthentication, OptionalJWTAuthentication
from jwt_refresh.permissions import IsAuthenticated
from tests.support.devices import Device
from tests.support.http import said
from tests.support.statements import statements
from tests.support.threads import threads_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class ReadOnly(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.method == "GET")


class MeView(APIView):  # type: ignore[misc]
    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]

    async def get(self, request: Any) -> Response:
        user = await request._request.auser()
        assert user == request.user
        return Response({"user": user.get_username(), "sid": request.auth["sid"]})


class PublicView(APIView):  # type: ignore[misc]
    authentication_classes = [OptionalJWTAuthentication]
    permission_classes = [ReadOnly | IsAuthenticated]

    async def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username()})

    post = get


urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("me/", MeView.as_view()),
    path("public/", PublicView.as_view()),
]


def send(path: str, token: str = "", method: str = "get") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return async_to_sync(getattr(AsyncClient(), method))(path, headers=headers)


def test_a_good_token_opens_an_async_view_with_one_query(phone: Device) -> None:
    phone.login()
    send("/me/", phone.token)
    with statements(1):
        answer = send("/me/", phone.token)
    sid = str(phone.user.jwt_sessions.get().pk)
    assert answer.json() == {"user": phone.user.get_username(), "sid": sid}
    assert "Authorization" in answer["Vary"]


def test_the_event_loop_is_not_held_up_by_the_query(phone: Device) -> None:
    phone.login()
    loop, threads = threads_of("/me/", {"Authorization": f"Bearer {phone.token}"})
    assert threads
    assert loop not in threads


def test_a_refusal_has_our_shape(phone: Device) -> None:
    phone.login()
    sessions.revoke(phone.user.jwt_sessions.get(), "test")
    for token, status, code in (
        ("", 401, "token_missing"),
        ("x", 401, "token_invalid"),
        ("x y", 400, "invalid_request"),
        (phone.token, 401, "session_revoked"),
    ):
        answer = send("/me/", token)
        assert said(answer)[:2] == (status, code)
        assert answer["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_permissions_compose(phone: Device) -> None:
    phone.login()
    assert send("/public/").json() == {"user": ""}
    assert said(send("/public/", method="post"))[:2] == (401, "token_missing")
    assert send("/public/", phone.token, "post").json() == {"user": phone.user.get_username()}
