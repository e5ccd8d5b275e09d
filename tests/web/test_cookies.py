"""Tokens in cookies: set, found, moved on, deleted."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from http.cookies import Morsel
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.testing import log_in
from tests.support.browsing import ACCESS, PAIR_COOKIES, REFRESH, SLIDING_COOKIES, STYLES, Browser
from tests.support.devices import PAIR, PASSWORD, Device
from tests.support.honest import Honest, ring_of
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.statements import statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

GUARDED = ["/me/", "/me/stateless/", "/hello/", "/hello/class/", "/hello/async/", "/auth/sessions/"]


@pytest.fixture(params=["sliding", "pair"])
def style(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.JWT_REFRESH = STYLES[request.param]
    name: str = request.param
    return name


@pytest.fixture
def page(ann: Any) -> Browser:
    return Browser(ann)


def attributes(morsel: Morsel[str]) -> dict[str, Any]:
    """Those that were set, but for the date, which repeats the age for old browsers."""
    return {name: value for name, value in morsel.items() if value and name != "expires"}


# How they are set


def test_a_sliding_token_is_in_the_access_cookie(page: Browser, settings: Any) -> None:
    settings.JWT_REFRESH = SLIDING_COOKIES
    response = page.login()
    assert response.json() == {"token_type": "Bearer", "expires_in": 30 * MINUTE}
    assert response["Cache-Control"] == "no-store"
    assert response.cookies.keys() == {ACCESS}
    assert attributes(response.cookies[ACCESS]) == {
        "max-age": 30 * MINUTE,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "Lax",
    }
    assert page.get().json()["user"] == page.user.get_username()


def test_a_pair_is_in_two_cookies_the_refresh_cookie_being_strict(
    page: Browser, settings: Any
) -> None:
    settings.JWT_REFRESH = PAIR_COOKIES
    response = page.login()
    assert response.json() == {
        "token_type": "Bearer",
        "expires_in": 30 * MINUTE,
        "refresh_expires_in": 14 * DAY,
    }
    common = {"path": "/", "secure": True, "httponly": True}
    assert {name: attributes(morsel) for name, morsel in response.cookies.items()} == {
        ACCESS: common | {"max-age": 30 * MINUTE, "samesite": "Lax"},
        REFRESH: common | {"max-age": 14 * DAY, "samesite": "Strict"},
    }
    assert "origin_jti" in claims(page.cookies[ACCESS])
    assert "origin_jti" not in claims(page.cookies[REFRESH])


@pytest.mark.parametrize(
    ("samesite", "access", "refresh"),
    [("Lax", "Lax", "Strict"), ("Strict", "Strict", "Strict"), ("None", "None", "None")],
)
def test_attributes_follow_the_settings_and_a_deletion_repeats_them(
    page: Browser, settings: Any, samesite: str, access: str, refresh: str
) -> None:
    settings.JWT_REFRESH = PAIR_COOKIES | {
        "ACCESS_COOKIE": "a",
        "REFRESH_COOKIE": "r",
        "COOKIE_SAMESITE": samesite,
        "COOKIE_SECURE": samesite == "None",
        "COOKIE_DOMAIN": "example.com",
        "COOKIE_PATH": "/auth/",
    }
    logged_in, logged_out = page.login(), page.logout()
    assert logged_out.status_code == 204
    for name, same in (("a", access), ("r", refresh)):
        morsel = logged_in.cookies[name]
        assert (morsel["samesite"], morsel["domain"], morsel["path"]) == (
            same,
            "example.com",
            "/auth/",
        )
        assert morsel["httponly"] is True
        assert morsel["secure"] == (True if samesite == "None" else "")
        deleted = logged_out.cookies[name]
        assert (deleted.value, deleted["max-age"]) == ("", 0)
        others = {"expires": "", "max-age": ""}
        assert dict(deleted) | others == dict(morsel) | others


def test_a_refresh_token_alone_may_be_in_a_cookie(page: Browser, settings: Any) -> None:
    """The page keeps the access token in its memory, and sends it in the header."""
    settings.JWT_REFRESH = PAIR | {"REFRESH_COOKIE": REFRESH}
    response = page.login()
    assert response.json().keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_expires_in",
    }
    assert response.cookies.keys() == {REFRESH}
    assert said(page.get())[1] == "token_missing"
    refreshed = page.refresh()
    bearer = f"Bearer {refreshed.json()['access_token']}"
    assert page.get(Authorization=bearer).status_code == 200
    # Nobody but the refresh endpoint and logout looks at it.
    assert said(page.post("/auth/verify/"))[1] == "token_missing"
    assert page.logout().status_code == 204
    assert page.cookies == {}


def test_an_access_token_alone_may_be_in_a_cookie(page: Browser, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR | {"ACCESS_COOKIE": ACCESS}
    refresh_token = page.login().json()["refresh_token"]
    assert page.cookies.keys() == {ACCESS}
    assert page.get().status_code == 200
    response = page.post("/auth/refresh/", {"refresh_token": refresh_token})
    assert response.json().keys() >= {"access_token", "refresh_token"}
    assert not response.cookies


def test_a_login_takes_the_place_of_one_of_another_style(page: Browser, settings: Any) -> None:
    """Else the refresh cookie of the former would decide."""
    settings.JWT_REFRESH = PAIR_COOKIES
    page.login()
    settings.JWT_REFRESH = PAIR_COOKIES | {"REFRESH_LIFETIME": None}
    page.login()
    assert page.cookies.keys() == {ACCESS}
    assert page.refresh().status_code == 200
    newest = Session.objects.get(style="sliding")
    assert claims(page.cookies[ACCESS])["sid"] == str(newest.pk)


def test_a_login_ends_the_session_whose_cookies_it_replaces(
    page: Browser, style: str, settings: Any
) -> None:
    """No page could log it out any more. A cookie that is good for nothing is in nobody's way."""
    ring = ring_of("HS256")
    settings.JWT_REFRESH = STYLES[style] | ring.settings
    page.login()
    former = Session.objects.get()
    phone = sessions.start(page.user).session
    page.login()
    former.refresh_from_db()
    assert former.revoked_reason == "logout"
    assert Session.objects.live().filter(pk=phone.pk).exists()
    # Another service signs with our key, and has ids of its own.
    theirs = Honest(page.cookies[ACCESS], ring).with_claims(sid="s-1")
    for nothing in ("x", theirs):
        for name in page.cookies:
            page.http.cookies[name] = nothing
        assert page.login().status_code == 200
    Session.objects.all().delete()
    assert page.login().status_code == 200
    assert Session.objects.live().count() == 1


