"""WebSockets of Channels: who is let in, and what closes a socket that is open."""

from __future__ import annotations

import asyncio
import re
import threading
from datetime import timedelta
from traceback import walk_tb
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.db import OperationalError, connection
from django.http import HttpRequest
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.contrib import channels
from jwt_refresh.contrib.channels import JWTMiddleware
from jwt_refresh.core.claims import Claims
from jwt_refresh.exceptions import SessionRevoked
from jwt_refresh.models import Session
from tests.support.browsing import ACCESS, SLIDING_COOKIES
from tests.support.devices import PAIR, Device
from tests.support.documents import TEXTS
from tests.support.ends import ENDS, Lost
from tests.support.http import MINUTE
from tests.support.proofs import ProofKey
from tests.support.sockets import HOST, PATIENCE, Socket, talk
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

SOON = timedelta(milliseconds=20)
OURS = f"https://{HOST}"


class Echo:
    """An application that accepts whoever is let in, and answers each text with their name."""

    def __init__(self, subprotocol: str | None = None) -> None:
        self.subprotocol = subprotocol
        self.scope: Any = None
        self.heard: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await receive()
        await send({"type": "websocket.accept", "subprotocol": self.subprotocol})
        while (message := await receive())["type"] != "websocket.disconnect":
            self.heard.append(message["text"])
            text = f"{scope['user'].get_username()}: {message['text']}"
            await send({"type": "websocket.send", "text": text})
        # Too late.
        await send({"type": "websocket.send", "text": "bye"})


@pytest.fixture
def echo() -> Echo:
    return Echo()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie(token: str, **headers: str) -> dict[str, str]:
    return {"Cookie": f"{ACCESS}={token}"} | headers


@pytest.mark.parametrize("place", ["header", "subprotocol", "cookie"])
def test_whoever_brings_a_good_token_is_let_in(
    phone: Device, settings: Settings, echo: Echo, place: str
) -> None:
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    socket = {
        "header": Socket(JWTMiddleware(echo), **bearer(phone.token)),
        "subprotocol": Socket(JWTMiddleware(echo), "bearer", f"bearer.{phone.token}"),
        "cookie": Socket(JWTMiddleware(echo), **cookie(phone.token, Origin=OURS)),
    }[place]

    async def talking() -> None:
        await socket.connect()
        await socket.say("hello")
        assert await socket.hear() == f"{phone.user.get_username()}: hello"
        await socket.disconnect()

    talk(talking)
    assert echo.scope["user"] == phone.user
    assert isinstance(echo.scope["auth"], Claims)
    assert echo.scope["auth"]["sid"] == str(Session.objects.get().pk)


@pytest.mark.parametrize("place", ["header", "subprotocol", "cookie"])
def test_a_bound_token_needs_the_proof_of_the_handshake(
    ann: Any, settings: Settings, echo: Echo, place: str
) -> None:
    """Which a script in a page cannot send: it asks for a token of another sort."""
    settings.JWT_REFRESH = SLIDING_COOKIES | {"DPOP": "all"}
    key = ProofKey()
    token = sessions.start(ann, jkt=key.jkt).access_token
    proof = {"DPoP": key.proof("GET", f"https://{HOST}/", token=token)}
    offered = ["bearer", f"bearer.{token}"] if place == "subprotocol" else []
    headers = {
        "header": {"Authorization": f"DPoP {token}"},
        "subprotocol": {},
        "cookie": cookie(token, Origin=OURS),
    }[place]

    async def talking() -> None:
        bare = Socket(JWTMiddleware(echo), *offered, **headers)
        assert await bare.refused() == (4401, "token_invalid")
        proved = Socket(JWTMiddleware(echo), *offered, **headers, **proof)
        assert (await proved.connect())[0]
        await proved.disconnect()
        # Its proof is used up.
        again = Socket(JWTMiddleware(echo), *offered, **headers, **proof)
        assert await again.refused() == (4401, "token_invalid")

    talk(talking)


