"""A middleware of the project opens a transaction round each request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client

from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import Device
from tests.support.http import MINUTE, said
from tests.support.threads import race
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

Next = Callable[[HttpRequest], HttpResponse]


def committing(get_response: Next) -> Next:
    """One transaction a request, whatever the answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with transaction.atomic():
            return get_response(request)

    return middleware


class _RolledBack(Exception):
    pass


def reversion(get_response: Next) -> Next:
    """As django-reversion's middleware does: what an error answers is rolled back."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            with transaction.atomic():
                response = get_response(request)
                if response.status_code >= 400:
                    raise _RolledBack
        except _RolledBack:
            pass
        return response

    return middleware


def replacing(get_response: Next) -> Next:
    """``reversion``, whose answer is made anew."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = reversion(get_response)(request)
        return HttpResponse(
            response.content, status=response.status_code, content_type="application/json"
        )

    return middleware


def privileged(get_response: Next) -> Next:
    """Sees what only its own transaction shows, as with row-level security and ``SET LOCAL``."""

    def middleware(request: HttpRequest) -> HttpResponse:
        users = get_user_model()._default_manager
        with transaction.atomic():
            users.update(is_active=True)
            response = get_response(request)
            users.update(is_active=False)
        return response

    return middleware


@pytest.fixture(params=["committing", "reversion", "replacing"])
def middleware(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.MIDDLEWARE = [f"{__name__}.{request.param}", *settings.MIDDLEWARE]
    chosen: str = request.param
    return chosen


@pytest.mark.usefixtures("middleware", "style")
def test_the_whole_life_of_a_session(phone: Device, told: Told) -> None:
    assert phone.login().status_code == 200
    first = phone.refreshable
    assert phone.refresh().status_code == 200
    successor = phone.refreshable
    assert Device(phone.user).refresh(first).status_code == 200
    assert Session.objects.get().generation == 1
    assert phone.get().status_code == 200
    assert Session.objects.get().confirmed_at is not None
    assert phone.refresh(successor).status_code == 200
    assert phone.verify().status_code == 200
    assert phone.logout().status_code == 204
    assert said(phone.refresh())[1] == "session_revoked"
    assert names(told) == ["started", "refreshed", "refreshed", "refreshed", "revoked"]


@pytest.mark.usefixtures("middleware")
@pytest.mark.parametrize("whom", ["session", "user"])
def test_a_thief_is_thrown_out_though_the_answer_is_an_error(
    phone: Device, laptop: Device, clock: Any, told: Told, log: Any, settings: Any, whom: str
) -> None:
    settings.JWT_REFRESH = {"ON_REUSE": whom}
    laptop.login()
    phone.login()
    stolen = phone.token
    phone.refresh()
    phone.get()
    clock.shift(MINUTE)
    told.clear()
    assert said(Device(phone.user).refresh(stolen))[:2] == (401, "token_reused")
    assert said(phone.get())[:2] == (401, "session_revoked")
    assert laptop.get().status_code == (200 if whom == "session" else 401)
    assert names(told) == ["reuse", "revoked"] + ["revoked"] * (whom == "user")
    assert log.text.count("event=reuse_detected") == 1
    # Nothing is left to be done by the next request.
    told.clear()
    laptop.verify()
    assert not told


@pytest.mark.usefixtures("middleware")
def test_a_refresh_that_fails_consumes_nothing(phone: Device, monkeypatch: Any) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    phone.login()
    phone.http.raise_request_exception = False
    before = Session.objects.values().get()
    with monkeypatch.context() as patched:
        patched.setattr("jwt_refresh.sessions.refreshing.record", fail)
        assert phone.refresh().status_code == 500
    assert Session.objects.values().get() == before
    assert phone.refresh().status_code == 200


def test_what_only_the_transaction_shows_is_seen(
    phone: Device, laptop: Device, settings: Any
) -> None:
    phone.login()
    laptop.login()
    type(phone.user)._default_manager.update(is_active=False)
    assert said(laptop.refresh())[1] == "user_inactive"
    settings.MIDDLEWARE = [f"{__name__}.privileged", *settings.MIDDLEWARE]
    phone.http = Client()
    assert phone.refresh().status_code == 200
    assert sorted(Session.objects.values_list("generation", flat=True)) == [0, 1]


@pytest.mark.usefixtures("middleware", "style")
def test_what_a_refused_request_ends_stays_ended_though_its_transaction_is_rolled_back(
    phone: Device, told: Told
) -> None:
    users = type(phone.user)._default_manager
    for path in ("/me/", "/hello/", "/auth/verify/", "/auth/refresh/"):
        phone.login()
        token = phone.refreshable if path == "/auth/refresh/" else phone.token
        told.clear()
        users.update(is_active=False)
        send = phone.post if path.startswith("/auth/") else phone.get
        assert said(send(path, token=token))[:2] == (401, "user_inactive")
        users.update(is_active=True)
        assert said(phone.get())[1] == said(phone.refresh())[1] == "user_inactive"
        assert names(told) == ["revoked"]


@pytest.mark.usefixtures("middleware")
def test_eight_at_once_get_one_successor(phone: Device) -> None:
    for _ in range(3):
        phone.login()
        results = race(8, partial(_refreshed, phone.user, phone.token))
        assert len(set(results)) == 1, results
    assert IssuedToken.objects.count() == 6


def _refreshed(user: Any, token: str) -> tuple[int, str]:
    response = Device(user).refresh(token)
    return response.status_code, response.json().get("access_token", "")
