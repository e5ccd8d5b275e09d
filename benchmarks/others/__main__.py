"""The settings, the clients of each package, and what is asked of them."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from os import getpid
from threading import Barrier, Thread
from typing import Any

import django
from django.conf import settings

from jwt_refresh.core.keys.generating import generate_private_key

NAME = f"jwt_refresh_others_{getpid()}"
AT_ONCE, ROUNDS = 32, 5
OURS: dict[str, Any] = {
    "REFRESH_LIFETIME": timedelta(days=14),
    "LOGIN_RATE": None,
    "REFRESH_RATE": None,
}
LATER: dict[str, Any] = OURS | {"REFRESH_GRACE": timedelta(0)}
"""As if the grace were over."""
SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
}

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(64),
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        *(f"django.contrib.{app}" for app in ("auth", "contenttypes", "sessions", "messages")),
        *("rest_framework", "rest_framework_simplejwt.token_blacklist", "dj_rest_auth"),
        *("allauth", "allauth.account", "allauth.headless", "knox", "jwt_refresh"),
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "USER": "postgres",
            "NAME": NAME,
            "TEST": {"NAME": NAME},
        }
    },
    ROOT_URLCONF="benchmarks.others.urls",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    USE_TZ=True,
    SIMPLE_JWT=SIMPLE_JWT,
    REST_AUTH={
        "USE_JWT": True,
        "TOKEN_MODEL": None,
        "JWT_AUTH_HTTPONLY": False,
        "SESSION_LOGIN": False,
    },
    ACCOUNT_RATE_LIMITS=False,
    HEADLESS_CLIENTS=("app",),
    HEADLESS_TOKEN_STRATEGY="allauth.headless.tokens.strategies.jwt.JWTTokenStrategy",
    HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED=True,
    HEADLESS_JWT_PRIVATE_KEY=generate_private_key("RS256"),
    JWT_REFRESH=OURS,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import (  # noqa: E402
    CaptureQueriesContext,
    setup_databases,
    teardown_databases,
)

Tokens = dict[str, str]
Answer = Any


def post(path: str, body: dict[str, Any], token: str = "", scheme: str = "Bearer") -> Answer:
    headers = {"Authorization": f"{scheme} {token}"} if token else {}
    client = Client(raise_request_exception=False)
    return client.post(path, body, content_type="application/json", headers=headers)


@dataclass(frozen=True)
class Package:
    """How a client logs in, refreshes, calls a view and logs out."""

    name: str
    distribution: str
    login: Callable[[str, str], Tokens]
    logout: Callable[[Tokens], Answer]
    path: str
    refresh_path: str = ""
    scheme: str = "Bearer"
    names: tuple[str, str] = ("access", "refresh")

    def call(self, tokens: Tokens) -> int:
        headers = {"Authorization": f"{self.scheme} {tokens['access']}"}
        client = Client(raise_request_exception=False)
        return int(client.get(self.path, headers=headers).status_code)

    def refresh(self, tokens: Tokens) -> tuple[int, Tokens]:
        """Return the status, and the tokens of the answer, under the names that all have here."""
        body = {self.names[1]: tokens["refresh"]}
        answer = post(self.refresh_path, body)
        if answer.status_code != 200:
            return answer.status_code, {}
        content = answer.json()
        content = content.get("data", content)
        access, refresh = self.names
        return 200, {"access": content[access], "refresh": content[refresh]}


def of_ours(name: str, password: str) -> Tokens:
    answer = post("/ours/login/", {"username": name, "password": password}).json()
    return {"access": answer["access_token"], "refresh": answer["refresh_token"]}


def of_simplejwt(name: str, password: str) -> Tokens:
    return dict(post("/simplejwt/token/", {"username": name, "password": password}).json())


def of_rest_auth(name: str, password: str) -> Tokens:
    return dict(post("/rest-auth/login/", {"username": name, "password": password}).json())


def of_allauth(name: str, password: str) -> Tokens:
    body = {"username": name, "password": password}
    meta = post("/_allauth/app/v1/auth/login", body).json()["meta"]
    return {"access": meta["access_token"], "refresh": meta["refresh_token"]}


def of_knox(name: str, password: str) -> Tokens:
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"access": post("/knox/login/", {}, basic, "Basic").json()["token"], "refresh": ""}


def end_at_allauth(tokens: Tokens) -> Answer:
    headers = {"Authorization": f"Bearer {tokens['access']}"}
    return Client().delete("/_allauth/app/v1/auth/session", headers=headers)


OAUTH = ("access_token", "refresh_token")
PACKAGES = (
    Package(
        "jwt_refresh",
        "django-jwt-refresh",
        of_ours,
        lambda tokens: post("/ours/logout/", {}, tokens["access"]),
        "/ours/me/",
        "/ours/refresh/",
        names=OAUTH,
    ),
    Package(
        "simplejwt",
        "djangorestframework-simplejwt",
        of_simplejwt,
        lambda tokens: post("/simplejwt/token/blacklist/", {"refresh": tokens["refresh"]}),
        "/simplejwt/me/",
        "/simplejwt/token/refresh/",
    ),
    Package(
        "dj-rest-auth",
        "dj-rest-auth",
        of_rest_auth,
        lambda tokens: post("/rest-auth/logout/", {"refresh": tokens["refresh"]}, tokens["access"]),
        "/rest-auth/me/",
        "/rest-auth/token/refresh/",
    ),
    Package(
        "allauth",
        "django-allauth",
        of_allauth,
        end_at_allauth,
        "/allauth/me/",
        "/_allauth/app/v1/tokens/refresh",
        names=OAUTH,
    ),
    Package(
        "knox",
        "django-rest-knox",
        of_knox,
        lambda tokens: post("/knox/logout/", {}, tokens["access"], "Token"),
        "/knox/me/",
        scheme="Token",
    ),
)


class Person:
    """A new user, logged in by a package."""

    count = 0

    def __init__(self, package: Package) -> None:
        Person.count += 1
        self.package = package
        self.user = User.objects.create_user(f"user{self.count}", password="violet-harbor-93")
        self.tokens = package.login(self.user.username, "violet-harbor-93")

    def refreshed(self) -> Tokens:
        """Refresh, and call a view with the new token, as a client does."""
        status, tokens = self.package.refresh(self.tokens)
        assert (status, self.package.call(tokens)) == (200, 200)
        return tokens


# What is asked, and what is told of each package


def race(package: Package) -> str:
    """Refresh so many times at once with one token; then try what came of it."""
    answered, usable = [], []
    for _ in range(ROUNDS):
        person, barrier, got = Person(package), Barrier(AT_ONCE), list[tuple[int, Tokens]]()

        def one(person: Person = person, barrier: Barrier = barrier, got: Any = got) -> None:
            barrier.wait()
            got.append(package.refresh(person.tokens))
            connection.close()

        threads = [Thread(target=one) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        good = [tokens["refresh"] for status, tokens in got if status == 200]
        answered.append(len(good))
        # None of them is refreshed before all have been looked at: one that is may end the others.
        usable.append(sum(package.refresh({"refresh": it})[0] == 200 for it in {*good}))
    answers, successors = sum(answered) / ROUNDS, sum(usable) / ROUNDS
    return f"{answers:.0f} answers, {successors:.0f} of them live on"


def lost(package: Package) -> str:
    """Refresh, lose the answer, and ask again later."""
    person = Person(package)
    package.refresh(person.tokens)
    with override_settings(JWT_REFRESH=LATER):
        status, tokens = package.refresh(person.tokens)
        again = status == 200 and package.refresh(tokens)[0] == 200
    return "goes on" if again else f"{status}: logged out"


def reused(package: Package) -> str:
    """Present a superseded token after its grace; then go on with the new one."""
    person = Person(package)
    tokens = person.refreshed()
    with override_settings(JWT_REFRESH=LATER):
        status, _ = package.refresh(person.tokens)
    later, _ = package.refresh(tokens)
    return f"{status}; its successor: {later}"


def logged_out(package: Package) -> str:
    person = Person(package)
    assert person.package.logout(person.tokens).status_code in (200, 204, 205, 401)
    return after(person)


def new_password(package: Package) -> str:
    person = Person(package)
    person.user.set_password("other")
    person.user.save()
    return after(person)


def deactivated(package: Package) -> str:
    person = Person(package)
    User.objects.filter(pk=person.user.pk).update(is_active=False)
    return after(person)


def deleted(package: Package) -> str:
    person = Person(package)
    User.objects.filter(pk=person.user.pk).delete()
    return after(person)


def after(person: Person) -> str:
    told = f"access {person.package.call(person.tokens)}"
    if person.tokens["refresh"]:
        told += f", refresh {person.package.refresh(person.tokens)[0]}"
    return told


def stored(package: Package) -> str:
    """Look for the token in each table."""
    person = Person(package)
    secret = person.tokens["refresh"] or person.tokens["access"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            quoted = connection.ops.quote_name(table)
            count = f"SELECT count(*) FROM {quoted} AS row WHERE row::text LIKE %s"
            cursor.execute(count, [f"%{secret}%"])
            if cursor.fetchone()[0]:
                return "the token itself"
    return "no token"


def statements(package: Package) -> str:
    """Count what the database is asked, transactions aside."""
    person = Person(package)
    package.call(person.tokens)
    with CaptureQueriesContext(connection) as asked:
        package.call(person.tokens)
    told = f"access {counted(asked)}"
    if person.tokens["refresh"]:
        with CaptureQueriesContext(connection) as asked:
            package.refresh(person.tokens)
        told += f", refresh {counted(asked)}"
    return told


def counted(asked: CaptureQueriesContext) -> int:
    frame = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return sum(not query["sql"].startswith(frame) for query in asked.captured_queries)


QUESTIONS: dict[str, tuple[Callable[[Package], str], bool]] = {
    f"{AT_ONCE} refreshes at once with one token": (race, True),
    "the answer of a refresh is lost": (lost, True),
    "a superseded token comes back": (reused, True),
    "after a logout": (logged_out, False),
    "after a new password": (new_password, False),
    "after the user was deactivated": (deactivated, False),
    "after the user was deleted": (deleted, False),
    "in the database": (stored, False),
    "statements": (statements, False),
}
"""Each question, and whether it is one of refreshing."""


def rows() -> Iterator[str]:
    names = [f"{it.name} {version(it.distribution)}" for it in PACKAGES]
    yield f"| | {' | '.join(names)} |"
    yield "|---" * (len(PACKAGES) + 1) + "|"
    for question, (ask, refreshes) in QUESTIONS.items():
        told = (
            "no refresh" if refreshes and not package.refresh_path else ask(package)
            for package in PACKAGES
        )
        yield f"| {question} | {' | '.join(told)} |"


def main() -> None:
    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        for row in rows():
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
    finally:
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