def test_the_first_place_decides(phone: Device, settings: Settings, echo: Echo) -> None:
    """A token that was attached on purpose is not a cookie, whatever ``Origin`` says."""
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    elsewhere = cookie("x", Origin="https://evil.example")

    async def talking() -> None:
        for socket in (
            Socket(JWTMiddleware(echo), "bearer.x", **elsewhere, **bearer(phone.token)),
            Socket(JWTMiddleware(echo), f"bearer.{phone.token}", **elsewhere),
        ):
            # Who is refused is accepted as well, to be told why.
            await socket.connect()
            await socket.say("hello")
            assert await socket.hear()
            await socket.disconnect()

    talk(talking)


SCRIPT = re.findall(r"^new WebSocket\(.+, (\[.+\])\);$", TEXTS["docs/async.md"], re.MULTILINE)
"""What the scripts of the documents offer, each a list that Python reads as JavaScript does."""


ANSWERED = ["bearer", "graphql-transport-ws"]


@pytest.mark.parametrize(("offered", "answered"), [*zip(SCRIPT, ANSWERED, strict=True)])
def test_a_script_of_the_documents_is_let_in(phone: Device, offered: str, answered: str) -> None:
    phone.login()
    echo = Echo("graphql-transport-ws" if "graphql" in answered else None)

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), *eval(offered, {"token": phone.token}))
        assert await socket.connect() == (True, answered)
        await socket.disconnect()

    talk(talking)


TWO = f"{ACCESS}=a.b.c; {ACCESS}=d.e.f"
REFUSED: dict[str, tuple[int, str, list[str], dict[str, str]]] = {
    "none": (4401, "token_missing", [], {}),
    "in the address": (4401, "token_missing", [], {"path": "/?token=TOKEN&bearer=TOKEN"}),
    "a junk header": (4401, "token_invalid", [], bearer("x")),
    "a malformed header": (4400, "invalid_request", [], bearer("x y")),
    "a junk subprotocol": (4401, "token_invalid", ["bearer.x"], {}),
    "an empty subprotocol": (4401, "token_invalid", ["bearer."], {}),
    "a token alone": (4401, "token_missing", ["TOKEN"], {}),
    "a token behind its name": (4401, "token_missing", ["bearer", "TOKEN"], {}),
    "two subprotocols": (4400, "invalid_request", ["bearer.TOKEN", "bearer.TOKEN"], {}),
    "letters of nowhere": (4401, "token_invalid", ["bearer.\ud800é\0"], {}),
    "a large one": (4401, "token_invalid", ["bearer." + "x" * 100_000], {}),
    "a refresh token": (4401, "token_invalid", ["bearer.REFRESH"], {}),
    "two cookies": (4400, "invalid_request", [], {"Cookie": TWO, "Origin": OURS}),
    "a junk cookie": (4401, "token_invalid", [], cookie("x", Origin=OURS)),
    "the cookie of a refresh": (4401, "token_missing", [], {"Cookie": "r=TOKEN", "Origin": OURS}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whoever_is_refused_is_told_why(
    phone: Device, settings: Settings, echo: Echo, log: pytest.LogCaptureFixture, case: str
) -> None:
    settings.JWT_REFRESH = PAIR
    phone.login()
    settings.JWT_REFRESH = PAIR | {"ACCESS_COOKIE": ACCESS, "REFRESH_COOKIE": "r"}
    code, reason, subprotocols, headers = REFUSED[case]

    def filled(text: str) -> str:
        return text.replace("TOKEN", phone.token).replace("REFRESH", phone.refresh_token)

    offered = [filled(text) for text in subprotocols]
    given = {name: filled(text) for name, text in headers.items()}
    log.clear()

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), *offered, **given)
        assert await socket.refused() == (code, reason)

    talk(talking)
    assert echo.scope is None
    (record,) = log.records
    assert record.event == "token_refused"  # type: ignore[attr-defined]
    assert phone.token not in record.getMessage()


@pytest.mark.parametrize(
    ("offered", "chosen", "answered"),
    [
        ([], None, None),
        (["bearer"], None, "bearer"),
        (["graphql-transport-ws"], "graphql-transport-ws", "graphql-transport-ws"),
        (["graphql-transport-ws", "bearer"], "graphql-transport-ws", "graphql-transport-ws"),
        (["chat"], None, None),
        ([], "bearer.TOKEN", None),
        (["bearer"], "bearer.TOKEN", "bearer"),
    ],
)
def test_the_subprotocol_that_is_answered_is_never_the_token(
    phone: Device, offered: list[str], chosen: str | None, answered: str | None
) -> None:
    phone.login()
    echo = Echo(chosen and chosen.replace("TOKEN", phone.token))

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), f"bearer.{phone.token}", *offered)
        assert await socket.connect() == (True, answered)
        await socket.disconnect()

    talk(talking)
    assert echo.scope["subprotocols"] == offered


