"""``JWTAuth`` against the real views, with clients of httpx2 and of httpx, sync and async."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import logging
import os
import runpy
import stat
import subprocess
import sys
import time
import traceback
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils.http import http_date
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.contrib import client as client_module
from jwt_refresh.contrib import httpx as module
from jwt_refresh.contrib.httpx import JWTAuth, JWTAuthError, SessionEnded, TokenFile, TryLater
from jwt_refresh.contrib.keyfile import KeyFile
from jwt_refresh.models import Session
from jwt_refresh.serializers import TokenResponseSerializer
from tests.support.devices import PASSWORD
from tests.support.http import DAY, MINUTE, claims
from tests.support.proofs import ProofKey
from tests.support.threads import race

pytestmark = pytest.mark.django_db

SITE = "https://testserver"
ELSEWHERE = "https://elsewhere.test"
DUE = 25 * MINUTE
"""A token of 30 minutes is to be refreshed, and not over."""


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Leave the connection of the test open after each request, as Django's test client does."""
    senders = (request_started, request_finished)
    for signal in senders:
        signal.disconnect(close_old_connections)
    yield
    for signal in senders:
        signal.connect(close_old_connections)


def finished(coroutine: Any) -> Any:
    """Run a coroutine to its end, and the views that it calls in this very thread."""
    run: Any = async_to_sync(coroutine)
    return run()


class Way:
    """The requests of one library, sync or async, to our views; it notes each one.

    ``faults[path]`` befall the next requests to a path: an error in the place of the answer, an
    answer in the place of that of the views, or something that happens before it.
    """

    def __init__(self, library: Any, *, waits: bool) -> None:
        self.library = library
        self.waits = waits
        self.seen: list[Any] = []
        self.bodies: list[bytes] = []
        """Of the requests that did not reach the views."""
        self.faults: dict[str, deque[Any]] = defaultdict(deque)
        wsgi = library.WSGITransport(app=WSGIHandler())
        asgi = library.ASGITransport(app=ASGIHandler())

        class Sync(library.BaseTransport):  # type: ignore[misc]
            def handle_request(it, request: Any) -> Any:
                answer = self.befall(request)
                if isinstance(answer, library.Response):
                    self.bodies.append(b"".join(request.stream))
                    return answer
                reached = wsgi.handle_request(request)
                if answer is not None:
                    raise answer
                return reached

        class Async(library.AsyncBaseTransport):  # type: ignore[misc]
            async def handle_async_request(it, request: Any) -> Any:
                answer = self.befall(request)
                await anyio.lowlevel.checkpoint()
                if isinstance(answer, library.Response):
                    self.bodies.append(b"".join([part async for part in request.stream]))
                    return answer
                reached = await asgi.handle_async_request(request)
                if answer is not None:
                    raise answer
                return reached

        self.client: Callable[[], Any] = lambda: library.Client(transport=Sync())
        self.async_client: Callable[[], Any] = lambda: library.AsyncClient(transport=Async())

    def befall(self, request: Any) -> Any:
        self.seen.append(request)
        fault = self.faults[request.url.path].popleft() if self.faults[request.url.path] else None
        return fault() if callable(fault) else fault

    def lose(self, path: str, times: int = 1) -> None:
        """The next answers are lost on their way."""
        self.faults[path] += [self.library.ReadTimeout("too late")] * times

    def answer(self, path: str, status: int, **facts: Any) -> None:
        self.faults[path].append(self.library.Response(status, **facts))

    @property
    def paths(self) -> list[str]:
        """The last part of each path since this was asked last."""
        paths = [it.url.path.strip("/").split("/")[-1] for it in self.seen]
        self.seen.clear()
        return paths

    def auth(self, *arguments: Any, **options: Any) -> JWTAuth:
        options |= {"client": self.client, "async_client": self.async_client}
        return JWTAuth(f"{SITE}/auth/", *arguments, **options)

    def call(self, auth: JWTAuth, url: str = f"{SITE}/me/", method: str = "GET", **how: Any) -> Any:
        """The answer to one call, read whole."""
        if not self.waits:
            with self.client() as client:
                return client.request(method, url, auth=auth, **how)

        async def call() -> Any:
            async with self.async_client() as client:
                return await client.request(method, url, auth=auth, **how)

        return finished(call)

    def logout(self, auth: JWTAuth) -> None:
        finished(auth.alogout) if self.waits else auth.logout()


def _ways() -> Iterator[Any]:
    """The quick lane tries the maintained library; of the other one, threads and tasks."""
    for library, marks in ((httpx2, ()), (httpx, (pytest.mark.full,))):
        for waits in (False, True):
            name = f"{library.__name__}{'-async' * waits}"
            yield pytest.param((library, waits), id=name, marks=marks)


@pytest.fixture(params=_ways())
def way(request: pytest.FixtureRequest) -> Way:
    library, waits = request.param
    return Way(library, waits=waits)


@pytest.fixture
def sync() -> Way:
    """For what is the same on every way."""
    return Way(httpx2, waits=False)


@pytest.fixture
def credentials(ann: Any) -> dict[str, str]:
    return {get_user_model().USERNAME_FIELD: ann.get_username(), "password": PASSWORD}


def issued(user: Any) -> dict[str, Any]:
    """The answer to a login."""
    return dict(TokenResponseSerializer(sessions.start(user)).data)


class Clocks:
    """The clocks of the client's machine: both go with ``clock``, as long as nobody sets them."""

    def __init__(self) -> None:
        self.wall = self.slept = 0.0

    def time(self) -> float:
        return time.time() + self.wall

    def monotonic(self) -> float:
        return time.time() - self.slept


