"""The projects of ``docs/async.md``, as they are typed: Channels, GraphQL, ninja and adrf."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as in_force
from django.test import AsyncClient
from django.urls import path
from pytest_django import Settings

from jwt_refresh import sessions
from tests.support.devices import Device
from tests.support.documents import block_with
from tests.support.sockets import Socket, talk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes a module of a block, for packages that look theirs up."""

    def make(words: str, **given: Any) -> Any:
        module = ModuleType("typed")
        vars(module).update(given)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(block_with(words), "block", "exec"), vars(module))
        return module

    return make


def send(path: str, token: str = "", query: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = AsyncClient(enforce_csrf_checks=True)
    if not query:
        return async_to_sync(client.get)(path, headers=headers)
    post: Any = async_to_sync(client.post)
    data = json.dumps({"query": query})
    return post(path, data, content_type="application/json", headers=headers)


def test_a_consumer_of_channels_knows_its_user(typed: Any, phone: Device) -> None:
    application = typed("ProtocolTypeRouter").application
    phone.login()

    async def talking() -> None:
        offered = "bearer", f"bearer.{phone.token}"
        socket = Socket(application, *offered, path="/feed/")
        assert await socket.connect() == (True, "bearer")
        await socket.say('"hello"')
        echo = {"to": phone.user.get_username(), "echo": "hello"}
        assert json.loads(await socket.hear()) == echo
        await socket.disconnect()
        stranger = Socket(application, path="/feed/")
        assert await stranger.refused() == (4401, "token_missing")

    talk(talking)


def test_the_choices_of_a_socket_are_there(typed: Any) -> None:
    module = typed("outlive_token=True")
    assert module.guarded.outlive_token
    assert module.guarded.interval.total_seconds() == 5
    assert module.for_all.optional


def test_graphql_knows_its_user(typed: Any, phone: Device, settings: Settings) -> None:
    given = {"MIDDLEWARE": [*in_force.MIDDLEWARE]}
    exec(block_with("# behind AuthenticationMiddleware"), given)
    settings.MIDDLEWARE = given["MIDDLEWARE"]
    phone.login()
    settings.ROOT_URLCONF = typed("strawberry.Schema", urlpatterns=[])
    name = phone.user.get_username()
    assert send("/graphql/", phone.token, "{me}").json()["data"] == {"me": name}
    sessions.revoke(phone.user.jwt_sessions.get(), "test")
    for token in ("", "x", phone.token):
        answer = send("/graphql/", token, "{me}").json()
        assert answer["data"] is None
        assert [error["message"] for error in answer["errors"]] == ["User is not authenticated."]


def test_ninja_knows_its_user(typed: Any, phone: Device, settings: Settings) -> None:
    phone.login()
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("api/", typed("answer_errors(api)").api.urls)]
    settings.ROOT_URLCONF = urls
    assert send("/api/me", phone.token).json()["user"] == phone.user.get_username()
    assert send("/api/me").json()["code"] == "token_missing"


def test_adrf_knows_its_user(typed: Any, phone: Device, settings: Settings) -> None:
    phone.login()
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("me/", typed("from adrf.views").MeView.as_view())]
    settings.ROOT_URLCONF = urls
    assert send("/me/", phone.token).json()["user"] == phone.user.get_username()
    assert send("/me/").json()["code"] == "token_missing"