@pytest.mark.parametrize(
    ("offered", "answered"), [([], None), (["bearer"], "bearer"), (["chat", "bearer"], "chat")]
)
def test_a_refusal_is_answered_by_a_subprotocol_that_was_offered(
    offered: list[str], answered: str | None
) -> None:
    """Else a browser would take the answer for a failure, and tell its page nothing."""

    async def talking() -> None:
        socket = Socket(JWTMiddleware(Echo()), "bearer.x", *offered)
        assert await socket.connect() == (True, answered)
        assert await socket.closed() == (4401, "token_invalid")

    talk(talking)


ORIGINS = [
    (OURS, True),
    ("https://app.example.com", True),
    ("https://a.trusted.example", True),
    ("https://trusted.example", True),
    ("http://testserver", False),
    ("https://testserver:8443", False),
    ("https://testserver.evil.example", False),
    ("https://a.app.example.com", False),
    ("http://a.trusted.example", False),
    ("https://eviltrusted.example", False),
    ("null", False),
    ("", False),
    ("https://[", False),
    (None, False),
]


@pytest.mark.parametrize("token", ["good", "bad"])
@pytest.mark.parametrize(("origin", "let_in"), ORIGINS)
def test_a35_a_cookie_counts_where_a_page_of_ones_own_opens_the_socket(
    phone: Device, settings: Settings, echo: Echo, origin: str | None, let_in: bool, token: str
) -> None:
    """Others are told nothing, in the same words for a good token and a bad one; none is asked."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example.com", "https://*.trusted.example"]
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    headers = cookie(phone.token if token == "good" else "x")
    if origin is not None:
        headers["Origin"] = origin

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), **headers)
        if not let_in:
            assert await socket.connect() == (False, 4403)
            await socket.disconnect()
        elif token == "good":
            assert await socket.connect() == (True, None)
            await socket.disconnect()
        else:
            assert await socket.refused() == (4401, "token_invalid")

    if let_in:
        talk(talking)
    else:
        with statements(0):
            talk(talking)
    assert (echo.scope is not None) is (let_in and token == "good")


@pytest.mark.parametrize(
    ("scheme", "origin", "said", "let_in"),
    [
        ("ws", "http://testserver", "", True),
        ("ws", OURS, "", False),
        ("ws", OURS, "https", True),
        ("wss", OURS, "http", False),
        ("https", OURS, "", True),
    ],
)
def test_the_scheme_is_that_of_the_server_or_of_its_proxy(
    phone: Device, settings: Settings, echo: Echo, scheme: str, origin: str, said: str, let_in: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    phone.login()
    settings.JWT_REFRESH = SLIDING_COOKIES
    headers = cookie(phone.token, Origin=origin) | ({"X_Forwarded_Proto": said} if said else {})

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), scheme=scheme, **headers)
        assert (await socket.connect())[0] is let_in
        await socket.disconnect()

    talk(talking)
    assert (echo.scope is not None) is let_in


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_a_session_closes_its_sockets(
    phone: Device, laptop: Device, clock: Any, settings: Any, echo: Echo, name: str
) -> None:
    code, end = ENDS[name]
    settings.JWT_REFRESH = {}
    lost = Lost(phone, laptop, clock, settings)

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        await sync_to_async(end)(lost)
        assert await socket.closed() == (4401, code)

    talk(talking)


@pytest.mark.parametrize("outlive", [False, True])
@pytest.mark.parametrize("waiting", [SOON, timedelta(hours=1)])
def test_a_socket_ends_with_its_token_unless_it_may_outlive_it(
    phone: Device, clock: Any, settings: Settings, echo: Echo, waiting: timedelta, outlive: bool
) -> None:
    """At once, however long the interval is."""
    settings.JWT_REFRESH = PAIR
    phone.login()
    clock.shift(30 * MINUTE - 0.02)

    async def talking() -> None:
        guarded = JWTMiddleware(echo, interval=waiting, outlive_token=outlive)
        socket = Socket(guarded, **bearer(phone.token))
        await socket.connect()
        assert await socket.receive_nothing()
        clock.shift(0.02)
        if not outlive:
            assert await socket.closed() == (4401, "token_expired")
        else:
            assert await socket.receive_nothing()
            await socket.disconnect()

    talk(talking)


def test_a_socket_that_outlives_its_token_ends_with_its_session(
    phone: Device, clock: Any, echo: Echo
) -> None:
    """In sliding style with the last token, unless the client refreshes."""
    phone.login()

    async def talking() -> None:
        guarded = JWTMiddleware(echo, interval=SOON, outlive_token=True)
        socket = Socket(guarded, **bearer(phone.token))
        await socket.connect()
        clock.shift(29 * MINUTE)
        await sync_to_async(phone.refresh)()
        clock.shift(29 * MINUTE)
        assert await socket.receive_nothing()
        clock.shift(2 * MINUTE)
        assert await socket.closed() == (4401, "session_revoked")

    talk(talking)


def test_a_socket_makes_one_query_in_each_interval(phone: Device, echo: Echo) -> None:
    phone.login()
    phone.get()
    made: list[str] = []
    checked = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        # Beside these a new connection is told its settings.
        made.extend([sql] if sql.startswith("SELECT") else [])
        if len(made) > 3:
            loops[0].call_soon_threadsafe(checked.set)
        return execute(sql, *rest)

    async def talking() -> None:
        loops.append(asyncio.get_running_loop())
        patient = Socket(JWTMiddleware(echo, interval=timedelta(hours=1)), **bearer(phone.token))
        await patient.connect()
        assert await patient.receive_nothing()
        await patient.disconnect()
        assert len(made) == 1
        made.clear()
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        await checked.wait()
        await socket.disconnect()
        asked = len(made)
        await asyncio.sleep(2 * SOON.total_seconds())
        assert len(made) == asked

    with connection.execute_wrapper(note):
        talk(talking)
    assert len({*made}) == 1


def test_where_the_database_cannot_be_asked_nobody_is_let_in_or_goes_on(
    phone: Device, echo: Echo
) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("no connection")

    phone.login()

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        # Of the thread of the test, which makes the queries.
        await sync_to_async(lambda: connection.execute_wrappers.append(fail))()
        assert await socket.closed() == (4503, "unavailable")
        late = Socket(JWTMiddleware(echo), **bearer(phone.token))
        assert await late.refused() == (4503, "unavailable")

    try:
        talk(talking)
    finally:
        connection.execute_wrappers.remove(fail)


def test_nothing_goes_through_a_socket_that_is_closed(phone: Device, echo: Echo) -> None:
    """Whatever the client still sends, and whatever the application still says."""
    phone.login()

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        await sync_to_async(sessions.revoke)(await Session.objects.aget(), "test")
        assert (await socket.receive_output(PATIENCE))["type"] == "websocket.close"
        await socket.say("still here")
        assert await socket.receive_nothing()
        await socket.disconnect()
        assert await socket.receive_nothing()

    talk(talking)
    assert not echo.heard


def test_a_check_that_fails_closes_the_socket(
    phone: Device, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody goes on unwatched: the error is the server's to report."""

    def fail(claims: Claims) -> Session:
        raise ZeroDivisionError

    phone.login()
    monkeypatch.setattr(channels, "check_again", fail)

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        with pytest.raises(ZeroDivisionError):
            await socket.wait(PATIENCE)

    talk(talking)