@pytest.fixture
def clocks(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(client_module, "time", clocks)
    return clocks


class Shelf:
    """A storage in memory."""

    def __init__(self, kept: Any = None) -> None:
        self.kept = kept

    def load(self) -> Any:
        return self.kept

    def save(self, tokens: Any) -> None:
        self.kept = tokens


def keys(way: Way) -> list[str]:
    """The keys of the refreshes so far."""
    sent = [it for it in way.seen if it.url.path == "/auth/refresh/"]
    return [it.headers["Idempotency-Key"] for it in sent]


# Log in, call, refresh


def test_it_logs_in_once(way: Way, credentials: Any, style: str) -> None:
    auth = way.auth(credentials)
    assert [way.call(auth).status_code for _ in range(3)] == [200, 200, 200]
    assert way.paths == ["login", "me", "me", "me"]


def test_it_refreshes_before_the_token_is_over(
    way: Way, credentials: Any, style: str, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    sids = set()
    for _ in range(4):
        sids |= {way.call(auth).json()["sid"], way.call(auth).json()["sid"]}
        clock.shift(DUE)
    assert way.paths == ["login", "me", "me", *["refresh", "me", "me"] * 3]
    assert len(sids) == 1


def test_it_starts_from_tokens(
    way: Way, ann: Any, style: str, clock: time_machine.Traveller
) -> None:
    """Nobody knows how old they are, so they are refreshed before they are used."""
    auth = way.auth(tokens=issued(ann))
    assert [way.call(auth).status_code for _ in range(2)] == [200, 200]
    clock.shift(DUE)
    assert way.call(auth).status_code == 200
    assert way.paths == ["refresh", "me", "me", "refresh", "me"]


def test_tokens_of_unknown_age_are_tried_where_no_others_can_be_had(
    sync: Way, ann: Any, style: str
) -> None:
    tokens = issued(ann)
    del tokens["expires_in"]
    auth = sync.auth(tokens=tokens)
    sync.answer("/auth/refresh/", 503)
    assert sync.call(auth).status_code == 200
    assert sync.paths == ["refresh", "me"]


@pytest.mark.parametrize(
    "tokens", [{}, {"access_token": 1}, {"access_token": "a", "expires_in": ""}]
)
def test_it_starts_from_nothing_else(tokens: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        JWTAuth(SITE, tokens=tokens)


def test_who_has_neither_tokens_nor_credentials_is_told(way: Way) -> None:
    with pytest.raises(SessionEnded) as caught:
        way.call(way.auth())
    assert caught.value.code == "token_missing"
    assert way.paths == []


@pytest.mark.parametrize("style", ["pair"], indirect=True)
def test_a_session_that_lay_idle_is_replaced_by_a_login(
    way: Way, credentials: Any, style: str, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    clock.shift(15 * DAY)
    assert way.call(auth).status_code == 200
    assert way.paths == ["login", "me", "refresh", "login", "me"]


def test_without_credentials_a_session_that_lay_idle_is_over(
    way: Way, ann: Any, clock: time_machine.Traveller
) -> None:
    auth = way.auth(tokens=issued(ann))
    clock.shift(31 * MINUTE)
    with pytest.raises(SessionEnded) as caught:
        way.call(auth)
    assert caught.value.code == "token_expired"


def test_the_end_of_a_session_is_not_run_after(
    sync: Way, credentials: Any, clock: time_machine.Traveller, settings: Settings
) -> None:
    """Its last token ends with it: refreshing that one again and again would move nothing."""
    settings.JWT_REFRESH = {"SESSION_LIFETIME": timedelta(minutes=40)}
    auth = sync.auth(credentials)
    for minutes in (24, 13, 2.5, 0.3):
        sync.call(auth)
        clock.shift(minutes * MINUTE)
    sync.call(auth)
    assert sync.paths.count("refresh") == 2
    clock.shift(MINUTE)
    sync.call(auth)
    assert sync.paths == ["refresh", "login", "me"]


# Clocks


@pytest.mark.parametrize("wrong", [-3600.0, 3600.0])
@pytest.mark.parametrize("since", ["before login", "after it"])
def test_a_wrong_clock_does_no_harm(
    sync: Way,
    credentials: Any,
    clock: time_machine.Traveller,
    clocks: Clocks,
    wrong: float,
    since: str,
) -> None:
    auth = sync.auth(credentials)
    if since == "before login":
        clocks.wall = wrong
    sync.call(auth)
    clocks.wall = wrong
    for _ in range(3):
        assert sync.call(auth).status_code == 200
        clock.shift(DUE)
    assert "login" not in sync.paths[1:]


def test_the_sleep_of_a_laptop_counts(
    sync: Way, credentials: Any, clock: time_machine.Traveller, clocks: Clocks
) -> None:
    auth = sync.auth(credentials)
    sync.call(auth)
    clock.shift(DUE)
    clocks.slept = DUE
    sync.call(auth)
    assert sync.paths == ["login", "me", "refresh", "me"]


def test_stored_tokens_are_as_old_as_they_are(
    sync: Way, credentials: Any, clock: time_machine.Traveller, clocks: Clocks
) -> None:
    shelf = Shelf()
    sync.call(sync.auth(credentials, storage=shelf))
    clock.shift(MINUTE)
    sync.call(sync.auth(storage=shelf))
    clock.shift(DUE)
    sync.call(sync.auth(storage=shelf))
    clocks.wall = -3600.0
    sync.call(sync.auth(storage=shelf))
    assert sync.paths == ["login", "me", "me", "refresh", "me", "refresh", "me"]


# What goes wrong on the way


def test_a_lost_answer_is_asked_for_again(
    way: Way, credentials: Any, style: str, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    clock.shift(DUE)
    way.lose("/auth/refresh/")
    assert way.call(auth).status_code == 200
    first, second = keys(way)
    assert first == second
    assert Session.objects.get().generation == 1


def test_a_call_goes_on_while_no_answer_comes(
    way: Way, credentials: Any, style: str, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    clock.shift(DUE)
    way.lose("/auth/refresh/", times=3)
    assert [way.call(auth).status_code for _ in range(3)] == [200, 200, 200]
    clock.shift(MINUTE)
    assert [way.call(auth).status_code for _ in range(3)] == [200, 200, 200]
    clock.shift(MINUTE)
    assert way.call(auth).status_code == 200
    assert len(keys(way)) == 4
    assert len(set(keys(way))) == 1
    expected = ["refresh", "refresh", "me", "me", "me", "refresh", "me", "me", "me"]
    assert way.paths == ["login", "me", *expected, "refresh", "me"]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "json": {"detail": "Try again later.", "code": "unavailable"}},
        {"status": 429, "headers": {"Retry-After": "120"}},
        {"status": 500, "text": "<h1>Server Error</h1>"},
        {"status": 502, "json": ["not", "an", "object"]},
        {"status": 200, "text": "<h1>Log in to this network</h1>"},
        {"status": 200, "json": {"access_token": "a", "expires_in": 0}},
        {"status": 200, "json": {"access_token": "a", "expires_in": "nan"}},
        {"status": 302, "headers": {"Location": ELSEWHERE}},
        {"status": 404, "json": {"detail": "Not found."}},
        {"status": 401, "text": "a proxy wants a password"},
        {"status": 403},
    ],
    ids=lambda it: f"{it['status']}",
)
def test_no_failure_throws_the_session_away(
    sync: Way, ann: Any, clocks: Clocks, clock: time_machine.Traveller, answer: Any
) -> None:
    auth = sync.auth(tokens=issued(ann))
    clock.shift(DUE)
    sync.answer("/auth/refresh/", answer.pop("status"), **answer)
    assert [sync.call(auth).status_code for _ in range(2)] == [200, 200]
    clock.shift(2 * MINUTE)
    assert sync.call(auth).status_code == 200
    assert sync.paths == ["refresh", "me", "me", "refresh", "me"]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_it_comes_back_when_the_server_says(
    sync: Way, ann: Any, clocks: Clocks, clock: time_machine.Traveller, form: str
) -> None:
    """The date is the server's, whose clock may be another."""
    ahead = time.time() + DAY
    headers = {
        "seconds": {"Retry-After": "200"},
        "date": {"Retry-After": http_date(ahead + 200), "Date": http_date(ahead)},
    }[form]
    auth = sync.auth(tokens=issued(ann))
    clock.shift(DUE)
    sync.answer("/auth/refresh/", 503, headers=headers)
    sync.call(auth)
    clock.shift(199)
    sync.call(auth)
    assert sync.paths == ["refresh", "me", "me"]
    clock.shift(1)
    sync.call(auth)
    assert sync.paths == ["refresh", "me"]


@pytest.mark.parametrize("nonsense", ["soon", "9" * 400, "Wed, 25 Nov 2026 21:15:00 -0000"])
def test_a_time_that_is_none_is_no_harm(
    sync: Way, ann: Any, clocks: Clocks, clock: time_machine.Traveller, nonsense: str
) -> None:
    auth = sync.auth(tokens=issued(ann))
    clock.shift(DUE)
    headers = {"Retry-After": nonsense, "Date": http_date(time.time())}
    sync.answer("/auth/refresh/", 503, headers=headers)
    assert sync.call(auth).status_code == 200


def test_a_call_without_a_token_is_told_when_to_come_back(
    way: Way, credentials: Any, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    refused = {"detail": "Too many.", "code": "throttled"}
    way.answer("/auth/login/", 429, headers={"Retry-After": "40"}, json=refused)
    for _ in range(2):
        with pytest.raises(TryLater) as caught:
            way.call(auth)
        assert caught.value.args == ("throttled", "Too many.", 40.0)
    assert way.paths == ["login"]
    clock.shift(40)
    assert way.call(auth).status_code == 200


def test_a_server_that_is_away_is_named(way: Way, credentials: Any) -> None:
    way.lose("/auth/login/", times=2)
    with pytest.raises(TryLater) as caught:
        way.call(way.auth(credentials))
    assert caught.value.args[:2] == ("unavailable", "ReadTimeout: too late")
    assert caught.value.retry_after > 0


def test_after_a_409_it_goes_on_and_takes_another_key(
    way: Way, credentials: Any, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    clock.shift(DUE)
    way.answer("/auth/refresh/", 409, json={"detail": "…", "code": "stale_retry"})
    assert way.call(auth).status_code == 200
    clock.shift(MINUTE)
    assert way.call(auth).status_code == 200
    first, second = keys(way)
    assert first != second
    assert way.paths == ["login", "me", "refresh", "me", "refresh", "me"]


# A 401


CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api", error="invalid_token"'}


def test_a_refused_call_gets_one_refresh_and_one_repetition(way: Way, credentials: Any) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    way.answer("/me/", 401, headers=CHALLENGE)
    assert way.call(auth, method="POST", json={"a": 1}).status_code == 200
    assert way.seen[-1].content == way.bodies[0] != b""
    way.answer("/me/", 401)
    way.answer("/me/", 401)
    assert way.call(auth).status_code == 401
    assert way.paths == ["login", "me", "me", "refresh", "me", "me", "refresh", "me"]


def test_it_repeats_nothing_where_there_is_no_other_token(way: Way, credentials: Any) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    way.answer("/me/", 401)
    way.answer("/auth/refresh/", 503)
    assert way.call(auth).status_code == 401
    assert way.paths == ["login", "me", "me", "refresh"]


def test_a_stream_is_not_sent_twice(way: Way, credentials: Any) -> None:
    """It would arrive empty. The call after it goes well."""

    def parts() -> Iterator[bytes]:
        yield b"{}"

    async def awaited() -> AsyncIterator[bytes]:
        yield b"{}"

    auth = way.auth(credentials)
    way.call(auth)
    way.answer("/me/", 401)
    content = awaited() if way.waits else parts()
    headers = {"Content-Type": "application/json"}
    assert way.call(auth, method="POST", content=content, headers=headers).status_code == 401
    assert way.bodies == [b"{}"]
    assert way.call(auth).status_code == 200
    assert way.paths == ["login", "me", "me", "refresh", "me"]


def test_a_login_that_is_too_old_is_for_a_person(sync: Way, credentials: Any) -> None:
    auth = sync.auth(credentials)
    challenge = 'Bearer realm="api", error="insufficient_user_authentication", max_age=300'
    sync.answer("/me/", 401, headers={"WWW-Authenticate": challenge})
    assert sync.call(auth).status_code == 401
    assert sync.paths == ["login", "me"]


# Ends


def revoke(ann: Any) -> None:
    sessions.revoke_user(ann, "lost laptop")


def deactivate(ann: Any) -> None:
    ann.is_active = False
    ann.save()


def change_password(ann: Any) -> None:
    ann.set_password("another one")
    ann.save()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (revoke, "session_revoked"),
        (deactivate, "user_inactive"),
        (change_password, "password_changed"),
    ],
)
@pytest.mark.parametrize("shift", [MINUTE, DUE], ids=["by a call", "by a refresh"])
def test_an_end_is_told_once_and_for_all(
    way: Way,
    ann: Any,
    credentials: Any,
    style: str,
    clock: time_machine.Traveller,
    end: Callable[[Any], None],
    code: str,
    shift: int,
) -> None:
    shelf = Shelf()
    auth = way.auth(credentials, storage=shelf)
    way.call(auth)
    end(ann)
    clock.shift(shift)
    assert way.paths == ["login", "me"]
    for _ in range(3):
        with pytest.raises(SessionEnded) as caught:
            way.call(auth)
        assert caught.value.code == code
        assert caught.value.detail
    assert way.paths == (["me", "refresh"] if shift == MINUTE else ["refresh"])
    assert shelf.kept is None


def test_of_two_who_share_no_store_one_is_taken_for_a_thief(
    sync: Way, ann: Any, style: str, clock: time_machine.Traveller
) -> None:
    """A copy that a script keeps is what a stolen one is."""
    tokens = issued(ann)
    one, other = sync.auth(tokens=tokens), sync.auth(tokens=tokens)
    sync.call(other)
    for _ in range(2):
        clock.shift(10 * MINUTE)
        sync.answer("/me/", 401)
        sync.call(one)
    clock.shift(MINUTE)
    sync.answer("/me/", 401)
    with pytest.raises(SessionEnded) as caught:
        sync.call(other)
    assert caught.value.code == "token_reused"


def test_a_wrong_password_is_tried_once(way: Way, credentials: Any) -> None:
    """Again and again would lock the account."""
    auth = way.auth(credentials | {"password": "wrong"})
    for _ in range(3):
        with pytest.raises(SessionEnded) as caught:
            way.call(auth)
        assert caught.value.code == "invalid_credentials"
    assert way.paths == ["login"]


def test_credentials_that_the_endpoint_does_not_know_are_tried_once(sync: Way, db: None) -> None:
    auth = sync.auth({"name": "ann"})
    for _ in range(2):
        with pytest.raises(SessionEnded) as caught:
            sync.call(auth)
        assert caught.value.code == "invalid_request"
    assert sync.paths == ["login"]


def test_logout_ends_the_session_and_forgets_it(way: Way, credentials: Any, style: str) -> None:
    shelf = Shelf()
    auth = way.auth(credentials, storage=shelf)
    way.call(auth)
    way.logout(auth)
    assert shelf.kept is None
    assert Session.objects.get().revoked_reason == Session.Reason.LOGOUT
    with pytest.raises(SessionEnded) as caught:
        way.call(auth)
    assert caught.value.code == "logged_out"
    way.logout(auth)
    assert way.paths == ["login", "me", "logout"]


def test_a_logout_that_nobody_heard_can_be_repeated(way: Way, credentials: Any) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    way.faults["/auth/logout/"].append(way.library.Response(503, headers={"Retry-After": "7"}))
    with pytest.raises(TryLater) as caught:
        way.logout(auth)
    assert caught.value.retry_after == 7
    way.faults["/auth/logout/"].append(way.library.Response(502))
    with pytest.raises(TryLater):
        way.logout(auth)
    way.logout(auth)
    assert Session.objects.get().revoked_at is not None


def test_a_logout_during_a_refresh_wins(
    way: Way, credentials: Any, clock: time_machine.Traveller
) -> None:
    shelf = Shelf()
    auth = way.auth(credentials, storage=shelf)
    way.call(auth)
    clock.shift(DUE)
    # The server hears the refresh first; its answer comes after the logout.
    way.faults["/auth/refresh/"].append(lambda: setattr(auth._keeper, "_ended", AT_LOGOUT))
    with pytest.raises(SessionEnded) as caught:
        way.call(auth)
    assert caught.value.code == "logged_out"
    assert shelf.kept["asked_at"] == time.time() - DUE


AT_LOGOUT = SessionEnded("logged_out", "")


# Other origins


@pytest.mark.parametrize(
    "url", [f"{ELSEWHERE}/me/", "http://testserver/me/", "https://testserver:8443/me/"]
)
def test_another_origin_gets_no_token(way: Way, credentials: Any, url: str) -> None:
    auth = way.auth(credentials)
    way.answer("/me/", 401, headers=CHALLENGE)
    assert way.call(auth, url).status_code == 401
    assert "Authorization" not in way.seen[0].headers
    assert way.paths == ["me"]


def test_a_redirect_to_another_origin_takes_no_token_along(way: Way, credentials: Any) -> None:
    auth = way.auth(credentials)
    way.answer("/me/", 307, headers={"Location": f"{ELSEWHERE}/there/"})
    way.answer("/there/", 401, headers=CHALLENGE)
    assert way.call(auth, method="POST", follow_redirects=True).status_code == 401
    assert "Authorization" not in way.seen[-1].headers
    assert way.paths == ["login", "me", "there"]


def test_the_endpoints_are_asked_without_redirects(way: Way, credentials: Any) -> None:
    """Also by a client that follows them elsewhere: a password goes with a 307."""
    followers = [(way, it) for it in ("client", "async_client")]
    for owner, name in followers:
        make = getattr(owner, name)
        setattr(owner, name, lambda make=make: _following(make()))
    way.answer("/auth/login/", 307, headers={"Location": f"{ELSEWHERE}/auth/login/"})
    with pytest.raises(TryLater):
        way.call(way.auth(credentials))
    assert [it.url.host for it in way.seen] == ["testserver"]


def _following(client: Any) -> Any:
    client.follow_redirects = True
    return client


def test_further_origins_get_the_token(way: Way, credentials: Any) -> None:
    auth = way.auth(credentials, origins=["https://api.test:443"])
    way.answer("/there/", 200)
    way.call(auth, "https://api.test/there/")
    assert way.seen[-1].headers["Authorization"].startswith("Bearer ey")


# Storage


def test_tokens_are_stored_before_a_call_goes_on(
    way: Way, credentials: Any, style: str, clock: time_machine.Traveller
) -> None:
    shelf = Shelf()
    auth = way.auth(credentials, storage=shelf)
    stored: list[str] = []
    for _ in range(2):
        way.faults["/me/"].append(lambda: stored.append(shelf.kept["access_token"]))
        way.call(auth)
        clock.shift(DUE)
    calls = [it for it in way.seen if it.url.path == "/me/"]
    assert [it.headers["Authorization"] for it in calls] == [f"Bearer {it}" for it in stored]


def test_the_next_run_goes_on_with_the_session(
    way: Way, credentials: Any, style: str, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    path = tmp_path / "tokens.json"
    for _ in range(3):
        assert way.call(way.auth(credentials, storage=TokenFile(path))).status_code == 200
        clock.shift(DUE)
    assert way.paths == ["login", "me", "refresh", "me", "refresh", "me"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    way.logout(way.auth(storage=TokenFile(path)))
    assert not path.exists()
    assert Session.objects.get().revoked_at is not None


def test_two_processes_share_one_storage(
    way: Way, credentials: Any, style: str, clock: time_machine.Traveller
) -> None:
    shelf = Shelf()
    one = way.auth(credentials, storage=shelf)
    other = way.auth(credentials, storage=shelf)
    for _ in range(4):
        assert [way.call(it).status_code for it in (one, other, one)] == [200, 200, 200]
        clock.shift(DUE)
    assert way.paths == ["login", "me", "me", "me", *["refresh", "me", "me", "me"] * 3]


def test_the_end_of_one_session_leaves_another_in_the_storage(
    sync: Way, ann: Any, credentials: Any, clock: time_machine.Traveller
) -> None:
    shelf = Shelf()
    auth = sync.auth(credentials, storage=shelf)
    sync.call(auth)
    revoke(ann)
    newer = {"access_token": "a", "refresh_token": "b", "expires_in": 1800.0, "asked_at": 0.0}
    sync.faults["/auth/refresh/"].append(lambda: shelf.save(newer))
    with pytest.raises(SessionEnded):
        sync.call(auth)
    assert shelf.kept is newer


@pytest.mark.parametrize(
    "kept",
    [
        [],
        {},
        {"access_token": 1},
        {"access_token": "a", "asked_at": "now"},
        {"asked_at": float("nan")},
    ],
)
def test_what_is_stored_and_no_token_is_passed_over(sync: Way, credentials: Any, kept: Any) -> None:
    with pytest.warns(RuntimeWarning, match="no tokens"):
        assert sync.call(sync.auth(credentials, storage=Shelf(kept))).status_code == 200


class Broken(Shelf):
    def load(self) -> Any:
        raise OSError("no disk")

    def save(self, tokens: Any) -> None:
        raise OSError(f"no disk for {tokens}")


def test_a_storage_that_fails_harms_the_next_run_alone(
    sync: Way,
    credentials: Any,
    clock: time_machine.Traveller,
) -> None:
    auth = sync.auth(credentials, storage=Broken())
    for _ in range(3):
        with pytest.warns(RuntimeWarning) as warned:
            assert sync.call(auth).status_code == 200
        clock.shift(DUE)
        assert {str(it.message) for it in warned} == {
            "JWTAuth could not load its tokens: OSError",
            "JWTAuth could not save its tokens: OSError",
        }


def test_what_could_not_be_stored_is_not_replaced_by_what_is_older(
    sync: Way,
    credentials: Any,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    auth = sync.auth(credentials, storage=shelf)
    sync.call(auth)
    monkeypatch.setattr(shelf, "save", Broken().save)
    for _ in range(4):
        clock.shift(DUE)
        with pytest.warns(RuntimeWarning, match="could not save its tokens: OSError"):
            assert sync.call(auth).status_code == 200
    assert sync.paths == ["login", "me", *["refresh", "me"] * 4]


# Bound sessions


class Vault:
    """A key that is somewhere else, and that shows more of itself than it should."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.key = ProofKey(algorithm)
        self.alg = algorithm
        self.jwk = self.key.jwk | {"d": "half of a secret", "kid": "one"}
        self.is_open = True

    def sign(self, message: bytes) -> bytes:
        if not self.is_open:
            raise RuntimeError("The PIN 1234 is wrong.")
        return self.key.sign(message)


@pytest.fixture(params=["all", pytest.param("refresh", marks=pytest.mark.full)])
def mode(request: pytest.FixtureRequest, settings: Settings, style: str) -> str:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": request.param}
    return str(request.param)


def proofs(way: Way, path: str) -> list[dict[str, Any]]:
    """What the requests to a path have proved so far."""
    return [claims(it.headers["DPoP"]) for it in way.seen if it.url.path == path]


def test_a_key_binds_the_session(
    way: Way, credentials: Any, mode: str, tmp_path: Path, clock: time_machine.Traveller
) -> None:
    path = tmp_path / "key.pem"
    for _ in range(2):
        auth = way.auth(credentials, key=KeyFile(path), storage=TokenFile(tmp_path / "tokens"))
        for _ in range(2):
            assert [way.call(auth).status_code for _ in range(2)] == [200, 200]
            clock.shift(DUE)
    scheme = "DPoP" if mode == "all" else "Bearer"
    calls = [it.headers["Authorization"].split()[0] for it in way.seen if it.url.path == "/me/"]
    assert calls == [scheme] * 8
    assert [bool(it.get("nonce")) for it in proofs(way, "/auth/refresh/")] == [False, True] * 3
    renewed = ["refresh", "refresh", "me", "me"]
    assert way.paths == ["login", "me", "me", *renewed * 3]
    assert Session.objects.get().jkt


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "Ed25519"])
def test_a_key_may_be_anywhere(
    sync: Way, credentials: Any, mode: str, algorithm: str, clock: time_machine.Traveller
) -> None:
    vault = Vault(algorithm)
    auth = sync.auth(credentials, key=vault)
    for _ in range(2):
        assert sync.call(auth, f"{SITE}/me/?a=1#b").status_code == 200
        clock.shift(DUE)
    assert Session.objects.get().jkt == vault.key.jkt
    sent = [it.headers["DPoP"] for it in sync.seen if "DPoP" in it.headers]
    header = json.loads(base64.urlsafe_b64decode(sent[0].split(".")[0] + "=="))
    assert header == {"typ": "dpop+jwt", "alg": algorithm, "jwk": vault.key.jwk}
    assert len({claims(it)["jti"] for it in sent}) == len(sent)


def test_each_origin_is_asked_once_for_its_nonce_where_the_clock_is_wrong(
    way: Way, credentials: Any, mode: str, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    clocks.wall = -3600.0
    auth = way.auth(credentials, key=Vault())
    calls = [way.call(auth).status_code for _ in range(3)]
    assert calls == [200, 200, 200]
    again = ["me"] * (mode == "all")
    assert way.paths == ["login", "login", *again, "me", "me", "me"]
    clock.shift(6 * MINUTE)
    assert way.call(auth).status_code == 200
    assert way.paths == [*again, "me"]


NONCE_ASKED_FOR = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "once"}


@pytest.mark.parametrize("mode", ["all"], indirect=True)
def test_a_stream_is_not_proved_twice(sync: Way, credentials: Any, mode: str) -> None:
    """The call after it has the nonce."""
    auth = sync.auth(credentials, key=Vault())
    for _ in range(2):
        sync.answer("/me/", 401, headers=NONCE_ASKED_FOR)
    assert sync.call(auth, method="POST", content=iter([b"{}"])).status_code == 401
    assert sync.bodies == [b"{}"]
    assert sync.call(auth).status_code == 401
    assert [it.get("nonce") for it in proofs(sync, "/me/")] == [None, "once", "once"]


def test_no_other_origin_says_what_a_proof_must_have(sync: Way, credentials: Any) -> None:
    auth = sync.auth(credentials, key=Vault())
    sync.answer("/me/", 302, headers={"Location": f"{ELSEWHERE}/me/"})
    sync.answer("/me/", 401, headers=NONCE_ASKED_FOR)
    assert sync.call(auth, follow_redirects=True).status_code == 401
    assert sync.paths == ["login", "me", "me"]


@pytest.mark.parametrize("style", ["pair"], indirect=True)
def test_a_server_that_takes_no_nonce_ends_no_session(
    sync: Way, credentials: Any, mode: str, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    auth = sync.auth(credentials, key=Vault())
    sync.call(auth)
    clock.shift(31 * MINUTE)
    refusal = {"headers": NONCE_ASKED_FOR, "json": {"code": "token_invalid"}}
    for _ in range(2):
        sync.answer("/auth/refresh/", 401, **refusal)
    with pytest.raises(TryLater) as late:
        sync.call(auth)
    assert late.value.code == "token_invalid"
    assert sync.paths == ["login", "me", "refresh", "refresh"]
    clock.shift(MINUTE)
    assert sync.call(auth).status_code == 200
    assert sync.paths == ["refresh", "refresh", "me"]


@pytest.mark.parametrize("mode", ["all"], indirect=True)
def test_a_call_is_proved_for_where_it_is_redirected_to(
    way: Way, credentials: Any, mode: str
) -> None:
    auth = way.auth(credentials, key=Vault())
    assert way.call(auth, f"{SITE}/me", follow_redirects=True).status_code == 200
    assert way.paths == ["login", "me", "me", "me"]


def test_a_key_that_is_gone_is_a_login_and_told(
    sync: Way, credentials: Any, mode: str, tmp_path: Path
) -> None:
    path, shelf = tmp_path / "key.pem", Shelf()
    sync.call(sync.auth(credentials, key=KeyFile(path), storage=shelf))
    path.unlink()
    for key in (KeyFile(path), None):
        with pytest.raises(SessionEnded) as ended:
            sync.call(sync.auth(key=key, storage=shelf))
        assert ended.value.code == "key_missing"
    assert sync.paths == ["login", "me"]
    auth = sync.auth(credentials, key=KeyFile(path), storage=shelf)
    with pytest.warns(RuntimeWarning, match="The key of the stored session is gone"):
        assert sync.call(auth).status_code == 200
    assert sync.call(auth).status_code == 200
    assert sync.paths == ["login", "me", "me"]


def test_a_key_that_is_back_goes_on(
    sync: Way, credentials: Any, mode: str, clock: time_machine.Traveller
) -> None:
    vault, shelf = Vault(), Shelf()
    sync.call(sync.auth(credentials, key=vault, storage=shelf))
    with pytest.raises(SessionEnded):
        sync.call(sync.auth(key=Vault(), storage=shelf))
    clock.shift(DUE)
    assert sync.call(sync.auth(key=vault, storage=shelf)).status_code == 200
    assert sync.paths == ["login", "me", "refresh", "refresh", "me"]


def test_a_token_answer_without_its_key_is_of_no_use(sync: Way) -> None:
    tokens = {"access_token": "a", "token_type": "DPoP", "expires_in": 60}
    with pytest.raises(SessionEnded) as ended:
        sync.call(sync.auth(tokens=tokens))
    assert (ended.value.code, sync.paths) == ("key_missing", [])


def test_a_session_without_a_key_goes_on_where_there_is_one_now(
    sync: Way, credentials: Any, mode: str, clock: time_machine.Traveller
) -> None:
    shelf = Shelf()
    sync.call(sync.auth(credentials, storage=shelf))
    for _ in range(2):
        clock.shift(DUE)
        assert sync.call(sync.auth(key=Vault(), storage=shelf)).status_code == 200
    assert Session.objects.get().jkt == ""
    assert "login" not in sync.paths[1:]


@pytest.mark.parametrize("mode", ["all", "refresh"], indirect=True)
@pytest.mark.parametrize("style", ["pair"], indirect=True)
def test_a_key_that_does_not_sign_is_asked_again(
    way: Way, credentials: Any, mode: str, clocks: Clocks, clock: time_machine.Traveller
) -> None:
    vault = Vault()
    auth = way.auth(credentials, key=vault)
    way.call(auth)
    vault.is_open = False
    clock.shift(DUE)
    if mode == "refresh":
        assert way.call(auth).status_code == 200
    clock.shift(DUE)
    with pytest.raises(TryLater) as late:
        way.call(auth)
    assert late.value.code == "unavailable"
    assert late.value.detail == "The key did not sign: RuntimeError"
    assert late.value.__cause__ is late.value.__context__ is None
    vault.is_open = True
    clock.shift(MINUTE)
    assert way.call(auth).status_code == 200
    assert "login" not in way.paths[1:]


@pytest.mark.parametrize("mode", ["all"], indirect=True)
def test_a_call_that_cannot_be_proved_shows_no_secret(
    way: Way, credentials: Any, mode: str
) -> None:
    vault, shelf = Vault(), Shelf()
    auth = way.auth(credentials, key=vault, storage=shelf)
    way.call(auth)
    vault.is_open = False
    with pytest.raises(TryLater) as late:
        way.call(auth)
    report = traceback.TracebackException.from_exception(late.value, capture_locals=True)
    ours = [it.locals for it in report.stack if "/jwt_refresh/contrib/" in it.filename]
    shown = repr(ours) + repr(late.value) + repr(auth)
    secrets = ["1234", "half of a secret", shelf.kept["access_token"]]
    assert ours
    assert [it for it in secrets if it in shown] == []
    assert way.paths == ["login", "me"]


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize(("mode", "style"), [("all", "pair")], indirect=True)
def test_sixteen_threads_prove_one_key(
    credentials: Any, mode: str, clock: time_machine.Traveller
) -> None:
    way = Way(httpx2, waits=False)
    auth = way.auth(credentials, key=Vault())
    for first in (["login"], ["refresh"] * 2):
        assert race(16, lambda: way.call(auth).status_code) == [200] * 16
        assert sorted(way.paths) == sorted([*first, *["me"] * 16])
        clock.shift(DUE)


def test_where_a_key_is_required_a_login_without_one_is_refused(
    sync: Way, credentials: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = {"DPOP": "required"}
    with pytest.raises(SessionEnded) as ended:
        sync.call(sync.auth(credentials))
    assert ended.value.code == "token_invalid"
    assert sync.call(sync.auth(credentials, key=Vault())).status_code == 200


def test_a_server_that_binds_nothing_is_served_as_ever(
    way: Way, credentials: Any, style: str, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials, key=Vault())
    for _ in range(2):
        way.call(auth)
        clock.shift(DUE)
    assert way.paths == ["login", "me", "refresh", "me"]
    way.logout(auth)
    assert Session.objects.get().revoked_at is not None


def test_a_logout_needs_no_key(way: Way, credentials: Any, mode: str) -> None:
    vault = Vault()
    auth = way.auth(credentials, key=vault)
    way.call(auth)
    vault.is_open = False
    way.logout(auth)
    assert Session.objects.get().revoked_at is not None


# Threads and tasks


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("library", [httpx2, httpx])
def test_sixteen_threads_refresh_once(
    library: Any, credentials: Any, clock: time_machine.Traveller
) -> None:
    way = Way(library, waits=False)
    auth = way.auth(credentials)
    for first in ("login", "refresh", "refresh"):
        answers = race(16, lambda: way.call(auth).status_code)
        assert answers == [200] * 16
        assert sorted(way.paths) == sorted([first, *["me"] * 16])
        clock.shift(DUE)


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_sixteen_tasks_refresh_once(
    library: Any, credentials: Any, clock: time_machine.Traveller
) -> None:
    way = Way(library, waits=True)
    auth = way.auth(credentials)

    async def call() -> list[int]:
        async with way.async_client() as client:
            calls = [client.get(f"{SITE}/me/", auth=auth) for _ in range(16)]
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    for first in ("login", "refresh", "refresh"):
        assert finished(call) == [200] * 16
        assert sorted(way.paths) == sorted([first, *["me"] * 16])
        clock.shift(DUE)


def test_who_has_a_valid_token_does_not_wait(
    way: Way, credentials: Any, clock: time_machine.Traveller
) -> None:
    auth = way.auth(credentials)
    way.call(auth)
    clock.shift(DUE)
    with auth._lock:
        assert way.call(auth).status_code == 200
    assert way.paths == ["login", "me", "me"]


def test_who_has_none_waits_for_another(
    way: Way, credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = way.auth(credentials)
    auth._lock.acquire()

    def sleep(seconds: float) -> None:
        assert way.seen == []
        auth._lock.release()

    async def asleep(seconds: float) -> None:
        sleep(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    monkeypatch.setattr(module, "anyio", SimpleNamespace(sleep=asleep))
    assert way.call(auth).status_code == 200
    assert not auth._lock.locked()


def test_a_lock_that_nobody_releases_stops_nobody(
    way: Way, credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was held by a thread that is not there any more, since the process has forked."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    auth = way.auth(credentials)
    with auth._lock:
        assert way.call(auth).status_code == 200


def test_a_call_that_is_given_up_leaves_the_lock_free(credentials: Any) -> None:
    way = Way(httpx2, waits=True)
    auth = way.auth(credentials)

    async def give_up() -> None:
        with anyio.CancelScope() as scope:
            way.faults["/auth/login/"].append(scope.cancel)
            async with way.async_client() as client:
                await client.get(f"{SITE}/me/", auth=auth)

    finished(give_up)
    assert way.paths == ["login"]
    assert way.call(auth).status_code == 200


# Secrets


def test_no_report_shows_a_secret(
    way: Way, ann: Any, credentials: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shelf = Shelf()
    auth = way.auth(credentials, storage=shelf)
    way.call(auth)
    secrets = [PASSWORD.strip(), *(it for it in shelf.kept.values() if isinstance(it, str))]
    revoke(ann)
    errors: list[JWTAuthError] = []
    with pytest.raises(SessionEnded) as ended:
        way.call(auth)
    errors.append(ended.value)
    way.lose("/auth/login/", times=2)
    with pytest.raises(TryLater) as late:
        way.call(way.auth(credentials))
    errors.append(late.value)
    for error in errors:
        # Of our own frames: those of the test hold the credentials.
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
        ours = [it for it in report.stack if "/jwt_refresh/contrib/" in it.filename]
        shown = repr([it.locals for it in ours]) + repr(error) + str(error) + repr(auth)
        assert ours
        assert error.__cause__ is error.__context__ is None
        assert [it for it in secrets if it in shown] == []
    assert [it for it in secrets if it in caplog.text] == []


def test_the_client_that_makes_the_calls_sees_no_login(credentials: Any) -> None:
    way = Way(httpx2, waits=False)
    hooked: list[str] = []
    client = way.client()
    client.event_hooks = {"request": [lambda it: hooked.append(it.url.path)]}
    with client:
        answer = client.get(f"{SITE}/me/", auth=way.auth(credentials))
    assert hooked == ["/me/"]
    assert answer.history == []


# What it needs


@pytest.mark.parametrize(
    ("missing", "import_it"),
    [
        (["django", "rest_framework", "jwt", "cryptography"], "httpx import JWTAuth as it"),
        (["django", "rest_framework"], "keyfile import KeyFile as it"),
    ],
)
def test_it_needs_no_django(missing: list[str], import_it: str) -> None:
    """As on a machine where it is not installed."""
    code = (
        "import sys\n"
        f"sys.modules |= dict.fromkeys({missing})\n"
        f"from jwt_refresh.contrib.{import_it}\n"
        "print('imported', it.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.split()[:1], done.stderr) == (["imported"], "")


def loaded_with(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> dict[str, Any]:
    """The module as it is where no other of the libraries is installed."""
    installed = {"httpx", "httpx2"} - set(libraries)
    monkeypatch.delitem(sys.modules, module.__name__)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in installed else find_spec(name)
    )
    return runpy.run_module(module.__name__)


def test_without_a_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError, match=r"django-jwt-refresh\[httpx\]"):
        loaded_with(monkeypatch)


@pytest.mark.parametrize(
    ("name", "library", "other"), [("httpx", httpx, httpx2), ("httpx2", httpx2, httpx)]
)
def test_one_library_is_enough(
    monkeypatch: pytest.MonkeyPatch, name: str, library: Any, other: Any
) -> None:
    alone = loaded_with(monkeypatch, name)["JWTAuth"]
    assert issubclass(alone, library.Auth)
    assert not issubclass(alone, other.Auth)


@pytest.mark.parametrize(
    "error",
    [SessionEnded("session_revoked", "The session has ended."), TryLater("throttled", "", 7.0)],
)
def test_an_error_says_why(error: JWTAuthError) -> None:
    assert error.code in str(error)
    assert json.dumps(error.args)
