"""Tenants in the path, and users of several, as ``docs/extending.md`` shows them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh.models import Session
from tests import urls
from tests.support.devices import PASSWORD, Device
from tests.support.http import MINUTE, claims, said
from tests.support.recipes import recipe
from tests.support.statements import made
from tests.views import MeView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

IsMember: type[BasePermission] = recipe("tenants").IsMember


class ShopView(MeView):
    permission_classes = [IsMember]

    def get(self, request: Request, tenant: str = "") -> Response:
        return super().get(request)


urlpatterns = [
    path("<slug:tenant>/auth/", include("jwt_refresh.urls")),
    path("<slug:tenant>/me/", ShopView.as_view()),
    *urls.urlpatterns,
]


@pytest.fixture(autouse=True)
def _tenants(ann: Any, bob: Device, settings: Any) -> None:
    """Ann is in two of them, Bob is in one, and nobody is in the last."""
    shop, club, _ = (Group.objects.create(name=name) for name in ("shop", "club", "empty"))
    ann.groups.add(shop, club)
    bob.user.groups.add(shop)
    settings.AUTHENTICATION_BACKENDS = ["logins.tenants.TenantBackend"]
    settings.JWT_REFRESH = {"ISSUER": recipe("issuers").by_tenant}


def enter(device: Device, tenant: str, password: str = PASSWORD) -> Any:
    credentials = {device.user.USERNAME_FIELD: device.user.get_username(), "password": password}
    return device._keep(device.post(f"/{tenant}/auth/login/", credentials, token=None))


def test_a_user_of_two_tenants_logs_in_at_each(phone: Device, laptop: Device) -> None:
    for device, tenant in ((phone, "shop"), (laptop, "club")):
        assert enter(device, tenant).status_code == 200
        assert claims(device.token)["iss"] == f"https://example.com/{tenant}"
    for device, here, there in ((phone, "shop", "club"), (laptop, "club", "shop")):
        assert device.get(f"/{here}/me/").status_code == 200
        for place in (f"/{there}/me/", f"/{there}/auth/sessions/", "/me/"):
            assert said(device.get(place))[:2] == (401, "token_invalid")
        for verb in ("refresh", "verify", "logout"):
            assert said(device.post(f"/{there}/auth/{verb}/"))[:2] == (401, "token_invalid")
        assert device._keep(device.post(f"/{here}/auth/refresh/")).status_code == 200
    # The user is one, and so is what ends all sessions.
    assert len(phone.get("/shop/auth/sessions/").json()) == 2
    assert phone.post("/shop/auth/logout/all/").status_code == 204
    assert said(laptop.get("/club/me/"))[:2] == (401, "session_revoked")


@pytest.mark.parametrize("tenant", ["club", "empty", "unknown", "SHOP", "shop-", "none", "None"])
def test_nobody_logs_in_where_they_do_not_belong(bob: Device, tenant: str) -> None:
    assert said(enter(bob, tenant))[:2] == (401, "invalid_credentials")
    assert not Session.objects.exists()


@pytest.mark.parametrize("groups", [True, False])
def test_nobody_logs_in_at_no_tenant(bob: Device, groups: bool) -> None:
    if not groups:
        bob.user.groups.clear()
    assert said(bob.login())[:2] == (401, "invalid_credentials")


def test_that_a_password_is_right_elsewhere_shows_nowhere(bob: Device) -> None:
    seen = []
    for password in (PASSWORD, "wrong"):
        with CaptureQueriesContext(connection) as captured:
            response = enter(bob, "club", password)
        shape = [re.sub(r"'[^']*'", "?", query) for query in made(captured)]
        seen.append((response.status_code, response.content, shape))
    assert seen[0] == seen[1]


def test_who_has_left_is_out_at_once(bob: Device) -> None:
    assert enter(bob, "shop").status_code == 200
    bob.user.groups.clear()
    assert bob.get("/shop/me/").status_code == 403
    assert said(enter(bob, "shop"))[:2] == (401, "invalid_credentials")


def test_guesses_at_all_tenants_count_for_one_account(
    phone: Device, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH |= {"LOGIN_RATE": "2/min"}
    got = [enter(phone, tenant, "wrong").status_code for tenant in ("shop", "club", "shop")]
    assert got == [401, 401, 429]
    clock.shift(MINUTE)
    assert enter(phone, "club").status_code == 200


def test_whoever_has_no_token_is_no_member(phone: Device) -> None:
    assert phone.get("/shop/me/", token=None).status_code == 401