def test_no_token_is_in_the_report_of_an_error(
    phone: Device, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But in the handshake, which is the server's, and is in frames of its own."""

    def fail(encoded: str, request: HttpRequest) -> Any:
        raise ZeroDivisionError

    phone.login()
    monkeypatch.setattr(channels, "authenticate", fail)

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo), f"bearer.{phone.token}")
        with pytest.raises(ZeroDivisionError) as raised:
            await socket.wait(PATIENCE)
        # All but this one, whose socket is the client's.
        _, *frames = (frame.f_locals for frame, _ in walk_tb(raised.tb))
        assert phone.token not in repr([it for it in frames if "scope" not in it])

    talk(talking)


def test_an_error_of_the_application_is_its_own(phone: Device) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    phone.login()

    async def talking() -> None:
        socket = Socket(JWTMiddleware(broken), **bearer(phone.token))
        with pytest.raises(ZeroDivisionError):
            await socket.wait(PATIENCE)
        assert set(asyncio.all_tasks()) == {asyncio.current_task()}

    talk(talking)


def test_a_socket_that_is_closed_already_is_not_closed_again(
    phone: Device, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    """Two closes would be an error of the server; here, the application was quicker."""
    asked, closed, done = asyncio.Event(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def refuse(claims: Claims) -> Session:
        loops[0].call_soon_threadsafe(asked.set)
        closed.wait()
        raise SessionRevoked("test")

    async def closing(scope: Any, receive: Any, send: Any) -> None:
        await asked.wait()
        await send({"type": "websocket.close", "code": 4000})
        closed.set()
        await done.wait()

    phone.login()
    monkeypatch.setattr(channels, "check_again", refuse)
    log.clear()

    async def talking() -> None:
        loops.append(asyncio.get_running_loop())
        socket = Socket(JWTMiddleware(closing, interval=SOON), **bearer(phone.token))
        assert await socket.connect() == (False, 4000)
        assert await socket.receive_nothing()
        done.set()
        await socket.wait(PATIENCE)

    talk(talking)
    assert not log.records


def test_a_server_that_stops_stops_the_watch(phone: Device, echo: Echo) -> None:
    phone.login()

    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo, interval=SOON), **bearer(phone.token))
        await socket.connect()
        socket.future.cancel()
        await asyncio.wait([socket.future])
        assert set(asyncio.all_tasks()) == {asyncio.current_task()}

    talk(talking)


