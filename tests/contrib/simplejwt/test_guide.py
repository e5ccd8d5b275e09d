"""The blocks of ``docs/moving-in.md``, followed in their order, move a front end in."""

from __future__ import annotations

import re
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path
from pytest_django import Settings
from rest_framework.authentication import TokenAuthentication
from rest_framework.test import APIRequestFactory, force_authenticate

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.contrib.simplejwt.authentication import SimpleJWTAuthentication
from jwt_refresh.models import Session
from tests.support.complaints import complaints
from tests.support.devices import PASSWORD
from tests.support.documents import BLOCKS, TEXTS, block_with
from tests.support.front import FrontEnd, old_token
from tests.support.http import claims

from .urls import WhoView

GUIDE = "docs/moving-in.md"
URLS = [code for code in BLOCKS.values() if "jwt_refresh.contrib.simplejwt.urls" in code]
"""First beside nothing, and later beside our own endpoints."""


def urls(code: str = "", *routes: Any) -> Any:
    """A URLconf to which a block of the guide is added."""
    conf: Any = ModuleType("urls")
    conf.urlpatterns = [path("who/", WhoView.as_view()), *routes]
    exec(code, conf.__dict__)
    return conf


def test_a_front_end_goes_on_from_step_to_step(
    tab: FrontEnd, ann: Any, settings: Settings, clock: Any
) -> None:
    typed: dict[str, Any] = {"INSTALLED_APPS": []}
    exec(block_with("as the command prints it", GUIDE), typed)
    for name in ("REST_FRAMEWORK", "SIMPLE_JWT", "JWT_REFRESH"):
        setattr(settings, name, typed[name])
    who = {"name": ann.get_username(), "user_id": str(ann.pk)}
    alone, beside_ours = URLS
    settings.ROOT_URLCONF = urls(alone)
    with override_settings(USE_TZ=True, SILENCED_SYSTEM_CHECKS=[]):
        assert not complaints()
    assert tab.who().json() == who
    assert tab.refresh().json().keys() == {"access", "refresh"}
    assert tab.who().json() == who
    settings.ROOT_URLCONF = urls(beside_ours)
    answer = tab.http.post("/auth/refresh/", {"refresh_token": tab.refresh_token}).json()
    assert tab.who(answer["access_token"]).json() == who
    assert tab.refresh(answer["refresh_token"]).status_code == 200
    assert Session.objects.get().user == ann


def test_serializers_of_a_project_become_a_function_and_a_view(
    ann: Any, settings: Settings
) -> None:
    tokens: dict[str, Any] = {}
    exec(block_with("def with_name", GUIDE), tokens)
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLAIMS": tokens["with_name"]}
    names: dict[str, Any] = {"__name__": "accounts.views"}
    exec(block_with("class LoginView(TokenObtainPairView)", GUIDE), names)
    settings.ROOT_URLCONF = urls("", path("api/token/", names["LoginView"].as_view()))
    credentials = {type(ann).USERNAME_FIELD: ann.get_username(), "password": PASSWORD}
    answer = Client().post("/api/token/", credentials).json()
    assert answer.keys() == {"access", "refresh", "name"}
    content = claims(answer["access"])
    assert answer["name"] == content["name"] == str(ann)
    assert content["user_id"] == str(ann.pk)


@pytest.mark.parametrize("device", ["new", "exchanged", "old"])
def test_a_new_password_logs_out_all_but_the_device_where_it_is_typed(
    tab: FrontEnd, ann: Any, device: str
) -> None:
    lost, laptop = (
        FrontEnd(ann, access=old_token(ann, "access"), refresh=old_token(ann)) for _ in range(2)
    )
    laptop.refresh()
    if device == "new":
        tab.login()
    if device == "exchanged":
        tab.refresh()
    names: dict[str, Any] = {"__name__": "accounts.views"}
    exec(block_with("class PasswordView", GUIDE), names)
    members = {"authentication_classes": [SimpleJWTAuthentication]}
    view: Any = type("View", (names["PasswordView"],), members)
    request = APIRequestFactory().post(
        "/password/", {"new": "another"}, headers={"Authorization": f"Bearer {tab.access}"}
    )
    stale = FrontEnd(ann, access=tab.access, refresh=tab.refresh_token)
    answer = view.as_view()(request).data
    for other in (lost, laptop, stale):
        assert other.refresh().status_code == 401
        assert other.who().status_code == 401
    tab.access, tab.refresh_token = answer["access"], answer["refresh"]
    assert tab.who().status_code == tab.refresh().status_code == tab.who().status_code == 200


def test_who_is_logged_out_meanwhile_gets_no_tokens(tab: FrontEnd, ann: Any) -> None:
    tab.login()
    names: dict[str, Any] = {"__name__": "accounts.views"}
    exec(block_with("class PasswordView", GUIDE), names)
    request = APIRequestFactory().post("/password/", {"new": "another"})
    session = Session.objects.get()
    presented: Any = conf.verifier(None).ours(tab.access)
    force_authenticate(request, ann, presented)
    sessions.revoke(session, "logout")
    assert names["PasswordView"].as_view()(request).status_code == 204


def test_the_lifetimes_for_a_try_pass_the_checks(settings: Settings) -> None:
    (line,) = re.findall(r"put `(JWT_REFRESH .*)`$", TEXTS["docs/moving-in.md"], re.MULTILINE)
    exec(line, {"JWT_REFRESH": settings.JWT_REFRESH, "timedelta": timedelta})
    assert settings.JWT_REFRESH["LIFETIME"] == timedelta(seconds=10)
    with override_settings(USE_TZ=True, SILENCED_SYSTEM_CHECKS=[]):
        assert not complaints()


def test_an_old_token_of_a_table_becomes_a_session(
    ann: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(self: object, key: str) -> tuple[Any, str]:
        assert key == "0123456789"
        return ann, key

    monkeypatch.setattr(TokenAuthentication, "authenticate_credentials", find)
    typed: dict[str, Any] = {"__name__": "views"}
    exec(block_with("class ExchangeView", GUIDE), typed)
    settings.ROOT_URLCONF = urls("", path("exchange/", typed["ExchangeView"].as_view()))
    before = ann.last_login
    answer = Client().post("/exchange/", headers={"Authorization": "Token 0123456789"})
    assert FrontEnd(ann).who(answer.json()["access_token"]).status_code == 200
    ann.refresh_from_db()
    assert ann.last_login == before
    assert Client().post("/exchange/").status_code == 401
