"""What another site can make a browser do with its cookies: nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.test import AsyncClient, Client
from django.urls import path as route
from django.views.decorators.csrf import csrf_protect

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests import urls, views
from tests.support.browsing import ACCESS, PAIR_COOKIES, REFRESH, STYLES, Browser
from tests.support.devices import PASSWORD, Device
from tests.support.http import said
from tests.support.statements import statements

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("clock")]

NAME = get_user_model().USERNAME_FIELD
HOST = "testserver"
FAILED = (403, "csrf_failed")


def page_of_ours(request: HttpRequest) -> Any:
    """Renders a page, and with it Django's token."""
    return JsonResponse({"csrf": get_token(request)})


@csrf_protect
def overriding(request: HttpRequest) -> Any:
    """Takes a GET for a POST, as some middleware does, behind Django's own check."""
    request.method = "POST"
    return views.hello(request)


urlpatterns = [
    route("page/", page_of_ours),
    route("overriding/", overriding),
    *urls.urlpatterns,
]
GUARDS = ["/me/", "/me/stateless/", "/hello/", "/hello/class/", "/hello/async/"]
ENDPOINTS = ["refresh", "verify", "logout", "logout/others", "logout/all"]
UNSAFE = [*(("post", path) for path in GUARDS), *(("post", f"/auth/{it}/") for it in ENDPOINTS)]
UNSAFE += [("delete", "/auth/sessions/{sid}/"), ("put", "/hello/"), ("x", "/hello/")]


