"""``JWTAuth``: logs services and scripts in, and refreshes their tokens. It imports no Django.

It serves the clients of httpx2, which is maintained, and of httpx, which httpx2 continues under
another name: whichever is installed, and both at once.

Its own requests (login, refresh, logout) do not go through the client that it serves. The hooks,
redirects and history of that client never see a password or a refresh token, and an answer that
was lost is asked for again where httpx would let the call fail.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import closing, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anyio

from .client import (
    Ask,
    JWTAuthError,
    Keeper,
    Need,
    SessionEnded,
    SigningKey,
    Storage,
    TokenFile,
    Tokens,
    TryLater,
    nonce_asked_for,
    proof,
)

__all__ = [
    "JWTAuth",
    "JWTAuthError",
    "SessionEnded",
    "SigningKey",
    "Storage",
    "TokenFile",
    "TryLater",
]

_LIBRARIES: list[Any] = [import_module(name) for name in ("httpx2", "httpx") if find_spec(name)]
if not _LIBRARIES:
    raise ImportError("JWTAuth needs httpx2 or httpx: pip install django-jwt-refresh[httpx]")
_LOST = tuple(it.RequestError for it in _LIBRARIES)
_UNREAD = tuple(it.RequestNotRead for it in _LIBRARIES)
# Each library asks for its own base class; httpx2 can also stand in for httpx, under its name.
_Auth: Any = type("_Auth", tuple(dict.fromkeys(it.Auth for it in _LIBRARIES)), {})

PATIENCE = 15.0
"""How long a call without a token waits for one that another call is fetching, in seconds. Then it
asks by itself, which is safe: the server gives both the same answer. So a lock that nobody
releases, held by a thread before a fork for example, stops nobody."""
POLL = 0.02


class JWTAuth(_Auth):  # type: ignore[misc]
    """Authenticate the calls of clients of httpx2 or httpx, sync and async.

    ``base``: where the endpoints are, such as ``https://example.com/auth/``. ``credentials``: what
    the login endpoint asks for. ``tokens``: an answer of that endpoint, to start from. ``storage``:
    where tokens are kept between runs; what is in it is preferred to ``tokens``. ``key``: binds the
    session that a login begins (RFC 9449), such as ``contrib.keyfile.KeyFile``. ``origins``:
    others that get the token, such as ``https://api.example.com``, beside that of ``base``.
    ``client`` and ``async_client`` make the clients of its own requests, for a proxy or a
    certificate authority.

    One object serves any number of threads, tasks and clients. Without a token that could
    authenticate a call, the call raises ``SessionEnded`` or ``TryLater``.
    """

    def __init__(
        self,
        base: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        tokens: Mapping[str, Any] | None = None,
        storage: Storage | None = None,
        key: SigningKey | None = None,
        origins: Iterable[str] = (),
        client: Callable[[], Any] = _LIBRARIES[0].Client,
        async_client: Callable[[], Any] = _LIBRARIES[0].AsyncClient,
    ) -> None:
        self._base = base.rstrip("/") + "/"
        self._origins = {_origin(_LIBRARIES[0].URL(url)) for url in (base, *origins)}
        self._key = key
        self._nonces: dict[tuple[str, str, int | None], str] = {}
        self._keeper = Keeper(credentials, tokens, storage, key)
        self._client, self._async_client = client, async_client
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        answer = None
        with closing(self._flow(request)) as flow, suppress(StopIteration):
            while True:
                step = flow.send(answer)
                if isinstance(step, float):
                    time.sleep(step)
                    answer = None
                else:
                    answer = self._post(step) if isinstance(step, Ask) else (yield step)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        answer = None
        with closing(self._flow(request)) as flow, suppress(StopIteration):
            while True:
                step = flow.send(answer)
                if isinstance(step, float):
                    await anyio.sleep(step)
                    answer = None
                else:
                    answer = await self._apost(step) if isinstance(step, Ask) else (yield step)

    def logout(self) -> None:
        """End the session, and forget it. Raises ``TryLater`` where the server did not hear it."""
        if ask := self._keeper.leave():
            self._keeper.left(self._post(ask))

    async def alogout(self) -> None:
        """Do what ``logout`` does."""
        if ask := self._keeper.leave():
            self._keeper.left(await self._apost(ask))

    def _post(self, ask: Ask) -> Any:
        """Return the answer, or the error that came in its place."""
        try:
            with self._client() as client:
                return client.post(self._base + ask.path, **self._arguments(ask))
        except (*_LOST, TryLater) as error:
            return error

    async def _apost(self, ask: Ask) -> Any:
        try:
            async with self._async_client() as client:
                return await client.post(self._base + ask.path, **self._arguments(ask))
        except (*_LOST, TryLater) as error:
            return error

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        headers = ask.headers
        if self._key is not None and ask.nonce is not None:
            made = proof(self._key, "POST", self._base + ask.path, nonce=ask.nonce)
            headers = headers | {"DPoP": made}
        return {"json": ask.body, "headers": headers, "follow_redirects": False}

    def _flow(self, request: Any) -> Generator[Any, Any, None]:
        """Yield seconds to sleep, an ``Ask`` to post, or the call itself to send."""
        if _origin(request.url) not in self._origins:
            yield request
            return
        yield from self._renew()
        used = self._keeper.usable()
        response = yield self._signed(request, used)
        if self._may_prove_again(request, response):
            response = yield self._signed(response.request, used)
        if self._refuses(response):
            yield from self._renew(used)
            if (renewed := self._keeper.usable()) is not used and _in_memory(request):
                yield self._signed(request, renewed)

    def _signed(self, request: Any, tokens: Tokens) -> Any:
        # No other header would do: this one is taken away on a redirect to another origin.
        request.headers["Authorization"] = f"Bearer {tokens.access}"
        if self._key is not None and tokens.is_bound:
            request.headers["Authorization"] = f"DPoP {tokens.access}"
            url, nonce = _address(request.url), self._nonces.get(_origin(request.url), "")
            made = proof(self._key, request.method, url, ath=tokens.ath, nonce=nonce)
            request.headers["DPoP"] = made
        return request

    def _may_prove_again(self, request: Any, response: Any) -> bool:
        """Tell whether another proof may get a better answer.

        One with a nonce, where the clock here is wrong; or one for the address that the server has
        redirected the call to, since a proof is for one address.
        """
        origin, asked_for = _origin(response.url), nonce_asked_for(response)
        if origin not in self._origins:
            return False
        if asked_for:
            self._nonces[origin] = asked_for
        challenge = response.headers.get("WWW-Authenticate", "")
        moved = _address(response.url) != _address(request.url)
        misplaced = response.status_code == 401 and moved and "invalid_dpop_proof" in challenge
        return (bool(asked_for) or misplaced) and _in_memory(request)

    def _refuses(self, response: Any) -> bool:
        """Tell whether another token may get a better answer.

        Not from another origin, which had none after a redirect, nor where the login is too old
        (RFC 9470).
        """
        challenge = response.headers.get("WWW-Authenticate", "")
        return (
            response.status_code == 401
            and _origin(response.url) in self._origins
            and ("error=" not in challenge or "invalid_token" in challenge)
        )

    def _renew(self, refused: Tokens | None = None) -> Generator[Any, Any, None]:
        """Log in or refresh where that is due, and once for all callers.

        A call that holds a valid token does not wait for another call that fetches the next one.
        """
        keeper = self._keeper
        need = keeper.need(refused)
        if need is None:
            return
        until = time.monotonic() + (PATIENCE if need is Need.NOW else 0)
        # Asked again and again, since one lock serves threads and any number of event loops.
        while not (mine := self._lock.acquire(blocking=False)) and time.monotonic() < until:
            yield POLL
        try:
            if mine or need is Need.NOW:
                keeper.look()
                while keeper.need(refused) is not None:
                    ask = keeper.next()
                    keeper.hear(ask, (yield ask))
        finally:
            if mine:
                self._lock.release()


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _address(url: Any) -> str:
    """Return the URL that a proof names: without a user, a query and a fragment."""
    path = url.raw_path.partition(b"?")[0]
    return f"{url.scheme}://{url.netloc.decode()}{path.decode()}"


def _in_memory(request: Any) -> bool:
    """Tell whether the body can be sent twice: that of a stream was consumed the first time."""
    try:
        return request.content is not None
    except _UNREAD:
        return False
