"""The server that the browser talks to, in this process, so that both have one time.

It writes down who asked what, and does to a request what a test has said: answers itself, hangs up
instead of answering, or waits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from socket import SHUT_RD, SHUT_RDWR
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler

from tests.support.servers import HOST

PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html", ".js": "text/javascript"}
POLICY = "default-src 'none'; script-src 'self'; connect-src *; img-src data:"
"""A strict Content-Security-Policy: no inline script, no eval."""
PATIENCE = 120
"""How many seconds of real time a test waits, at most, for what must happen."""

Environ = dict[str, Any]
Answer = tuple[int, Any]
Fault = Callable[[Environ, Callable[[], bytes]], Answer | None]


@dataclass
class Call:
    """A request to the server."""

    path: str
    token: str
    key: str
    body: str
    method: str = ""
    cookie: str = ""
    proof: str = ""
    at: float = field(default_factory=time.time)
    status: int = 0
    """What was answered; 0 for a request whose answer was cut off."""


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> Any:
        return super().get_environ() | {"tests.socket": self.connection}

    def log_message(self, *_: Any) -> None:
        """Write no log."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, *given: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*given)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hear_no_more(self) -> None:
        """End the connections on which a browser has asked nothing yet: it opens some ahead."""
        for connection in [*self._open]:
            with suppress(OSError):
                connection.shutdown(SHUT_RD)


@dataclass
class Site:
    """Our app behind an address."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """What becomes of the next requests to a path, one after the other."""
    files: dict[str, str] = field(default_factory=dict)
    """Scripts and pages that this test serves, by path, without a policy."""
    hidden: tuple[str, ...] = ()
    """How the names begin of headers that do not reach the app, as if no browser had sent them."""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Listen; after a stop on the same port."""
        app = StaticFilesHandler(WSGIHandler())
        self._server = _Server((HOST, self.port), _Handler)
        self._server.set_app(lambda environ, start: self._answer(app, environ, start))
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])
        self._thread.start()

    def stop(self) -> None:
        """Answer what has come, and listen no longer."""
        self._server.shutdown()
        self._thread.join()
        self._server.hear_no_more()
        self._server.server_close()

    def of(self, path: str) -> list[Call]:
        """Return the requests to ``path``."""
        return [call for call in self.calls if call.path == path]

    @property
    def refreshes(self) -> list[Call]:
        return self.of("/auth/refresh/")

    def next(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, []).extend(faults)

    def _answer(self, app: Any, environ: Environ, start: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/" or path.startswith("/pages/"):
            file = PAGES / (path.removeprefix("/pages/").lstrip("/") or "index.html")
            headers = [("Content-Type", TYPES[file.suffix]), ("Content-Security-Policy", POLICY)]
            start("200 OK", headers)
            return [file.read_bytes()]
        if path in self.files:
            start("200 OK", [("Content-Type", TYPES[Path(path).suffix])])
            return [self.files[path].encode()]
        if path.startswith("/static/"):
            return [_whole(app(environ, start))]
        return self._record(app, environ, start)

    def _record(self, app: Any, environ: Environ, start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = Call(
            environ["PATH_INFO"],
            environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "),
            environ.get("HTTP_IDEMPOTENCY_KEY", ""),
            body.decode("latin-1"),
            environ["REQUEST_METHOD"],
            environ.get("HTTP_COOKIE", ""),
            environ.get("HTTP_DPOP", ""),
        )
        self.calls.append(call)
        environ = {name: it for name, it in environ.items() if not name.startswith(self.hidden)}
        environ["wsgi.input"] = BytesIO(body)

        def noted(status: str, headers: Any, *rest: Any) -> Any:
            call.status = int(status[:3])
            return start(status, headers, *rest)

        def proceed() -> bytes:
            return _whole(app(environ, noted))

        waiting = self.faults.get(call.path)
        answer = waiting.pop(0)(environ, proceed) if waiting else (0, proceed())
        if answer is None:
            call.status = 0
            return []
        status, content = answer
        if not status:
            return [content]
        headers = content.get("headers", {}) if isinstance(content, dict) else {}
        text = content if isinstance(content, str) else json.dumps(content)
        noted(f"{status} So", [("Content-Type", "application/json"), *headers.items()])
        return [text.encode()]


def _whole(response: Any) -> bytes:
    with closing(response):
        return b"".join(response)


def answer(status: int, content: Any, **headers: str) -> Fault:
    """Answer so, without asking the app."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    whole = {**content, "headers": named} if isinstance(content, dict) else content
    return lambda environ, proceed: (status, whole)


def proceed(environ: Environ, proceed: Callable[[], bytes]) -> Answer:
    """Let the app answer."""
    return 0, proceed()


def lose(environ: Environ, proceed: Callable[[], bytes]) -> None:
    """Let the app do it, and hang up before the answer."""
    proceed()
    environ["tests.socket"].shutdown(SHUT_RDWR)


class Held:
    """A request that ``waits`` from when it came until ``let_go()`` lets it pass."""

    def __init__(self, *, answered: bool = False) -> None:
        """Wait before the app is asked, or after it has ``answered``."""
        self._answered = answered
        self._arrived = threading.Event()
        self._free = threading.Event()

    def __call__(self, environ: Environ, proceed: Callable[[], bytes]) -> Answer:
        content = proceed() if self._answered else b""
        self._arrived.set()
        assert self._free.wait(PATIENCE)
        return 0, content or proceed()

    @property
    def waits(self) -> bool:
        return self._arrived.is_set() and not self._free.is_set()

    def let_go(self) -> None:
        self._free.set()


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    site.start()
    try:
        yield site
    finally:
        site.stop()
