"""``JWTAuthentication`` and the permission in views of a project."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from jwt_refresh.core.claims import Claims
from jwt_refresh.permissions import IsAuthenticated
from jwt_refresh.web.transport import Refusal
from tests.support.http import said

from .support.devices import PASSWORD, Device

pytestmark = pytest.mark.django_db

EVERYWHERE = ["/me/", "/me/after-others/", "/me/before-others/", "/me/handled/", "/hello/"]


class ReadOnly(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return request.method in SAFE_METHODS


@pytest.mark.parametrize("path", [*EVERYWHERE, "/public/"])
def test_a_bad_token_is_a_401_with_its_challenge_beside_any_authenticator(
    phone: Device, path: str
) -> None:
    phone.login()
    assert phone.get(path).status_code == 200
    phone.logout()
    for token, code in ((phone.token, "session_revoked"), ("x", "token_invalid")):
        response = phone.get(path, token=token)
        assert said(response)[:2] == (401, code)
        assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize("path", ["/me/", "/me/handled/", "/hello/"])
def test_a_missing_token_has_its_code_where_the_project_asked_for_it(
    phone: Device, path: str
) -> None:
    response = phone.get(path, token=None)
    assert said(response)[:2] == (401, "token_missing")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    ("path", "status"),
    [("/me/after-others/", 403), ("/me/before-others/", 401), ("/me/handled-without-us/", 403)],
)
def test_elsewhere_the_answer_of_rest_framework_stands(
    phone: Device, path: str, status: int
) -> None:
    response = phone.get(path, token=None)
    assert response.status_code == status
    assert response.json().keys() == {"detail"}


def test_a_public_view_needs_no_token(phone: Device) -> None:
    assert phone.get("/public/", token=None).json() == {"anonymous": True}
    phone.login()
    assert phone.get("/public/").json() == {"anonymous": False}


def test_other_schemes_are_left_to_others(phone: Device) -> None:
    credentials = base64.b64encode(f"ann@example.com:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    assert phone.http.get("/me/after-others/", headers=headers).json()["sid"] is None
    assert phone.http.get("/me/", headers=headers).status_code == 401


def test_the_verified_token_is_there_and_its_text_is_not(phone: Device) -> None:
    from rest_framework.views import APIView

    from jwt_refresh.authentication import JWTAuthentication

    phone.login()
    http = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {phone.token}"})
    request: Request = APIView(authentication_classes=[JWTAuthentication]).initialize_request(http)
    assert request.user == phone.user
    assert isinstance(request.auth, Claims)
    assert request.auth["sub"] == str(phone.user.pk)
    for part in phone.token.split("."):
        assert part not in repr(request.auth) + repr(dict(request.auth))


def test_the_permission_can_come_last_in_a_composition() -> None:
    permission: Any = (ReadOnly | IsAuthenticated)()
    factory = APIRequestFactory()
    request: Any = factory.get("/")
    request.user = AnonymousUser()
    assert permission.has_permission(request, None)
    request.method = "POST"
    with pytest.raises(Refusal):
        permission.has_permission(request, None)


@pytest.mark.parametrize(
    ("token", "code"), [("x", "token_invalid"), (None, "token_expired"), ("", "token_invalid")]
)
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_the_exception_handler_answers_what_a_verb_raises(
    phone: Device, clock: Any, log: Any, token: str | None, code: str
) -> None:
    phone.login()
    clock.shift(3600)
    response = phone.post("/rotating/", {"token": phone.token if token is None else token})
    assert said(response)[:2] == (401, code)
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert [record.code for record in log.records if "why" in vars(record)] == [code]
