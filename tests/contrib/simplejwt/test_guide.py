"""The blocks of ``docs/moving-in.md``, followed in their order, move a front end in."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path
from pytest_django import Settings
from rest_framework.authentication import TokenAuthentication

from jwt_refresh.models import Session
from tests.support.complaints import complaints
from tests.support.documents import BLOCKS, block_with
from tests.support.front import FrontEnd

from .urls import WhoView

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
    exec(block_with("as the command prints it"), typed)
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


def test_an_old_token_of_a_table_becomes_a_session(
    ann: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(self: object, key: str) -> tuple[Any, str]:
        assert key == "0123456789"
        return ann, key

    monkeypatch.setattr(TokenAuthentication, "authenticate_credentials", find)
    typed: dict[str, Any] = {"__name__": "views"}
    exec(block_with("class ExchangeView"), typed)
    settings.ROOT_URLCONF = urls("", path("exchange/", typed["ExchangeView"].as_view()))
    before = ann.last_login
    answer = Client().post("/exchange/", headers={"Authorization": "Token 0123456789"})
    assert FrontEnd(ann).who(answer.json()["access_token"]).status_code == 200
    ann.refresh_from_db()
    assert ann.last_login == before
    assert Client().post("/exchange/").status_code == 401
