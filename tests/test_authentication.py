"""``JWTAuthentication`` and the permission in views of a project."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from jwt_refresh import sessions
from jwt_refresh.authentication import CoexistingJWTAuthentication, JWTAuthentication
from jwt_refresh.core.claims import Claims
from jwt_refresh.permissions import IsAuthenticated
from jwt_refresh.web.transport import Refusal
from tests import urls
from tests.support.http import claims, said
from tests.support.proofs import ProofKey

from .support.devices import PAIR, PASSWORD, Device
from .views import MeView

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


@pytest.mark.parametrize(
    ("path", "who"),
    [("/me/before-others/", "ann@example.com"), ("/me/after-others/", "bob@example.com")],
)
def test_whichever_class_is_listed_first_decides(
    phone: Device, bob: Device, path: str, who: str
) -> None:
    """So the documents say that ours goes before ``SessionAuthentication``."""
    phone.login()
    phone.http.force_login(bob.user)
    assert phone.get(path).json()["user"] == who


class OfAnotherIssuer(BaseAuthentication):
    """Takes ``Bearer`` tokens of somebody else, and refuses all others."""

    def authenticate(self, request: Any) -> tuple[Any, dict[str, str]]:
        encoded = request.headers["Authorization"].removeprefix("Bearer ")
        try:
            claims = jwt.decode(encoded, THEIR_KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise AuthenticationFailed("Not theirs.") from None
        return get_user_model()._default_manager.get(pk=claims["sub"]), {"sid": "theirs"}

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


THEIR_KEY = "the key of another issuer, which we do not know"


def _shared(*classes: Any) -> Any:
    view = type("SharedView", (MeView,), {"authentication_classes": classes})
    return view.as_view()  # type: ignore[attr-defined]


urlpatterns = [
    path("ours-first/", _shared(JWTAuthentication, OfAnotherIssuer)),
    path("theirs-first/", _shared(OfAnotherIssuer, JWTAuthentication)),
    path("shared/", _shared(CoexistingJWTAuthentication, OfAnotherIssuer)),
    path("alone/", _shared(CoexistingJWTAuthentication)),
    *urls.urlpatterns,
]


@pytest.fixture
def theirs(ann: Any) -> str:
    """A token of the other issuer, for ann."""
    return jwt.encode({"sub": str(ann.pk)}, THEIR_KEY, algorithm="HS256")


@pytest.mark.urls(__name__)
def test_tokens_of_two_issuers_need_a_class_that_leaves_the_others(
    phone: Device, theirs: str
) -> None:
    phone.login()
    sid = claims(phone.token)["sid"]
    statuses = {
        path: (phone.get(path).status_code, phone.get(path, token=theirs).status_code)
        for path in ("/ours-first/", "/theirs-first/", "/shared/")
    }
    assert statuses == {
        "/ours-first/": (200, 401),
        "/theirs-first/": (401, 200),
        "/shared/": (200, 200),
    }
    assert phone.get("/shared/").json()["sid"] == sid
    assert phone.get("/shared/", token=theirs).json()["sid"] == "theirs"


@pytest.mark.urls(__name__)
def test_what_is_left_to_others_is_not_let_in(phone: Device, theirs: str, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR
    phone.login()
    forged = jwt.encode({"sub": str(phone.user.pk)}, "a key that nobody knows" * 2)
    for token in (forged, "x", phone.refresh_token, phone.token[:-2]):
        response = phone.get("/shared/", token=token)
        assert (response.status_code, response.json()["detail"]) == (401, "Not theirs.")
    for token in (forged, "x", phone.refresh_token, theirs):
        assert said(phone.get("/alone/", token=token))[:2] == (401, "token_missing")
    assert said(phone.get("/shared/", token="x y"))[:2] == (400, "invalid_request")


@pytest.mark.urls(__name__)
def test_a_token_of_ours_that_ended_is_not_offered_to_others(phone: Device, clock: Any) -> None:
    phone.login()
    phone.logout()
    assert said(phone.get("/shared/"))[:2] == (401, "session_revoked")
    phone.login()
    clock.shift(3600)
    assert said(phone.get("/shared/"))[:2] == (401, "token_expired")
    phone.login()
    type(phone.user)._default_manager.update(is_active=False)
    assert said(phone.get("/shared/"))[:2] == (401, "user_inactive")


def test_other_schemes_are_left_to_others(phone: Device) -> None:
    credentials = base64.b64encode(f"ann@example.com:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    assert phone.http.get("/me/after-others/", headers=headers).json()["sid"] is None
    assert phone.http.get("/me/", headers=headers).status_code == 401


def test_the_verified_token_is_there_and_its_text_is_not(phone: Device) -> None:
    from rest_framework.views import APIView

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


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_view_that_calls_a_verb_hands_out_what_it_returns(phone: Device) -> None:
    phone.login()
    response = phone.post("/rotating/", {"token": phone.token})
    assert response.status_code == 200
    assert phone.get(token=response.json()["access_token"]).status_code == 200


@pytest.mark.urls(__name__)
def test_a_token_of_ours_without_its_key_is_left_to_nobody(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"DPOP": "all"}
    key = ProofKey()
    token = sessions.start(ann, jkt=key.jkt).access_token
    for scheme, status in (("Bearer", 401), ("DPoP", 200)):
        proof = key.proof("GET", "/shared/", token=token)
        headers = {"Authorization": f"{scheme} {token}", "DPoP": proof}
        for where in ("/shared/", "/alone/")[: 1 + (status == 401)]:
            response = Client().get(where, headers=headers)
            assert response.status_code == status, where
            challenged = response.get("WWW-Authenticate", "")
            assert challenged.startswith("DPoP error=") is (status == 401)


@pytest.mark.urls(__name__)
def test_a_bound_token_of_another_issuer_is_left_to_its_class(
    ann: Any, theirs: str, settings: Any
) -> None:
    """It is no token of ours, whatever comes with it."""
    settings.JWT_REFRESH = {"DPOP": "all"}
    headers = {"Authorization": f"Bearer {theirs}", "DPoP": "x"}
    assert Client().get("/shared/", headers=headers).status_code == 200
