"""``JWTMiddleware``: whoever sends a good token is known, and nobody is refused."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as in_force
from django.contrib.auth.decorators import permission_required
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.vary import vary_on_headers
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.core.claims import Claims
from jwt_refresh.decorators import token_required
from jwt_refresh.middleware import JWTMiddleware
from tests.support.devices import Device, make_user
from tests.support.proofs import ProofKey
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


@csrf_exempt
def who(request: Any) -> JsonResponse:
    claims = request.auth
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "sid": claims["sid"] if claims else None,
            "ours": isinstance(claims, Claims),
        }
    )


async def who_async(request: Any) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"user": user.get_username()})


@token_required
def guarded(request: Any) -> JsonResponse:
    """Behind a guard of its own, after somebody has asked the middleware."""
    return JsonResponse({"user": request.user.get_username()})


def asked_before(request: Any) -> Any:
    str(request.user)
    return guarded(request)


def nobody(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


@cache_page(60)
@vary_on_headers("Authorization")
def cached(request: Any) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("who/", who),
    path("who/async/", who_async),
    path("who/guarded/", asked_before),
    path("nobody/", nobody),
    path("cached/", cached),
    path("staff/", permission_required("auth.change_user", raise_exception=True)(nobody)),
]


@pytest.fixture(autouse=True)
def project(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [*in_force.MIDDLEWARE, "jwt_refresh.middleware.JWTMiddleware"]


def get(path: str, token: str = "", client: Client | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return (client or Client()).get(path, headers=headers)


def test_whoever_sends_a_good_token_is_known(phone: Device) -> None:
    phone.login()
    sid = str(phone.user.jwt_sessions.get().pk)
    assert get("/who/", phone.token).json() == {
        "user": phone.user.get_username(),
        "sid": sid,
        "ours": True,
    }
    assert get("/who/async/", phone.token).json() == {"user": phone.user.get_username()}


def test_nobody_is_refused(phone: Device) -> None:
    stranger = {"user": "", "sid": None, "ours": False}
    phone.login()
    sessions.revoke(phone.user.jwt_sessions.get(), "test")
    for token in ("", "x", "x y", phone.token):
        assert get("/who/", token).json() == stranger
        assert get("/who/async/", token).json() == {"user": ""}


def test_whoever_sends_a_bad_token_is_who_they_were(phone: Device) -> None:
    bob = Client()
    bob.force_login(make_user("bob@example.com"))
    phone.login()
    sid = str(phone.user.jwt_sessions.get().pk)
    for token in ("", "x"):
        assert get("/who/", token, bob).json()["user"] == "bob@example.com"
        assert get("/who/async/", token, bob).json()["user"] == "bob@example.com"
    # The token is what was attached on purpose.
    assert get("/who/", phone.token, bob).json()["sid"] == sid
    assert get("/who/async/", phone.token, bob).json()["user"] == phone.user.get_username()


def test_a_request_that_asks_for_nobody_makes_no_query(phone: Device) -> None:
    phone.login()
    get("/who/", phone.token)
    with statements(0):
        assert get("/nobody/", phone.token).status_code == 200
    with statements(1):
        get("/who/", phone.token)


@pytest.mark.parametrize("path", ["/who/", "/who/async/"])
def test_it_works_under_asgi(phone: Device, path: str) -> None:
    phone.login()
    headers = {"Authorization": f"Bearer {phone.token}"}
    response: Any = async_to_sync(AsyncClient().get)(path, headers=headers)
    assert response.json()["user"] == phone.user.get_username()
    assert "Authorization" in response["Vary"]


def test_permissions_are_those_of_the_user(phone: Device) -> None:
    phone.login()
    assert get("/staff/", phone.token).status_code == 403
    phone.user.is_superuser = True
    phone.user.save()
    assert get("/staff/", phone.token).status_code == 200


def test_no_cache_gives_a_page_to_somebody_else(phone: Device) -> None:
    """The view says what it depends on: its cache sees the answer before the middleware does."""
    phone.login()
    assert get("/cached/", phone.token).content == phone.user.get_username().encode()
    assert get("/cached/").content == b""


@pytest.mark.parametrize("site", ["same-origin", "cross-site"])
def test_a_cookie_counts_where_a_page_of_ones_own_sent_it(
    phone: Device, settings: Settings, site: str
) -> None:
    phone.login()
    settings.JWT_REFRESH = {"ACCESS_COOKIE": "token"}
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["token"] = phone.token
    answer = browser.post("/who/", headers={"Sec-Fetch-Site": site})
    assert answer.json()["user"] == (phone.user.get_username() if site == "same-origin" else "")
    assert {"Authorization", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}


def test_where_the_database_cannot_be_asked_no_token_is_good(
    phone: Device, log: pytest.LogCaptureFixture
) -> None:
    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        raise OperationalError("no connection")

    phone.login()
    with connection.execute_wrapper(fail):
        assert get("/who/", phone.token).json()["user"] == ""
    assert log.records[-1].code == "unavailable"  # type: ignore[attr-defined]


def test_it_needs_no_other_middleware(phone: Device, rf: Any) -> None:
    phone.login()
    seen: list[Any] = []

    def view(request: Any) -> HttpResponse:
        seen.append((request.user, async_to_sync(request.auser)(), bool(request.auth)))
        return HttpResponse()

    for token in (phone.token, "a.b.c"):
        headers = {"Authorization": f"Bearer {token}"}
        JWTMiddleware(view)(rf.get("/", headers=headers))
    assert seen[0] == (phone.user, phone.user, True)
    assert seen[1] == (None, None, False)


def test_what_another_middleware_has_set_stays(rf: Any) -> None:
    def view(request: Any) -> HttpResponse:
        return HttpResponse(request.auth)

    request = rf.get("/")
    request.auth = "theirs"
    assert JWTMiddleware(view)(request).content == b"theirs"


def test_a_bound_token_needs_its_proof(ann: Any, settings: Settings) -> None:
    """And the view behind takes the same one: it is good once, and used once."""
    settings.JWT_REFRESH = {"DPOP": "all"}
    key = ProofKey()
    token = sessions.start(ann, jkt=key.jkt).access_token

    def names(where: str, **proof: str) -> Any:
        headers = {"Authorization": f"DPoP {token}", **proof}
        response = Client().get(where, headers=headers)
        assert "DPoP" in response["Vary"].split(", ")
        return response.json().get("user")

    for where in ("/who/", "/who/async/", "/who/guarded/"):
        assert names(where, DPoP=key.proof("GET", where, token=token)) == ann.get_username()
        assert not names(where)
        assert not names(where, DPoP=ProofKey().proof("GET", where, token=token))
