"""The middleware of Channels that lets a WebSocket in by a token, and closes it in time.

A socket is one request that may last for days. So whatever ends a session must reach the sockets
that it has opened, and they are checked again at an interval.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

from channels.db import database_sync_to_async
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import CSRFCheck

from jwt_refresh.authentication import authenticate
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims
from jwt_refresh.exceptions import (
    CSRFFailed,
    InvalidRequest,
    TokenError,
    TokenExpired,
    TokenMissing,
)
from jwt_refresh.sealing import sealed
from jwt_refresh.sessions.checking import check_again
from jwt_refresh.web.cookies import cookie_values, only_one
from jwt_refresh.web.transport import refuse, token_of_header

__all__ = ["JWTMiddleware"]

NAME = "bearer"
"""The subprotocol to answer with, for a client that offers no other one beside its token."""
PREFIX = f"{NAME}."
"""The beginning of the subprotocol that is a token: all letters of a token may stand there."""
INTERVAL = timedelta(seconds=30)
SCHEMES = {"ws": "http", "wss": "https"}

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class JWTMiddleware:
    """Sets ``scope["user"]`` and ``scope["auth"]`` of a WebSocket by its token.

    The token is in the header, for clients that can send one; or it is offered as a subprotocol,
    ``bearer.<token>``, by scripts of a page; or it is in ``ACCESS_COOKIE``, where ``Origin`` is the
    site's own or one of ``CSRF_TRUSTED_ORIGINS``. It is never looked for in the address, which
    servers, proxies and browsers keep.

    A socket that is refused is closed with 4000 and the status that HTTP would have, and the code
    of the error as the reason: 4401 ``token_expired``. So it is when its session ends, by whatever
    means, ``interval`` later at most: each socket makes one query in that time. It is closed, too,
    when its token expires, since that is all that stops a thief of whom nobody knows; with
    ``outlive_token`` it goes on for as long as its session lives.

    With ``optional``, whoever brings no token is let in as ``AnonymousUser``, or as whomever
    another middleware has found, and ``scope["auth"]`` is ``None``.
    """

    def __init__(
        self,
        inner: Application,
        *,
        interval: timedelta = INTERVAL,
        optional: bool = False,
        outlive_token: bool = False,
    ) -> None:
        if interval <= timedelta(0):
            raise ValueError("The interval between two checks of a socket must be positive.")
        self.inner = inner
        self.interval = interval
        self.optional = optional
        self.outlive_token = outlive_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.inner(scope, receive, send)
            return
        offered = [name for name in scope.get("subprotocols", []) if not name.startswith(PREFIX)]
        socket = _Socket(receive, send, offered)
        try:
            request = _request_of(scope)
            known = await database_sync_to_async(_identify)(request, optional=self.optional)
        except TokenError as error:
            await socket.turn_away(error)
            return
        scope = scope | known | {"subprotocols": offered}
        serving = self.inner(scope, socket.receive, socket.send)
        if scope["auth"] is None:
            await serving
        else:
            await _both(serving, self._watch(socket, scope["auth"]))

    async def _watch(self, socket: _Socket, claims: Claims) -> None:
        """Close the socket once its session, or its token, is over."""
        while socket.open:
            left = float("inf") if self.outlive_token else claims.exp - time.time()
            await asyncio.sleep(min(left, self.interval.total_seconds()))
            try:
                if not self.outlive_token and time.time() >= claims.exp:
                    raise TokenExpired("past its end, on an open socket")
                await database_sync_to_async(check_again)(claims)
            except TokenError as error:
                await socket.refuse(error)


async def _both(serving: Awaitable[None], watching: Awaitable[None]) -> None:
    """Serve a socket while it is watched: no longer than either goes on without an error."""
    served, watched = tasks = asyncio.ensure_future(serving), asyncio.ensure_future(watching)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if watched.done():
            # Raises the error of a check that could not be made.
            await watched
        await served
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Socket:
    """A WebSocket between its server and the application.

    ``open`` until either has closed it: from then on nothing goes through but the news of that.
    """

    def __init__(self, receive: Receive, send: Send, offered: list[str]) -> None:
        self._receive = receive
        self._send = send
        self.offered = offered
        self.open = True

    async def receive(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.open = False
                return message
            if self.open:
                return message

    async def send(self, message: Message) -> None:
        if not self.open:
            return
        if message["type"] == "websocket.accept":
            message = message | {"subprotocol": self._answer(message.get("subprotocol"))}
        self.open = message["type"] != "websocket.close"
        await self._send(message)

    def _answer(self, chosen: str | None) -> str | None:
        """Return the subprotocol that the server answers: never a token.

        A browser that has offered some takes no answer without one.
        """
        if chosen is not None and not chosen.startswith(PREFIX):
            return chosen
        return NAME if NAME in self.offered else None

    async def turn_away(self, error: TokenError) -> None:
        """Refuse a client that wants to connect.

        It is accepted first, since a script learns nothing about a handshake that has failed. But
        a page of another site, to which ``CSRFFailed`` is the answer, is told nothing.
        """
        await self._receive()
        if not isinstance(error, CSRFFailed):
            chosen = next(iter(self.offered), None)
            await self.send({"type": "websocket.accept", "subprotocol": chosen})
        await self.refuse(error)

    async def refuse(self, error: TokenError) -> None:
        """Close the socket, and say why."""
        if self.open:
            code = 4000 + refuse(error).status_code
            await self.send({"type": "websocket.close", "code": code, "reason": error.code})


def _request_of(scope: Scope) -> ASGIRequest:
    """Return the handshake as the request that it is, for tenants and for the check of cookies."""
    scheme = scope.get("scheme", "ws")
    as_http = {"method": "GET", "scheme": SCHEMES.get(scheme, scheme)}
    try:
        return ASGIRequest(scope | as_http, BytesIO())
    except UnicodeDecodeError:
        raise InvalidRequest("the query of a handshake is no text") from None


@sealed
def _identify(request: ASGIRequest, *, optional: bool) -> Scope:
    """Return the user and the claims of a socket, as members of its scope.

    Raises ``TokenError``.
    """
    try:
        encoded = _token_of(request)
        if encoded is not None:
            user, claims = authenticate(encoded, request)
            return {"user": user, "auth": claims}
    except (BadRequest, SuspiciousOperation) as error:
        raise InvalidRequest(f"handshake: {type(error).__name__}") from None
    if not optional:
        raise TokenMissing("neither in the header, nor a subprotocol, nor in a cookie")
    from django.contrib.auth.models import AnonymousUser

    return {"user": request.scope.get("user", AnonymousUser()), "auth": None}


def _token_of(request: ASGIRequest) -> str | None:
    """Return the token of a socket: of the header, else a subprotocol, else ``ACCESS_COOKIE``.

    Raises ``InvalidRequest`` for several in one place, and ``CSRFFailed`` where a cookie would
    decide and a page of another site may have opened the socket.
    """
    token = token_of_header(request)
    if token is not None:
        return token
    offered: list[str] = request.scope.get("subprotocols", [])
    if given := [name.removeprefix(PREFIX) for name in offered if name.startswith(PREFIX)]:
        if len(given) > 1:
            raise InvalidRequest("more than one token among the subprotocols")
        return given[0]
    if values := cookie_values(request, conf.ACCESS_COOKIE):
        _check_origin(request)
        return only_one(values)
    return None


def _check_origin(request: HttpRequest) -> None:
    """Raise ``CSRFFailed`` unless a page of one's own has opened the socket.

    A browser lets any page open a socket to any site, with its cookies, and read all that comes: no
    rule of CORS holds for it. It always says in ``Origin`` whose page it is (RFC 6455 section 4.1,
    step 8 of the handshake), so whoever says nothing is no browser, and needs no cookie.
    """
    # Private, and tested with Django 5.2, 6.0 and 6.1. Its public form asks for a CSRF token too.
    django_check: Any = CSRFCheck(HttpResponse)
    if "HTTP_ORIGIN" not in request.META or not django_check._origin_verified(request):
        raise CSRFFailed("the origin of a socket is not one of the site's own")
