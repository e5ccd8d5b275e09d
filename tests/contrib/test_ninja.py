"""django-ninja: its operations are guarded as views of REST framework are, sync and async."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection
from django.test import AsyncClient, Client
from django.urls import include, path
from ninja import NinjaAPI
from ninja.security import APIKeyHeader
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.contrib.ninja import JWTAuth, answer_errors
from tests.support.browsing import ACCESS, SLIDING_COOKIES
from tests.support.devices import Device
from tests.support.http import said
from tests.support.proofs import ProofKey
from tests.support.statements import statements
from tests.support.threads import threads_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class Key(APIKeyHeader):
    """A class of a project, for clients of another kind."""

    param_name = "X-Key"

    def authenticate(self, request: Any, key: str | None) -> str | None:
        return key


def make_api(name: str) -> NinjaAPI:
    api = NinjaAPI(urls_namespace=name, auth=JWTAuth())

    @api.api_operation(["GET", "POST"], "/me")
    def me(request: Any) -> dict[str, str]:
        return {"user": request.user.get_username(), "sid": request.auth["sid"]}

    @api.api_operation(["GET", "POST"], "/async/me")
    async def async_me(request: Any) -> dict[str, str]:
        user = await request.auser()
        return {"user": user.get_username(), "sid": request.auth["sid"]}

    @api.get("/either", auth=[JWTAuth(), Key()])
    def either(request: Any) -> dict[str, str]:
        return {"user": str(request.auth)}

    @api.post("/refresh", auth=None)
    def refresh(request: Any, token: str) -> dict[str, str]:
        return {"token": sessions.refresh(token, request=request).access_token}

    return api


told, untold = make_api("told"), make_api("untold")
answer_errors(told)
urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("told/", told.urls),
    path("untold/", untold.urls),
]
PATHS = ["/told/me", "/told/async/me"]


def bound(token: str, key: ProofKey, method: str, path: str) -> dict[str, str]:
    return {
        "Authorization": f"DPoP {token}",
        "DPoP": key.proof(method.upper(), path, token=token),
    }


def send(path: str, method: str = "get", **headers: str) -> Any:
    """To an async operation as an ASGI server does."""
    named = {name.replace("_", "-"): it for name, it in headers.items()}
    cookie = named.pop("Cookie", "")
    client: Any = (AsyncClient if "async" in path else Client)(enforce_csrf_checks=True)
    client.cookies.load(cookie)
    act = getattr(client, method)
    return (async_to_sync(act) if "async" in path else act)(path, headers=named)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", PATHS)
def test_a_good_token_opens_an_operation_with_one_query(
    phone: Device, path: str, method: str
) -> None:
    phone.login()
    send(path, **bearer(phone.token))
    with statements(1):
        answer = send(path, method, **bearer(phone.token))
    sid = str(phone.user.jwt_sessions.get().pk)
    assert answer.json() == {"user": phone.user.get_username(), "sid": sid}


def test_an_async_operation_is_not_held_up_by_the_query(phone: Device) -> None:
    """It is made in another thread than that of the event loop."""
    phone.login()
    loop, threads = threads_of("/told/async/me", bearer(phone.token))
    assert threads
    assert loop not in threads


@pytest.mark.parametrize("path", PATHS)
def test_a_refusal_has_our_shape(phone: Device, path: str) -> None:
    phone.login()
    sessions.revoke(phone.user.jwt_sessions.get(), "test")
    for headers, status, code in (
        ({}, 401, "token_missing"),
        (bearer("x"), 401, "token_invalid"),
        (bearer("x y"), 400, "invalid_request"),
        (bearer(phone.token), 401, "session_revoked"),
    ):
        answer = send(path, **headers)
        assert said(answer)[:2] == (status, code)
        assert answer["WWW-Authenticate"].startswith('Bearer realm="api"')
        assert answer["Cache-Control"] == "no-store"


def test_an_api_that_was_not_told_refuses_all_the_same(phone: Device) -> None:
    phone.login()
    assert send("/untold/me").status_code == 401
    answer = send("/untold/me", **bearer("x"))
    assert (answer.status_code, answer.json()) == (401, {"detail": "The token is not valid."})
    assert send("/untold/me", **bearer(phone.token)).status_code == 200


def test_a_request_without_a_token_is_left_to_the_class_that_follows(phone: Device) -> None:
    phone.login()
    assert send("/told/either", X_Key="k").json() == {"user": "k"}
    assert phone.token not in send("/told/either", **bearer(phone.token)).content.decode()
    assert said(send("/told/either", X_Key="k", **bearer("x")))[:2] == (401, "token_invalid")
    assert said(send("/told/either"))[:2] == (401, "token_missing")


@pytest.mark.parametrize("path", PATHS)
def test_a_cookie_needs_a_page_of_ones_own(phone: Device, settings: Settings, path: str) -> None:
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    cookie = {"Cookie": f"{ACCESS}={phone.token}"}
    assert send(path, **cookie).status_code == 200
    assert said(send(path, "post", **cookie))[:2] == (403, "csrf_failed")
    assert send(path, "post", **cookie, Sec_Fetch_Site="same-origin").status_code == 200


def test_an_error_of_a_verb_is_answered(phone: Device) -> None:
    phone.login()
    assert "token" in send(f"/told/refresh?token={phone.token}", "post").json()
    assert said(send("/told/refresh?token=x", "post"))[:2] == (401, "token_invalid")


def test_where_the_database_cannot_be_asked_nobody_is_let_in(phone: Device) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("no connection")

    phone.login()
    with connection.execute_wrapper(fail):
        assert said(send("/told/me", **bearer(phone.token)))[:2] == (503, "unavailable")


def test_the_schema_names_the_scheme() -> None:
    schema = Client().get("/told/openapi.json").json()
    assert schema["components"]["securitySchemes"]["JWTAuth"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    assert schema["paths"]["/told/me"]["get"]["security"] == [{"JWTAuth": []}]


@pytest.mark.parametrize("where", PATHS)
def test_a_bound_token_needs_its_proof(ann: Any, settings: Settings, where: str) -> None:
    settings.JWT_REFRESH = {"DPOP": "all"}
    key = ProofKey()
    token = sessions.start(ann, jkt=key.jkt).access_token
    assert send(where, **bound(token, key, "get", where)).json()["user"] == ann.get_username()
    for headers, error in (
        (bearer(token), "invalid_token"),
        ({"Authorization": f"DPoP {token}"}, "invalid_dpop_proof"),
        (bound(token, ProofKey(), "get", where), "invalid_token"),
        (bound(token, key, "post", where), "invalid_dpop_proof"),
    ):
        refused = send(where, **headers)
        assert said(refused)[:2] == (401, "token_invalid")
        assert refused["WWW-Authenticate"].startswith(f'DPoP error="{error}", ')


def test_a_client_whose_clock_is_wrong_is_given_a_nonce(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = {"DPOP": "all"}
    key = ProofKey()
    token = sessions.start(ann, jkt=key.jkt).access_token
    late = {"Authorization": f"DPoP {token}"}
    late["DPoP"] = key.proof("GET", "/told/me", token=token, iat=0)
    nonce = send("/told/me", **late)["DPoP-Nonce"]
    late["DPoP"] = key.proof("GET", "/told/me", token=token, iat=0, nonce=nonce)
    assert send("/told/me", **late).status_code == 200