def test_a_cookie_lives_as_long_as_its_token(page: Browser, settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = PAIR_COOKIES | {"SESSION_LIFETIME": timedelta(days=1)}
    for left in (DAY, 10 * MINUTE):
        response = page.login() if left == DAY else page.refresh()
        ages = [response.cookies[name]["max-age"] for name in (ACCESS, REFRESH)]
        assert ages == [min(left, 30 * MINUTE), left]
        said_to_it = response.json()
        assert ages == [said_to_it["expires_in"], said_to_it["refresh_expires_in"]]
        clock.shift(DAY - 10 * MINUTE)


# Where they are found


@pytest.mark.parametrize("path", GUARDED)
def test_every_guard_takes_it(page: Browser, style: str, path: str) -> None:
    page.login()
    assert page.get(path).status_code == 200
    asgi = AsyncClient()
    asgi.cookies[ACCESS] = page.cookies[ACCESS]
    get: Any = async_to_sync(asgi.get)
    assert get(path).status_code == 200
    assert said(page.get(path, Cookie=f"{ACCESS}=x"))[:2] == (401, "token_invalid")


@pytest.mark.parametrize("path", [path for path in GUARDED if path != "/me/stateless/"])
@pytest.mark.parametrize("cookie", ["", "{}=", "{}", "{}; {}=", "x{}=x", "{}x=x", "a={}=x"])
def test_an_empty_cookie_or_another_one_is_none(
    page: Browser, style: str, path: str, cookie: str
) -> None:
    response = page.get(path, Cookie=cookie.format(ACCESS, ACCESS))
    assert said(response)[:2] == (401, "token_missing")


def test_a_refresh_token_opens_no_view_in_the_place_of_an_access_token(
    page: Browser, settings: Any
) -> None:
    settings.JWT_REFRESH = PAIR_COOKIES
    page.login()
    swapped = f"{ACCESS}={page.cookies[REFRESH]}"
    for path in GUARDED:
        assert said(page.get(path, Cookie=swapped))[:2] == (401, "token_invalid")
    mixed = f"{REFRESH}={page.cookies[ACCESS]}"
    assert said(page.refresh(Cookie=mixed))[:2] == (401, "token_invalid")


@pytest.mark.parametrize("path", GUARDED)
def test_on_guards_the_header_alone_decides(page: Browser, style: str, path: str) -> None:
    page.login()
    assert said(page.get(path, Authorization="Bearer x"))[:2] == (401, "token_invalid")
    assert said(page.get(path, Authorization="Bearer"))[:2] == (400, "invalid_request")
    # That of somebody else, such as a proxy that asks for a password, is none.
    assert page.get(path, Authorization="Basic eDp5").status_code == 200
    bearer = f"Bearer {page.cookies[ACCESS]}"
    assert page.get(path, Authorization=bearer, Cookie=f"{ACCESS}=x").status_code == 200


@pytest.mark.parametrize("path", ["verify", "refresh", "logout"])
def test_on_endpoints_the_body_decides_then_the_cookie_then_the_header(
    page: Browser, style: str, path: str
) -> None:
    page.login()
    stale = "Bearer x"
    response = page.post(f"/auth/{path}/", {"token": "x"}, Authorization=stale)
    assert said(response)[:2] == (401, "token_invalid")
    assert not response.cookies
    response = page.post(f"/auth/{path}/", Authorization=stale)
    assert response.status_code in (200, 204)
    page.login()
    response = page.post(f"/auth/{path}/", Cookie="", Authorization=stale)
    assert said(response)[:2] == (401, "token_invalid")


def test_a_token_is_answered_the_way_it_came(page: Browser, phone: Device, style: str) -> None:
    """A page and an app, beside each other on one server."""
    response = page.login(transport="body")
    assert not response.cookies
    assert "access_token" in response.json()
    name = phone.user.USERNAME_FIELD
    form = {name: phone.user.get_username(), "password": PASSWORD, "transport": "body"}
    assert "access_token" in phone.http.post("/auth/login/", form).json()
    body = response.json()
    token = body.get("refresh_token", body["access_token"])
    page.login()
    before = page.cookies
    response = page.post("/auth/refresh/", {"token": token})
    assert "access_token" in response.json()
    assert not response.cookies
    response = page.refresh()
    assert not response.json().keys() & {"access_token", "refresh_token"}
    assert response.cookies.keys() == before.keys()
    assert all(page.cookies[name] != before[name] for name in before)


def test_a_sliding_token_of_the_header_is_answered_in_the_body(
    page: Browser, phone: Device, settings: Any
) -> None:
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    response = phone.refresh()
    assert "access_token" in response.json()
    assert not response.cookies


@pytest.mark.parametrize("transport", ["cookie", "header", "", None, 7, ["body"], "\ud800"])
def test_another_transport_is_none(page: Browser, style: str, transport: object) -> None:
    response = page.login(transport=transport)
    assert response.status_code == 400
    assert response.json().keys() == {"transport"}
    assert not Session.objects.exists()


def test_where_no_cookie_is_set_up_the_body_has_all(page: Browser, settings: Any) -> None:
    page.site = None
    for transport in ("body", "cookie"):
        assert "access_token" in page.login(transport=transport).json()
    assert page.cookies == {}


# Other cookies of that name


@pytest.mark.parametrize("path", [*GUARDED, "/me/optional/"])
def test_a36_a_cookie_that_is_there_twice_is_nobodys(
    page: Browser, bob: Device, style: str, path: str
) -> None:
    """A sibling has set one for its victim (cookie tossing), in whichever order they arrive."""
    page.login()
    thief = Browser(bob.user)
    thief.login()
    own, planted = f"{ACCESS}={page.cookies[ACCESS]}", f"{ACCESS}={thief.cookies[ACCESS]}"
    for cookie in (f"{own}; {planted}", f"{planted};{own}", f"{planted}; a=b; {own}; {own}"):
        response = page.get(path, Cookie=cookie)
        if path == "/me/optional/":
            assert response.json()["user"] is None
        else:
            assert said(response)[:2] == (400, "invalid_request")
    # The same one twice says one thing.
    assert page.get(path, Cookie=f"{own}; {own}").status_code == 200
    assert page.get(path, Cookie=f"{own}; {ACCESS}=").status_code == 200


@pytest.mark.parametrize("space", ["\u2000", "\u00a0", "\u0085", "\u3000", "\x0b", "\x1f"])
def test_a36_a_name_behind_an_odd_space_is_another_name(
    page: Browser, bob: Device, style: str, space: str
) -> None:
    """Browsers do not see the prefix in it, and let a sibling set it; Django strips the space."""
    page.login()
    thief = Browser(bob.user)
    thief.login()
    # As a server decodes the bytes of a header.
    spaced = space.encode().decode("latin-1")
    planted = f"{spaced}{ACCESS}={thief.cookies[ACCESS]}"
    assert said(page.get(Cookie=planted))[:2] == (401, "token_missing")
    both = f"{ACCESS}={page.cookies[ACCESS]}; {planted}"
    assert page.get(Cookie=both).json()["user"] == page.user.get_username()


@pytest.mark.parametrize("path", ["verify", "refresh"])
def test_twice_is_once_too_often_for_the_endpoints(
    page: Browser, style: str, path: str, log: Any
) -> None:
    page.login()
    name = REFRESH if style == "pair" and path == "refresh" else ACCESS
    twice = f"{name}={page.cookies[name]}; {name}=x"
    response = page.post(f"/auth/{path}/", Cookie=twice)
    assert said(response)[:2] == (400, "invalid_request")
    assert not response.cookies
    assert "code=invalid_request why=a cookie is there twice" in log.text
    assert page.login().status_code == 200


def test_logout_ends_whatever_was_planted_beside_ones_own(
    page: Browser, bob: Device, style: str
) -> None:
    """So that its victim does not go on in the session of somebody else, unaware of it."""
    page.login()
    thief = Browser(bob.user)
    thief.login()
    name = REFRESH if style == "pair" else ACCESS
    twice = f"{name}={thief.cookies[name]}; {name}=x; {name}={page.cookies[name]}"
    response = page.post("/auth/logout/", Cookie=twice)
    assert response.status_code == 204
    assert page.cookies == {}
    assert not Session.objects.filter(revoked_at=None).exists()
    assert said(thief.get())[:2] == (401, "session_revoked")


# How they end


@pytest.mark.parametrize("token", ["x", "a.b.c", "expired", "revoked", "of no session"])
def test_logout_takes_a_cookie_away_that_is_good_for_nothing(
    page: Browser, style: str, token: str, clock: Any
) -> None:
    page.login()
    name = REFRESH if style == "pair" else ACCESS
    if token == "expired":
        clock.shift(15 * DAY)
    elif token == "revoked":
        sessions.revoke_user(page.user, "test")
    elif token == "of no session":
        Session.objects.all().delete()
    else:
        page.http.cookies[name] = token
    assert page.logout().status_code == 204
    assert page.cookies == {}
    assert said(page.logout())[:2] == (401, "token_missing")


def test_a_bad_token_of_the_body_is_refused_at_logout(page: Browser, style: str) -> None:
    page.login()
    response = page.post("/auth/logout/", {"token": "x"})
    assert said(response)[:2] == (401, "token_invalid")
    assert not response.cookies


@pytest.mark.parametrize("by_cookie", [True, False])
def test_what_ends_the_own_session_deletes_its_cookies(
    page: Browser, style: str, by_cookie: bool
) -> None:
    """But not for a token of the header: any site can send one of its own."""
    for end in ("logout-all", "session-detail"):
        page.login()
        kept, token = page.cookies, page.cookies[ACCESS]
        headers = {} if by_cookie else {"Authorization": f"Bearer {token}"}
        if end == "logout-all":
            response = page.post("/auth/logout/all/", **headers)
        else:
            response = page.send("delete", f"/auth/sessions/{claims(token)['sid']}/", **headers)
        assert response.status_code == 204
        assert page.cookies == ({} if by_cookie else kept)
        assert said(page.get(Authorization=f"Bearer {token}"))[1] == "session_revoked"
        page.http.cookies.clear()


def test_what_ends_other_sessions_leaves_the_cookies_alone(page: Browser, style: str) -> None:
    other = Browser(page.user)
    other.login()
    page.login()
    kept = page.cookies
    sid = claims(other.cookies[ACCESS])["sid"]
    assert page.send("delete", f"/auth/sessions/{sid}/").status_code == 204
    assert page.post("/auth/logout/others/").status_code == 204
    assert page.cookies == kept
    assert page.get().status_code == 200


def test_tabs_that_refresh_at_once_get_the_same_cookie(page: Browser, style: str) -> None:
    """Whichever answer arrives last, the browser ends up with a token that is good."""
    page.login()
    sent = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    first, second = page.refresh(Cookie=sent), page.refresh(Cookie=sent)
    name = REFRESH if style == "pair" else ACCESS
    assert first.cookies[name].value == second.cookies[name].value
    assert second.cookies.keys() == first.cookies.keys()
    assert page.get().status_code == page.refresh().status_code == 200


def test_a_refresh_that_fails_deletes_no_cookie(page: Browser, style: str, clock: Any) -> None:
    """It may be that of a tab that was late: the cookie is by then the one of a winner."""
    page.login()
    sent = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    page.refresh()
    page.refresh()
    kept = page.cookies
    clock.shift(5)
    late = page.refresh(Cookie=sent)
    assert said(late)[:2] == (409, "stale_retry")
    assert not late.cookies
    clock.shift(5 * MINUTE)
    reused = page.refresh(Cookie=sent)
    assert said(reused)[:2] == (401, "token_reused")
    assert not reused.cookies
    assert page.cookies == kept
    assert said(page.refresh())[:2] == (401, "session_revoked")
    assert page.cookies == kept


# What it costs, and what caches are told


def test_a_cookie_costs_no_more_statements_than_a_header(
    page: Browser, phone: Device, settings: Any
) -> None:
    settings.JWT_REFRESH = {}
    phone.login()
    phone.get()
    settings.JWT_REFRESH = SLIDING_COOKIES
    page.login()
    page.get()
    for path, count in (("/me/", 1), ("/hello/", 1), ("/me/stateless/", 0)):
        with statements(count):
            assert phone.get(path).status_code == 200
        with statements(count):
            assert page.get(path).status_code == 200
        with statements(0):
            assert said(page.get(path, Cookie=f"{ACCESS}=x"))[0] == 401
    with statements(3):
        assert phone.refresh().status_code == 200
    with statements(3):
        assert page.refresh().status_code == 200
    with statements(2):
        assert page.logout().status_code == 204


@pytest.mark.parametrize("path", GUARDED)
def test_answers_that_depend_on_a_cookie_say_so(
    page: Browser, phone: Device, settings: Any, path: str
) -> None:
    settings.MIDDLEWARE = []
    phone.login()
    assert "Authorization" in phone.get(path)["Vary"]
    assert "Cookie" not in phone.get(path)["Vary"]
    settings.JWT_REFRESH = SLIDING_COOKIES | {"AUTH_HEADER_NAME": "X-Auth-Token"}
    page.login()
    for response in (page.get(path), page.get(path, Cookie="")):
        assert {"Cookie", "X-Auth-Token"} <= {*response["Vary"].split(", ")}


# How large they are


class Wide:
    """The function of a project for ``CLAIMS``, which returns so many bytes."""

    width = 0

    def __call__(self, user: Any, session: Session) -> dict[str, str]:
        return {"x": "y" * self.width}


@pytest.mark.parametrize("cookies", STYLES.values(), ids=STYLES)
def test_a_cookie_that_no_browser_takes_is_refused_before_anything_is_written(
    page: Browser, settings: Any, cookies: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = cookies | {"CLAIMS": (wide := Wide())}

    def refuses(width: int) -> bool:
        wide.width = width
        try:
            sessions.start(page.user, login=False)
        except ImproperlyConfigured:
            return True
        return False

    too_wide = 2000 + bisect_left(range(2000, 4000), True, key=refuses)
    wide.width = too_wide - 1
    # Base64 makes four bytes of three; each attribute is counted as long as it may be.
    assert 4096 - 40 < len(page.login().cookies[ACCESS].OutputString()) <= 4096
    written = [*Session.objects.values()], [*IssuedToken.objects.values()]
    wide.width = too_wide
    for issue in (page.login, page.refresh):
        with pytest.raises(ImproperlyConfigured, match=r"\['CLAIMS'\].*more than 4096"):
            issue()
        assert ([*Session.objects.values()], [*IssuedToken.objects.values()]) == written
    wide.width -= 1
    assert page.refresh().status_code == 200


def test_without_a_cookie_a_token_may_be_larger(page: Browser, settings: Any) -> None:
    settings.JWT_REFRESH = {"CLAIMS": (wide := Wide())}
    wide.width = 4000
    log_in(client := Client(), page.user)
    assert client.get("/me/").status_code == 200


def test_any_user_model_logs_in_by_cookie(page: Browser, style: str) -> None:
    page.login()
    subject = claims(page.cookies[ACCESS])["sub"]
    assert subject == str(get_user_model()._default_manager.get().pk)
    assert page.get("/me/stateless/").json()["user"] == subject
