"""How long a hundred guarded requests hold up the event loop, and with it everybody else.

While they are under way, a bare async view is asked again and again, and the longest time is noted
for which the event loop turned to nobody else. The database is made slow, so that whoever waits
for it in the event loop shows. Three kinds of a hundred requests take turns: guarded ones; ones
that ask for the user alone, by Django's own ``aget``; and, to show what it would look like, ones
whose token is checked in the event loop.
"""

from __future__ import annotations

# Before all that defines models.
from .project import databases, turn

# isort: split
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from jwt_refresh import sessions
from jwt_refresh.authentication import authenticate
from jwt_refresh.decorators import token_required

ROUNDS = 9
REQUESTS = 100
TICK = 0.001
QUERY = 0.02
"""How long the database takes for a query, in seconds."""

Application = Callable[..., Awaitable[None]]


async def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse("bare")


@token_required
async def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("guarded")


async def floor(request: HttpRequest) -> HttpResponse:
    await User.objects.aget()
    return HttpResponse("floor")


async def blocking(request: HttpRequest) -> HttpResponse:
    authenticate(request.headers["Authorization"].removeprefix("Bearer "), request)
    return HttpResponse("blocking")


VIEWS = {"guarded": guarded, "User.objects.aget": floor, "checked in the loop": blocking}
urlpatterns = [
    path("bare/", bare),
    *(path(f"{view.__name__}/", view) for view in VIEWS.values()),
]


async def request(application: Application, name: str, token: str = "") -> None:
    """Make a request as a server of ASGI does."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/{name}/",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    messages = asyncio.Queue[dict[str, Any]]()
    messages.put_nowait({"type": "http.request", "body": b""})
    status = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await application(scope, messages.get, send)
    if status != 200:
        sys.exit(f"{name} was answered by {status}.")


async def alone(application: Application) -> float:
    """Return how long the bare view takes with nobody beside it, in milliseconds."""
    return median([await _timed(application) for _ in range(50)])


async def beside(application: Application, name: str, token: str) -> tuple[float, float]:
    """Return how long the bare view takes beside the requests, and the longest hold-up."""
    held_up: list[float] = []
    watching = asyncio.create_task(_watch(held_up))
    others = asyncio.gather(*(request(application, name, token) for _ in range(REQUESTS)))
    taken = []
    while not others.done():
        taken.append(await _timed(application))
    await others
    watching.cancel()
    return median(taken), max(held_up)


async def _watch(held_up: list[float]) -> None:
    """Note how much later than it should the event loop turns to somebody, in milliseconds."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(TICK)
        held_up.append((time.perf_counter() - start - TICK) * 1e3)


async def _timed(application: Application) -> float:
    start = time.perf_counter()
    await request(application, "bare")
    return (time.perf_counter() - start) * 1e3


@contextmanager
def slow_database() -> Iterator[None]:
    """Let each query of a new connection take its time, in the thread that makes it."""

    def wait(execute: Callable[..., Any], *query: Any) -> Any:
        time.sleep(QUERY)
        return execute(*query)

    def slow_down(connection: Any, **kwargs: Any) -> None:
        connection.execute_wrappers.append(wait)

    connection_created.connect(slow_down)
    try:
        yield
    finally:
        connection_created.disconnect(slow_down)


async def measure(token: str) -> None:
    application = get_asgi_application()
    await request(application, "guarded", token)
    base: list[float] = []
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in VIEWS}
    for _ in range(ROUNDS):
        base.append(await alone(application))
        for name, view in VIEWS.items():
            found[name].append(await beside(application, view.__name__, token))
    least = median(base)
    write = sys.stdout.write
    write(f"Medians of {ROUNDS} rounds, in milliseconds; a query takes {QUERY * 1e3:.0f}.\n\n")
    write(f"{f'beside {REQUESTS} requests':<24}{'bare view':>12}{'longest hold-up':>18}\n")
    write(f"{'none':<24}{least:>12.1f}\n")
    for name, rounds in found.items():
        middle, longest = (median(times) for times in zip(*rounds, strict=True))
        write(f"{name:<24}{middle:>12.1f}{longest:>18.1f}\n")


def main() -> None:
    # Django forbids what the last contestant does.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    here = sys.modules[__name__]
    with databases() as aliases, override_settings(ROOT_URLCONF=here, ALLOWED_HOSTS=["*"]):
        turn.alias = aliases["SQLite"]
        token = sessions.start(User.objects.create_user("ann")).access_token
        with slow_database():
            asyncio.run(measure(token))


if __name__ == "__main__":
    main()