def test_optional_lets_in_whoever_brings_no_token(phone: Device, echo: Echo) -> None:
    guarded = JWTMiddleware(echo, optional=True)
    phone.login()

    async def talking() -> None:
        stranger = Socket(guarded)
        await stranger.connect()
        assert isinstance(echo.scope["user"], AnonymousUser)
        assert echo.scope["auth"] is None
        await stranger.disconnect()
        known = Socket(guarded)
        known.scope["user"] = phone.user
        await known.connect()
        assert echo.scope["user"] is phone.user
        assert echo.scope["auth"] is None
        await known.disconnect()
        assert await Socket(guarded, "bearer.x").refused() == (4401, "token_invalid")

    talk(talking)


def test_what_is_no_socket_passes() -> None:
    passed: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    async def unused(*message: Any) -> Any: ...

    async def talking() -> None:
        await JWTMiddleware(inner)({"type": "lifespan"}, unused, unused)

    talk(talking)
    assert passed == [{"type": "lifespan"}]


def test_a_token_serves_for_its_own_tenant(phone: Device, settings: Settings, echo: Echo) -> None:
    """The handshake is a request; one that Django would refuse is refused."""

    def issuer(request: HttpRequest | None) -> str:
        if request and request.get_host() == "nobody.example":
            raise BadRequest("no such tenant")
        return request.build_absolute_uri("/") if request else "https://example.com"

    settings.JWT_REFRESH = {"ISSUER": issuer}
    settings.ALLOWED_HOSTS = [HOST, "other.example", "nobody.example"]
    phone.login()

    async def talking() -> None:
        guarded = JWTMiddleware(echo)
        own = Socket(guarded, **bearer(phone.token), scheme="ws")
        await own.connect()
        await own.say("hello")
        assert await own.hear()
        await own.disconnect()
        assert await Socket(guarded, **bearer(phone.token)).refused() == (4401, "token_invalid")
        other = Socket(guarded, **bearer(phone.token), host="other.example")
        assert await other.refused() == (4401, "token_invalid")
        for host in ("nobody.example", "evil.example"):
            stray = Socket(guarded, **bearer(phone.token), host=host)
            assert await stray.refused() == (4400, "invalid_request")

    talk(talking)


def test_a_query_that_is_no_text_is_refused(echo: Echo) -> None:
    async def talking() -> None:
        socket = Socket(JWTMiddleware(echo))
        socket.scope["query_string"] = b"\xff"
        assert await socket.refused() == (4400, "invalid_request")

    talk(talking)


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_interval_is_positive(seconds: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        JWTMiddleware(Echo(), interval=timedelta(seconds=seconds))
