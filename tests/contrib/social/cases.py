"""Logins by redirects to a provider, as ``docs/extending.md`` sets them up."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jwt_refresh.models import Session
from tests.contrib.social.provider import PEOPLE
from tests.support.browsing import ACCESS, SLIDING_COOKIES
from tests.support.devices import PASSWORD
from tests.support.http import MINUTE, claims, said

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people() -> None:
    PEOPLE["code of bob"] = {"id": 7, "name": "bob", "email": "bob@example.com"}
    PEOPLE["code of mallory"] = {"id": 8, "name": "ann", "email": "ann@example.com"}


class Page:
    """A browser, and the site's own pages in it."""

    def __init__(self) -> None:
        self.http = Client(enforce_csrf_checks=True)

    def post(self, path: str, data: Any = None, *, token: bool = True) -> Any:
        self.http.get("/admin/login/")
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"].value} if token else {}
        return self.http.post(path, data or {}, headers=headers)

    def begin(self, **more: str) -> str:
        """Set out for the provider; return the ``state`` that it gives back."""
        where = urlsplit(self.post("/login/provider/", more)["Location"])
        assert where.netloc == "provider.example"
        state: str = parse_qs(where.query)["state"][0]
        return state

    def come_back(self, state: str, code: str = "code of bob") -> Any:
        return self.http.get("/complete/provider/", {"state": state, "code": code})

    def log_in(self) -> Any:
        return self.come_back(self.begin())

    def exchange(self, *, token: bool = True) -> Any:
        return self.post("/auth/social/", token=token)


def test_a_social_login_is_exchanged_for_tokens(clock: Any) -> None:
    page = Page()
    assert page.log_in()["Location"] == "/welcome/"
    clock.shift(MINUTE)
    answer = page.exchange().json()
    content = claims(answer["access_token"])
    assert content["sub"] == str(User.objects.get(username="bob").pk)
    assert "amr" not in content
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    assert page.http.get("/me/", headers=bearer).json()["user"] == "bob"


def test_it_is_exchanged_once_and_at_once(clock: Any) -> None:
    page = Page()
    page.log_in()
    page.exchange()
    assert said(page.exchange())[:2] == (401, "token_missing")
    page.log_in()
    clock.shift(MINUTE + 1)
    assert said(page.exchange())[:2] == (401, "invalid_credentials")
    assert Session.objects.count() == 1


def test_another_session_is_no_social_login(db: None) -> None:
    """Such as one of the admin, weeks old."""
    page = Page()
    page.http.force_login(User.objects.create_user("ann", password=PASSWORD))
    assert said(page.exchange())[:2] == (401, "invalid_credentials")
    assert said(Page().exchange())[:2] == (401, "token_missing")
    assert not Session.objects.exists()


def test_a_page_of_another_site_cannot_make_the_exchange() -> None:
    page = Page()
    page.log_in()
    assert page.exchange(token=False).status_code == 403
    assert not Session.objects.exists()
    assert page.exchange().status_code == 200


def test_in_cookie_mode_the_tokens_are_in_cookies(settings: Any) -> None:
    settings.JWT_REFRESH = SLIDING_COOKIES
    page = Page()
    page.log_in()
    answer = page.exchange()
    assert "access_token" not in answer.json()
    assert page.http.cookies[ACCESS].value
    assert page.http.get("/me/").json()["user"] == "bob"


def test_the_page_may_keep_its_csrf_token_in_the_session(settings: Any) -> None:
    settings.JWT_REFRESH = SLIDING_COOKIES
    page = Page()
    page.log_in()
    settings.CSRF_USE_SESSIONS = True
    form = page.http.get("/admin/login/").content.decode()
    token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    answer = page.http.post("/auth/social/", headers={"X-CSRFToken": token})
    assert (answer.status_code, page.http.get("/me/").json()["user"]) == (200, "bob")


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_it_returns_to_no_other_site(evil: str) -> None:
    page = Page()
    answer = page.come_back(page.begin(next=evil))
    assert urlsplit(answer["Location"].replace("\\", "/")).netloc == ""


def test_nobody_is_logged_in_by_a_link_of_somebody_else() -> None:
    """An attacker has begun a login of his own, and lets another browser complete it."""
    state = Page().begin()
    victim = Page()
    begun = Page()
    begun.begin()
    for page in (victim, begun):
        assert urlsplit(page.come_back(state)["Location"]).path == "/sorry/"
        assert said(page.exchange())[:2] == (401, "token_missing")


def test_a_name_or_address_of_the_provider_finds_no_account_that_is_there() -> None:
    """Anybody may have claimed it there."""
    ann = User.objects.create_user("ann", "ann@example.com", PASSWORD)
    page = Page()
    page.come_back(page.begin(), "code of mallory")
    assert claims(page.exchange().json()["access_token"])["sub"] != str(ann.pk)


def test_an_inactive_user_gets_nothing() -> None:
    page = Page()
    page.log_in()
    User.objects.update(is_active=False)
    assert said(page.exchange())[0] == 401
    assert not Session.objects.exists()
