"""Pages that a project keeps in a cache, by Django's ``cache_page``."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import path
from django.views.decorators.cache import cache_page

from tests import urls, views
from tests.support.devices import Device
from tests.support.http import claims
from tests.support.statements import statements

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


GUARDED: dict[str, Any] = {
    "/cached/hello/": views.hello,
    "/cached/hello/class/": views.HelloView.as_view(),
    "/cached/me/": views.MeView.as_view(),
    "/cached/me/before-others/": views.BeforeOthersView.as_view(),
    "/cached/me/stateless/": views.StatelessView.as_view(),
}
urlpatterns = [
    *(path(where[1:], cache_page(60)(view)) for where, view in GUARDED.items()),
    path("cached/me/optional/", cache_page(60)(views.OptionalView.as_view())),
    *urls.urlpatterns,
]


@pytest.fixture(params=["Authorization", "X-Auth-Token"])
def header(request: pytest.FixtureRequest, settings: Any) -> str:
    """The header that carries the token; Django knows of one only, and that since 5.2.15."""
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": request.param}
    name: str = request.param
    return name


@pytest.mark.parametrize("where", GUARDED)
def test_a_page_is_kept_for_whoever_it_was_made_for(
    phone: Device, bob: Device, header: str, where: str
) -> None:
    phone.login()
    bob.login()
    response = phone.http.get(where, headers={header: f"Bearer {phone.token}"})
    assert header in response["Vary"]
    hers = response.json()
    assert phone.http.get(where).status_code == 401
    his = bob.http.get(where, headers={header: f"Bearer {bob.token}"}).json()
    assert his["sid"] != hers["sid"]
    with statements(0):
        again = phone.http.get(where, headers={header: f"Bearer {phone.token}"})
    assert again.json() == hers


def test_a_public_page_is_kept_for_strangers_apart(phone: Device, header: str) -> None:
    where = "/cached/me/optional/"
    phone.login()
    assert phone.http.get(where).json()["user"] is None
    mine = phone.http.get(where, headers={header: f"Bearer {phone.token}"}).json()
    assert mine["sid"] == claims(phone.token)["sid"]
    assert phone.http.get(where).json()["user"] is None


def test_a_refusal_varies_as_well(phone: Device, header: str) -> None:
    for where in GUARDED:
        assert header in phone.http.get(where)["Vary"].split(", ")


def test_what_else_an_answer_varies_by_stays(phone: Device, header: str) -> None:
    phone.login()
    response = phone.http.get("/me/", headers={header: f"Bearer {phone.token}"})
    assert {"Accept", header} <= set(response["Vary"].split(", "))
