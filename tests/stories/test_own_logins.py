"""Logins that ask for more, or answer more, as ``docs/extending.md`` shows them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from jwt_refresh.models import Session
from tests import urls
from tests.support.browsing import ACCESS, SLIDING_COOKIES, Browser
from tests.support.devices import PAIR, PASSWORD, Device
from tests.support.documents import block_with
from tests.support.http import DAY, said
from tests.support.malformed import answers
from tests.support.recipes import recipe
from tests.support.statements import made

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
committing = pytest.mark.django_db(transaction=True, databases="__all__")
names: dict[str, Any] = {"urlpatterns": []}
exec(block_with("logins.company import CompanyLoginView"), names)
urlpatterns = [
    *names["urlpatterns"],
    path("second-way/", include("jwt_refresh.urls")),
    path("named/", recipe("named").NamedLoginView.as_view()),
    *urls.urlpatterns,
]


@pytest.fixture
def at_acme(ann: Any, settings: Any) -> Device:
    """A device of somebody who belongs to one company of two."""
    acme, _ = (Group.objects.create(name=name) for name in ("acme", "globex"))
    ann.groups.add(acme)
    settings.AUTHENTICATION_BACKENDS = ["logins.company.CompanyBackend"]
    settings.JWT_REFRESH = PAIR | {"LOGIN_LIFETIMES": "logins.lifetimes.remembered"}
    return Device(ann)


def credentials(user: Any, **more: Any) -> dict[str, Any]:
    return {user.USERNAME_FIELD: user.get_username(), "password": PASSWORD} | more


def enter(device: Device, **more: Any) -> Any:
    given = credentials(device.user, **more)
    return device._keep(device.post("/auth/login/", given, token=None))


@committing
def test_a_company_is_asked_for_beside_the_password(at_acme: Device, atomic_requests: bool) -> None:
    assert enter(at_acme, company="acme").status_code == 200
    assert at_acme.get().status_code == at_acme.refresh().status_code == 200
    assert enter(at_acme).json().keys() == {"company"}
    for company in ("globex", "nobody", "acm"):
        assert said(enter(at_acme, company=company))[:2] == (401, "invalid_credentials")
    assert Session.objects.count() == 1


@pytest.mark.parametrize("given", [True, "true", "on", 1, "yes"])
def test_whoever_asks_to_be_remembered_is(at_acme: Device, given: Any) -> None:
    assert enter(at_acme, company="acme").json()["refresh_expires_in"] == 14 * DAY
    response = enter(at_acme, company="acme", remember_me=given)
    assert response.json()["refresh_expires_in"] == 90 * DAY
    form = credentials(at_acme.user, company="acme", remember_me=given)
    response = at_acme.http.post("/auth/login/", form)
    assert response.json()["refresh_expires_in"] == 90 * DAY


def test_whoever_asks_not_to_be_remembered_is_not(at_acme: Device) -> None:
    for given in (False, "false"):
        response = enter(at_acme, company="acme", remember_me=given)
        assert response.json()["refresh_expires_in"] == 14 * DAY


@pytest.mark.parametrize("groups", [True, False])
def test_the_endpoint_lets_nobody_in_without_a_company(at_acme: Device, groups: bool) -> None:
    """Nor whoever belongs to none."""
    if not groups:
        at_acme.user.groups.clear()
    response = at_acme.post("/second-way/login/", credentials(at_acme.user), token=None)
    assert said(response)[:2] == (401, "invalid_credentials")


def test_a_right_password_with_a_wrong_company_shows_nowhere(at_acme: Device) -> None:
    """Else whoever has a password of one place learns that it is right at another one."""
    seen = []
    for given in ({"company": "globex"}, {"company": "acme", "password": "wrong"}):
        with CaptureQueriesContext(connection) as captured:
            response = enter(at_acme, **given)
        shape = [re.sub(r"'[^']*'", "?", query) for query in made(captured)]
        seen.append((response.status_code, response.content, shape))
    assert seen[0] == seen[1]


def test_companies_cannot_be_tried_out(at_acme: Device, settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    got = [enter(at_acme, company=name).status_code for name in ("a", "b", "acme")]
    assert got == [401, 401, 429]


def test_a_malformed_login_is_the_clients_fault(at_acme: Device, settings: Any) -> None:
    settings.JWT_REFRESH |= {"LOGIN_RATE": None}
    for response in answers("/auth/login/", credentials(at_acme.user, company="acme")):
        assert 400 <= response.status_code < 500, response.content
        assert isinstance(response.json(), dict)
    values: list[Any] = [[], {}, "perhaps", 7, "\0"]
    for value in values:
        for name in ("remember_me", "transport"):
            assert enter(at_acme, company="acme", **{name: value}).status_code == 400


def test_an_answer_may_have_more_than_tokens(ann: Any, settings: Any) -> None:
    in_body = Device(ann).post("/named/", credentials(ann), token=None)
    assert in_body.json()["user"] == {"name": ann.get_username()}
    assert in_body.json().keys() > {"access_token", "expires_in"}
    settings.JWT_REFRESH = SLIDING_COOKIES
    page = Browser(ann)
    response = page.post("/named/", credentials(ann))
    assert response.json().keys() == {"token_type", "expires_in", "user"}
    assert response["Cache-Control"] == "no-store"
    assert page.cookies.keys() == {ACCESS}
    app = page.post("/named/", credentials(ann, transport="body"))
    assert app.json().keys() > {"access_token", "user"}
    other_site = Browser(ann, "cross-site").post("/named/", credentials(ann))
    assert said(other_site)[:2] == (403, "csrf_failed")
    assert "user" not in other_site.json()