@pytest.fixture(params=[pytest.param("sliding", marks=pytest.mark.full), "pair"])
def style(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.JWT_REFRESH = STYLES[request.param]
    name: str = request.param
    return name


@pytest.fixture
def page(ann: Any, style: str) -> Browser:
    browser = Browser(ann)
    browser.login()
    browser.get()
    return browser


SIMPLE = ["application/x-www-form-urlencoded", "text/plain"]
TLS = {"X_Forwarded_Proto": "https", "Host": HOST}


@pytest.fixture
def behind_tls(settings: Any) -> None:
    """A proxy speaks TLS, and says so."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def ask(page: Browser, method: str, path: str, **headers: str) -> Any:
    if "{sid}" in path:
        path = path.format(sid=Session.objects.get().pk)
    if method == "x":
        return page.http.generic("X", path, headers={"Sec-Fetch-Site": page.site or "", **headers})
    return page.send(method, path, None if method == "delete" else {}, **headers)


# Who is refused


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_a35_no_other_site_makes_a_browser_act(
    page: Browser, method: str, path: str, site: str | None
) -> None:
    kept = page.cookies
    session = Session.objects.values().get()
    page.site = site
    path = path.format(sid=session["id"])
    with statements(0):
        response = ask(page, method, path)
    assert said(response)[:2] == FAILED
    assert said(response)[2] == "A page of another site may have sent this request."
    assert "WWW-Authenticate" not in response
    assert not response.cookies
    assert page.cookies == kept
    assert Session.objects.values().get() == session


@pytest.mark.parametrize("path", [*GUARDS, *(f"/auth/{it}/" for it in ("login", *ENDPOINTS))])
@pytest.mark.parametrize("content_type", SIMPLE)
@pytest.mark.parametrize("origin", ["https://evil.example", f"https://www.{HOST}", "null", None])
def test_a35_no_form_of_another_site_does(
    page: Browser, path: str, content_type: str, origin: str | None
) -> None:
    """Those that a page may send without asking, of a browser that tells nothing."""
    session = Session.objects.values().get()
    body = urlencode({NAME: page.user.get_username(), "password": PASSWORD})
    headers = {} if origin is None else {"Origin": origin}
    response = page.http.generic("POST", path, body, content_type, headers=headers)
    # A body that is no form of ours is refused before anything else is looked at.
    status = said(response)[0]
    assert status == 403 or (status, content_type, path[:5]) == (415, "text/plain", "/auth")
    assert not response.cookies
    assert Session.objects.values().get() == session


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_a_page_of_ones_own_needs_no_token_of_django(page: Browser, method: str, path: str) -> None:
    response = ask(page, method, path)
    assert response.status_code < HTTPStatus.BAD_REQUEST or method in ("put", "x")
    assert "csrftoken" not in page.cookies


@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize("site", ["cross-site", None])
def test_what_changes_nothing_is_let_through(page: Browser, method: str, site: str | None) -> None:
    """A link from another site leads to a page that knows its visitor."""
    page.site = site
    for path in ("/me/", "/me/stateless/", "/auth/sessions/"):
        assert page.send(method, path).status_code == 200


@pytest.mark.parametrize(
    "site",
    [
        "",
        " same-origin",
        "Same-Origin",
        "same-origin, same-origin",
        "same-origin,cross-site",
        "cross-site, same-origin",
        '"same-origin"',
        "same-origin\x00",
        "x" * 10_000,
    ],
)
def test_the_browser_says_it_in_one_way(page: Browser, site: str) -> None:
    page.site = site
    assert said(page.post("/me/"))[:2] == FAILED


@pytest.mark.parametrize("path", [*GUARDS, "/auth/refresh/", "/auth/logout/", "/auth/logout/all/"])
def test_the_refusal_tells_nothing_about_the_token(page: Browser, path: str) -> None:
    page.site = "cross-site"
    good = page.post(path)
    answers = [good.content]
    for bad in ("x", "a.b.c", page.cookies[ACCESS] + "x"):
        cookie = f"{ACCESS}={bad}; {REFRESH}={bad}"
        answers.append(page.post(path, Cookie=cookie).content)
    twice = f"{ACCESS}=x; {ACCESS}=y; {REFRESH}=x; {REFRESH}=y"
    answers.append(page.post(path, Cookie=twice).content)
    sessions.revoke_user(page.user, "test")
    answers.append(page.post(path).content)
    assert {*answers} == {good.content}
    assert good.status_code == 403


def test_a_public_page_knows_nobody_then(page: Browser) -> None:
    assert str(page.post("/me/optional/").json()["user"]) == str(page.user.pk)
    page.site = "cross-site"
    assert page.post("/me/optional/").json()["user"] is None


def test_the_log_has_the_reason_and_nothing_of_the_request(
    page: Browser, log: Any, behind_tls: None
) -> None:
    page.site = "cross-site"
    page.post("/me/", Origin="https://evil.example?hunter2")
    page.post("/me/", Referer="https://evil.example/?hunter2", **TLS)
    page.post("/me/", **TLS)
    reasons = [it.why for it in log.records if getattr(it, "event", "") == "token_refused"]
    assert reasons == ["Origin checking failed", *["Referer checking failed"] * 2]
    assert "hunter2" not in log.text


# Who passes by Django's own check


def old_browser(page: Browser) -> str:
    """It tells nothing in ``Sec-Fetch-Site``; the token that a page gave it."""
    page.site = None
    token: str = page.get("/page/").json()["csrf"]
    return token


@pytest.mark.parametrize(("method", "path"), [it for it in UNSAFE if it[0] != "x"])
def test_an_old_browser_passes_with_the_token_of_django(
    page: Browser, method: str, path: str
) -> None:
    token = old_browser(page)
    assert said(ask(page, method, path))[:2] == FAILED
    assert said(ask(page, method, path, X_CSRFToken=token[::-1]))[:2] == FAILED
    evil = {"Origin": "https://evil.example"}
    assert said(ask(page, method, path, X_CSRFToken=token, **evil))[:2] == FAILED
    response = ask(page, method, path, X_CSRFToken=token, Origin=f"http://{HOST}")
    assert response.status_code < HTTPStatus.BAD_REQUEST or method == "put"


@pytest.mark.parametrize("path", ["/hello/class/", "/me/", "/auth/logout/"])
def test_a_form_of_an_old_browser_has_the_token_in_a_field(page: Browser, path: str) -> None:
    token = old_browser(page)
    assert said(page.http.post(path, {"a": "b"}))[:2] == FAILED
    assert page.http.post(path, {"csrfmiddlewaretoken": token}).status_code in (200, 204)


def test_a_trusted_origin_passes_with_the_token_alone(page: Browser, settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    token = old_browser(page)
    page.site = "same-site"
    trusted = {"Origin": "https://www.example.com"}
    assert said(page.post("/me/", **trusted))[:2] == FAILED
    assert page.post("/me/", **trusted, X_CSRFToken=token).status_code == 200
    other = {"Origin": "https://shop.example.com"}
    assert said(page.post("/me/", **other, X_CSRFToken=token))[:2] == FAILED


def test_over_tls_an_old_browser_says_whence_it_comes(page: Browser, behind_tls: None) -> None:
    token = old_browser(page)
    known = {"X_CSRFToken": token, **TLS}
    assert said(page.post("/me/", **known))[:2] == FAILED
    assert said(page.post("/me/", **known, Referer="https://evil.example/"))[:2] == FAILED
    assert page.post("/me/", **known, Referer=f"https://{HOST}/page/").status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_browser_of_today_is_believed_behind_any_proxy(
    page: Browser, behind_tls: None, scheme: str
) -> None:
    """What it says does not depend on what the server knows of TLS or of its own name."""
    page.site = "same-origin"
    told = {"Origin": "https://www.example.com", "X_Forwarded_Proto": scheme}
    assert page.post("/me/", **told).status_code == 200


def test_the_token_may_be_kept_in_the_session_of_django(page: Browser, settings: Any) -> None:
    settings.CSRF_USE_SESSIONS = True
    token = old_browser(page)
    assert "csrftoken" not in page.cookies
    assert said(page.post("/me/"))[:2] == FAILED
    assert page.post("/me/", X_CSRFToken=token).status_code == 200


def test_it_works_under_asgi(page: Browser) -> None:
    client = AsyncClient(enforce_csrf_checks=True)
    client.cookies[ACCESS] = page.cookies[ACCESS]
    post: Any = async_to_sync(client.post)
    for path in GUARDS[:-1]:
        assert said(post(path))[:2] == FAILED
        assert said(post(path, headers={"Sec-Fetch-Site": "cross-site"}))[:2] == FAILED
    for path in ("/me/", "/hello/class/"):
        assert post(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_method_that_changes_behind_djangos_check_is_checked_again(page: Browser) -> None:
    page.site = "cross-site"
    assert said(page.get("/overriding/"))[:2] == FAILED
    page.site = "same-origin"
    assert page.get("/overriding/").status_code == 200


BROKEN = [
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=\xe9", b"x"),
    (
        "multipart/form-data; boundary=b; charset=hex",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--b--',
    ),
    ("application/x-www-form-urlencoded; charset=us-ascii", b"a=b"),
    ("application/x-www-form-urlencoded; charset=rot13", b"a=b"),
    ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 1001)),
    ("application/x-www-form-urlencoded", b"a=" + b"b" * 3_000_000),
]


@pytest.mark.parametrize("path", ["/me/", "/hello/class/", "/auth/logout/all/", "/auth/logout/"])
@pytest.mark.parametrize(("content_type", "body"), BROKEN)
def test_a_form_that_cannot_be_read_is_refused(
    page: Browser, path: str, content_type: str, body: bytes
) -> None:
    page.get("/page/")
    response = page.http.generic("POST", path, body, content_type)
    status, code, _ = said(response)
    assert (status, code) in (
        FAILED,
        (400, "invalid_request"),
        (413, "request_too_large"),
        (415, "unsupported_media_type"),
    )
    assert Session.objects.filter(revoked_at=None).exists()


# Tokens that no browser adds


@pytest.mark.parametrize("site", ["cross-site", None])
def test_a_token_of_the_header_or_body_needs_no_check(page: Browser, site: str | None) -> None:
    page.site = site
    bearer = {"Authorization": f"Bearer {page.cookies[ACCESS]}"}
    for path in GUARDS[:4]:
        assert page.post(path, **bearer).status_code == 200
    body = {"token": page.cookies.get(REFRESH, page.cookies[ACCESS])}
    for path in ("verify", "refresh"):
        response = page.post(f"/auth/{path}/", body)
        assert response.status_code == 200
        assert not response.cookies


def test_a_token_of_the_body_deletes_nobodys_cookies(page: Browser, bob: Device) -> None:
    """Any site can send one of its own, in the name of its visitor."""
    token = sessions.start(bob.user).access_token
    kept = page.cookies
    page.site = "cross-site"
    response = page.http.post("/auth/logout/", {"token": token})
    assert response.status_code == 204
    assert not response.cookies
    assert page.cookies == kept


# Login


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_a_login_of_another_site_sets_no_cookie(
    ann: Any, style: str, settings: Any, site: str | None
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"LOGIN_RATE": "1/min"}
    page = Browser(ann, site)
    with statements(0):
        for _ in range(3):
            response = page.login()
            assert said(response)[:2] == FAILED
    assert not response.cookies
    assert said(page.login("guess"))[:2] == FAILED
    assert not Session.objects.exists()
    # None of them has counted.
    page.site = "same-origin"
    assert page.login().status_code == 200


@pytest.mark.parametrize("site", ["cross-site", None])
def test_a_login_that_sets_no_cookie_is_checked_as_before(
    ann: Any, style: str, site: str | None
) -> None:
    page = Browser(ann, site)
    response = page.login(transport="body")
    assert response.status_code == 200
    assert not response.cookies
    form = {NAME: ann.get_username(), "password": PASSWORD, "transport": "body"}
    response = Client().post("/auth/login/", form, headers={"Sec-Fetch-Site": site or "none"})
    assert response.status_code == (403 if site else 200)


def test_an_old_browser_logs_in_with_the_token_of_django(ann: Any, style: str) -> None:
    page = Browser(ann, None)
    token = old_browser(page)
    before = page.cookies["csrftoken"]
    assert page.post("/auth/login/", {}, X_CSRFToken=token).status_code == 400
    form = {NAME: ann.get_username(), "password": PASSWORD}
    assert page.post("/auth/login/", form, X_CSRFToken=token).status_code == 200
    # As at a login of Django's own, the token is another one from then on.
    assert page.cookies["csrftoken"] != before
    assert said(page.post("/me/", X_CSRFToken=token))[:2] == FAILED
    assert page.post("/me/", X_CSRFToken=page.cookies["csrftoken"]).status_code == 200
    kept = page.cookies["csrftoken"]
    assert page.refresh(X_CSRFToken=kept).status_code == 200
    assert page.cookies["csrftoken"] == kept


def test_where_no_cookie_is_set_up_nothing_is_checked(ann: Any, settings: Any) -> None:
    page = Browser(ann, "cross-site")
    settings.JWT_REFRESH = PAIR_COOKIES
    page.site = "same-origin"
    page.login()
    settings.JWT_REFRESH = {}
    page.site = "cross-site"
    assert said(page.post("/me/"))[:2] == (401, "token_missing")
    assert said(page.refresh())[:2] == (401, "token_missing")
    assert page.login().status_code == 200
