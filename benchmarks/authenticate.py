"""What it costs to authenticate a request, against a floor that no session check can avoid.

The floor is ``jwt.decode`` and ``User.objects.get(pk=...)``: it knows no sessions, so that it
lets in whoever was logged out. All contestants take turns in one process; the medians of the
rounds are compared.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import jwt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Style
from jwt_refresh.models import Session
from jwt_refresh.sessions.issuing import tokens_of

from .project import SECRET

USERS, SESSIONS = 10_000, 20_000
SAMPLES, ROUNDS = 250, 31
LIMIT = 0.7
"""Most that ``authenticate`` may cost, in floors."""


def make_tokens() -> list[str]:
    """Fill the tables; tokens of sessions spread evenly over them."""
    users = User.objects.bulk_create(
        User(username=f"user{number}", password=make_password(None)) for number in range(USERS)
    )
    now = timezone.now().replace(microsecond=0)
    sessions = []
    for number in range(SESSIONS):
        user = users[number % USERS]
        session = Session(
            user=user,
            style=Style.SLIDING,
            lifetime=conf.LIFETIME,
            started_at=now,
            rotated_at=now,
        )
        session.renew(now)
        session.confirmed_at = now
        sessions.append(session)
    Session.objects.bulk_create(sessions)
    return [
        tokens_of(session, now, None).access_token for session in sessions[:: SESSIONS // SAMPLES]
    ]


def decode(encoded: str) -> Any:
    return jwt.decode(encoded, SECRET, algorithms=["HS256"])


def floor(encoded: str) -> User:
    return User.objects.get(pk=decode(encoded)["sub"])


def verify(encoded: str) -> object:
    return conf.verifier(None).authenticating(encoded)


def authenticate(request: Request) -> object:
    return JWTAuthentication().authenticate(request)


def microseconds(call: Callable[[Any], object], arguments: Sequence[object]) -> float:
    """The mean of one round."""
    start = perf_counter()
    for argument in arguments:
        call(argument)
    return (perf_counter() - start) / len(arguments) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.authenticate", description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {LIMIT} floors")
    check = parser.parse_args().check

    tokens = make_tokens()
    get = APIRequestFactory().get
    requests = [Request(get("/", headers={"Authorization": f"Bearer {it}"})) for it in tokens]
    with CaptureQueriesContext(connection) as queries:
        for request in requests:
            authenticate(request)
    if len(queries) != len(requests):
        sys.exit(f"{len(requests)} calls of authenticate made {len(queries)} queries.")

    contestants: dict[str, tuple[Callable[[Any], object], Sequence[object]]] = {
        "floor": (floor, tokens),
        "authenticate": (authenticate, requests),
        "jwt.decode alone": (decode, tokens),
        "our verifier alone": (verify, tokens),
    }
    gc.disable()
    rounds = [[microseconds(*it) for it in contestants.values()] for _ in range(ROUNDS)]
    gc.enable()

    write = sys.stdout.write
    write(f"Medians of {ROUNDS} rounds of {SAMPLES} calls; {USERS} users, {SESSIONS} sessions.\n")
    medians = dict(zip(contestants, map(median, zip(*rounds, strict=True)), strict=True))
    for name, cost in medians.items():
        write(f"{name:<20}{cost:8.1f} us{cost / medians['floor']:8.2f} floors\n")
    if check and medians["authenticate"] > LIMIT * medians["floor"]:
        sys.exit(f"authenticate costs more than {LIMIT} floors.")


if __name__ == "__main__":
    main()
