"""The endpoints, mounted as projects mount them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections, transaction
from django.http import Http404
from django.urls import include, path, reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh.core.keys.generating import generate_private_key, public_half
from jwt_refresh.exceptions import InvalidCredentials
from jwt_refresh.login import count_try
from jwt_refresh.views import IssuingView
from tests import urls
from tests.support.devices import Device
from tests.support.http import claims, said
from tests.support.malformed import answers

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.urls(__name__),
]

ERRORS = {
    "gone": Http404("told to nobody"),
    "not yours": PermissionDenied("told to nobody"),
    "wrong": InvalidCredentials("told to nobody"),
    "away": OperationalError("told to nobody"),
}


class OwnSerializer(serializers.Serializer[Any]):
    do = serializers.CharField()


class OwnView(IssuingView):
    """A login view of a project."""

    def post(self, request: Request) -> Response:
        given = OwnSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        count_try("own", "5/min", "all")
        if error := ERRORS.get(given.validated_data["do"]):
            raise error
        in_transaction = any(connection.in_atomic_block for connection in connections.all())
        return Response({"in_transaction": in_transaction})


urlpatterns = [
    path("own/", OwnView.as_view()),
    path("api/<version>/<slug:tenant>/auth/", include("jwt_refresh.urls")),
    path("by/<sid>/auth/", include(("jwt_refresh.urls", "jwt_refresh"), namespace="inner")),
    *urls.urlpatterns,
]


@pytest.mark.parametrize("where", ["/api/v1/shop/auth/", "/by/me/auth/"])
def test_endpoints_may_stand_below_arguments_of_a_project(
    phone: Device, laptop: Device, where: str
) -> None:
    for device in (phone, laptop):
        device.login()
    name = type(phone.user).USERNAME_FIELD
    credentials = {name: phone.user.get_username(), "password": phone.password}
    assert phone.post(f"{where}login/", credentials, token=None).status_code == 200
    assert phone.post(f"{where}verify/").status_code == 200
    phone.token = phone.post(f"{where}refresh/").json()["access_token"]
    assert len(phone.get(f"{where}sessions/").json()) == 3
    bearer = {"Authorization": f"Bearer {phone.token}"}
    one = f"{where}sessions/{claims(laptop.token)['sid']}/"
    assert phone.http.delete(one, headers=bearer).status_code == 204
    assert laptop.get().status_code == 401
    assert phone.post(f"{where}logout/others/").status_code == 204
    assert len(phone.get(f"{where}sessions/").json()) == 1
    assert phone.post(f"{where}logout/").status_code == 204
    phone.login()
    assert phone.post(f"{where}logout/all/").status_code == 204
    assert phone.get(f"{where}jwks.json").json() == {"keys": []}


def test_their_names_are_reversed_with_the_arguments() -> None:
    where = reverse("jwt_refresh:login", kwargs={"version": "v1", "tenant": "shop"})
    assert where == "/api/v1/shop/auth/login/"


class OfTheTenant:
    """Everything is in ``tenant``."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "tenant"

    db_for_write = db_for_read


@pytest.fixture
def tenant() -> Iterator[None]:
    """Another alias of the default database, which nobody knew when the app was loaded."""
    connections.settings["tenant"] = connections.settings["default"] | {"ATOMIC_REQUESTS": True}
    connections["tenant"] = connections["default"]
    yield
    del connections["tenant"], connections.settings["tenant"]


@pytest.mark.usefixtures("tenant")
def test_a_database_that_is_added_after_the_start_is_not_in_a_transaction(
    phone: Device, settings: Any
) -> None:
    in_transaction: list[bool] = []

    def claims(user: Any, session: Any) -> dict[str, Any]:
        in_transaction.append(connections["tenant"].in_atomic_block)
        return {}

    phone.login()
    settings.DATABASE_ROUTERS = [f"{__name__}.OfTheTenant"]
    settings.JWT_REFRESH = {"CLAIMS": claims}
    assert phone.refresh().status_code == 200
    assert in_transaction == [False]


def test_a_project_may_mark_the_views_once_more() -> None:
    from jwt_refresh.views import RefreshView

    view: Any = transaction.non_atomic_requests(using="other")(RefreshView.as_view())
    assert "default" in view._non_atomic_requests


def test_a_view_of_a_project_answers_as_the_endpoints_do(
    phone: Device, atomic_requests: bool, clock: Any
) -> None:
    fine = phone.post("/own/", {"do": "nothing"})
    assert fine.json() == {"in_transaction": False}
    assert fine["Cache-Control"] == "no-store"
    for error, expected in {
        "gone": (404, "not_found"),
        "not yours": (403, "permission_denied"),
        "wrong": (401, "invalid_credentials"),
        "away": (503, "unavailable"),
    }.items():
        response = phone.post("/own/", {"do": error})
        assert said(response)[:2] == expected
        assert "told to nobody" not in response.content.decode()
    codes = [response.json().get("code") for response in answers("/own/", {})]
    assert {"invalid_request", "request_too_large", "unsupported_media_type"} < {*codes}
    assert said(phone.post("/own/", {"do": "nothing"}))[:2] == (429, "throttled")


def test_a_view_of_a_project_is_not_there_where_keys_only_verify(
    phone: Device, settings: Any
) -> None:
    public = public_half(generate_private_key("EdDSA"))
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public]}
    assert said(phone.post("/own/", {"do": "nothing"}))[:2] == (404, "not_found")
