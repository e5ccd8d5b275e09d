"""What it costs to authenticate a request, against a floor that no session check can avoid.

The floor is ``jwt.decode`` and ``User.objects.get(pk=...)``: it knows no sessions, so that it
lets in whoever was logged out. All contestants take turns in one process, on SQLite and on
PostgreSQL; the medians of the rounds are compared.
"""

from __future__ import annotations

# Before all that defines models.
from .project import POSTGRESQL_MISSING, SECRET, databases, turn

# isort: split
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
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Style
from jwt_refresh.models import Session
from jwt_refresh.sessions.issuing import tokens_of

USERS, SESSIONS = 10_000, 20_000
SAMPLES, ROUNDS = 250, 31
LIMIT = 0.7
"""Most that ``authenticate`` may cost on SQLite, in floors."""

Contestants = dict[str, tuple[Callable[[Any], object], Sequence[object]]]
"""By name, a function and the arguments that it is called with."""


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
    with connections[turn.alias].cursor() as cursor:
        cursor.execute("ANALYZE")
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


def contest() -> Contestants:
    """Contestants for the database whose turn it is."""
    tokens = make_tokens()
    get = APIRequestFactory().get
    requests = [Request(get("/", headers={"Authorization": f"Bearer {it}"})) for it in tokens]
    with CaptureQueriesContext(connections[turn.alias]) as queries:
        for request in requests:
            authenticate(request)
    if len(queries) != len(requests):
        sys.exit(f"{len(requests)} calls of authenticate made {len(queries)} queries.")
    return {
        "floor": (floor, tokens),
        "authenticate": (authenticate, requests),
        "jwt.decode alone": (decode, tokens),
        "our verifier alone": (verify, tokens),
    }


def medians(aliases: Sequence[str]) -> list[dict[str, float]]:
    """For each database what each contestant costs, in microseconds."""
    contests = []
    for alias in aliases:
        turn.alias = alias
        contests.append(contest())
    rounds: list[list[list[float]]] = [[] for _ in aliases]
    gc.disable()
    for _ in range(ROUNDS):
        for alias, contestants, costs in zip(aliases, contests, rounds, strict=True):
            turn.alias = alias
            costs.append([microseconds(*it) for it in contestants.values()])
    gc.enable()
    return [
        dict(zip(contestants, map(median, zip(*costs, strict=True)), strict=True))
        for contestants, costs in zip(contests, rounds, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.authenticate", description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {LIMIT} floors on SQLite")
    check = parser.parse_args().check

    with databases() as aliases:
        results = dict(zip(aliases, medians(list(aliases.values())), strict=True))
    write = sys.stdout.write
    write(f"Medians of {ROUNDS} rounds of {SAMPLES} calls; {USERS} users, {SESSIONS} sessions.\n")
    for database, costs in results.items():
        write(f"\n{database}\n")
        for name, cost in costs.items():
            write(f"{name:<20}{cost:8.1f} us{cost / costs['floor']:8.2f} floors\n")
    if POSTGRESQL_MISSING:
        write(f"\nPostgreSQL left out: {POSTGRESQL_MISSING}.\n")
    if check and results["SQLite"]["authenticate"] > LIMIT * results["SQLite"]["floor"]:
        sys.exit(f"authenticate costs more than {LIMIT} floors on SQLite.")


if __name__ == "__main__":
    main()
