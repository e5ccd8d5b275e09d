"""Each endpoint by itself: shapes, headers, signals, statements, and what goes wrong."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.versioning import NamespaceVersioning
from rest_framework.views import APIView

from jwt_refresh import sessions
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.web.transport import Presented
from tests.support.http import said

from .support.devices import PAIR, PASSWORD, Device
from .support.statements import statements
from .support.told import connected, listening

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NAME = get_user_model().USERNAME_FIELD
ENDPOINTS = ["login", "refresh", "verify", "logout", "logout/all", "logout/others"]


class Refusing(BaseBackend):
    def authenticate(self, request: Any, **credentials: Any) -> None:
        raise PermissionDenied


class Listener:
    """Notes what a signal says."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def __call__(self, **facts: Any) -> None:
        self.heard.append(facts)


@pytest.fixture
def listen() -> Any:
    with ExitStack() as stack:

        def connect(signal: Any) -> Listener:
            listener = Listener()
            stack.enter_context(connected(signal, listener))
            return listener

        yield connect


def log_in(name: str, password: str) -> Any:
    credentials = {NAME: name, "password": password}
    return Client().post("/auth/login/", credentials, content_type="application/json")


# Shapes


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_endpoint_answers_with_and_without_the_slash(path: str, slash: str) -> None:
    response = Client().post(f"/auth/{path}{slash}")
    assert response.status_code in (400, 401)
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    assert reverse(f"jwt_refresh:{path.replace('/', '-')}") == f"/auth/{path}/"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_only_post_is_allowed(phone: Device, path: str) -> None:
    phone.login()
    response = phone.get(f"/auth/{path}/")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "POST, OPTIONS"


def test_an_answer_has_the_members_of_rfc_6749(phone: Device) -> None:
    response = phone.login()
    assert response.json() == {
        "access_token": phone.token,
        "token_type": "Bearer",
        "expires_in": 1800,
    }
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", None])
def test_forms_work_as_well_as_json(phone: Device, content_type: str | None) -> None:
    credentials = {NAME: "ann@example.com", "password": PASSWORD}
    if content_type is None:
        response = Client().post("/auth/login/", credentials)
    else:
        body = f"{NAME}=ann%40example.com&password={PASSWORD.replace(' ', '+')}"
        response = Client().post("/auth/login/", body, content_type=content_type)
    token = response.json()["access_token"]
    assert Client().post("/auth/verify/", {"token": token}).status_code == 200


def test_a_project_with_versions_of_its_own_does_not_version_ours(
    phone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NamespaceVersioning, "allowed_versions", ["v1"])
    monkeypatch.setattr(APIView, "versioning_class", NamespaceVersioning)
    assert phone.login().status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "*/*;q=0"])
def test_an_answer_is_json_whatever_the_client_accepts(phone: Device, accept: str) -> None:
    """What an error means is in its body: a 406 would hide it."""
    response = phone.http.post("/auth/refresh/?format=xml", headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (401, "application/json")
    assert response.json()["code"] == "token_missing"


@pytest.mark.parametrize(
    ("path", "challenge"),
    [
        ("/auth/refresh/", 'Bearer realm="api"'),
        ("/auth/login/", 'Bearer realm="api"'),
        ("/me/", 'Bearer realm="api"'),
        ("/hello/class/", 'Bearer realm="api"'),
    ],
)
def test_a_401_without_a_token_carries_a_bare_challenge(
    phone: Device, path: str, challenge: str
) -> None:
    credentials = {NAME: "nobody", "password": "x"}
    response = phone.post(path, credentials, token=None)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, challenge)


@pytest.mark.parametrize("path", ["/auth/refresh/", "/auth/logout/all/", "/me/", "/hello/class/"])
def test_a_401_with_a_bad_token_says_so_in_the_challenge(phone: Device, path: str) -> None:
    response = phone.post(path, token="bad")
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    response = phone.post(path, token="bad worse")
    assert response.status_code == 400
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_request"'


# Login


def test_nobody_learns_why_a_login_was_refused(
    phone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are alike to the byte, and each costs one hashing of a password."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    answers = []
    for name, password, active in (
        ("nobody@example.com", PASSWORD, True),
        ("ann@example.com", "wrong", True),
        ("ann@example.com", PASSWORD, False),
    ):
        type(phone.user).objects.update(is_active=active)
        hashed.clear()
        response = log_in(name, password)
        answers.append((response.status_code, response.content, dict(response.headers)))
        assert hashed == [password]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 401
    assert b"invalid_credentials" in answers[0][1]


class Careless(ModelBackend):
    """Lets users in that it then says may not be."""

    def authenticate(self, request: Any, *args: Any, **credentials: Any) -> Any:
        return get_user_model()._default_manager.get()


def test_a_user_whom_a_backend_lets_in_by_mistake_is_refused(
    phone: Device, settings: Any, listen: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = ["tests.test_views.Careless"]
    failed = listen(signals.user_login_failed)
    type(phone.user).objects.update(is_active=False)
    assert said(phone.login())[:2] == (401, "invalid_credentials")
    assert failed.heard[0]["credentials"] == {"username": "ann@example.com"}
    # Packages that lock out by address count nothing without it.
    assert failed.heard[0]["request"].path == "/auth/login/"
    assert failed.heard[0]["sender"] == "jwt_refresh.login"
    assert not Session.objects.exists()


def test_a_backend_that_refuses_is_obeyed(phone: Device, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [
        "tests.test_views.Refusing",
        "django.contrib.auth.backends.ModelBackend",
    ]
    assert said(phone.login())[1] == "invalid_credentials"


def test_the_password_is_taken_as_it_was_typed(ann: Any) -> None:
    assert log_in("ann@example.com", PASSWORD).status_code == 200
    assert log_in("ann@example.com", PASSWORD.strip()).status_code == 401
    assert log_in(" ann@example.com ", PASSWORD).status_code == 200


def test_login_and_logout_tell_django(phone: Device, listen: Any) -> None:
    logged_in, failed, logged_out = map(
        listen, (signals.user_logged_in, signals.user_login_failed, signals.user_logged_out)
    )
    log_in("ann@example.com", "wrong")
    assert failed.heard[0]["request"].path == "/auth/login/"
    assert failed.heard[0]["credentials"]["password"] != "wrong"
    phone.login()
    assert logged_in.heard[0]["user"] == logged_in.heard[0]["request"].user == phone.user
    assert get_user_model().objects.get().last_login is not None
    phone.logout()
    phone.logout()
    assert [heard["user"] for heard in logged_out.heard] == [phone.user]
    phone.login()
    phone.post("/auth/logout/all/")
    assert [heard["user"] for heard in logged_out.heard] == [phone.user] * 2
    paths = [heard["request"].path for heard in logged_out.heard]
    assert paths == ["/auth/logout/", "/auth/logout/all/"]


@pytest.mark.usefixtures("bob")
def test_a_user_who_is_deleted_while_django_is_told_is_refused(phone: Device) -> None:
    """Django notes the time of the login on a row that is gone; those of others are there."""

    def delete(user: Any, **facts: Any) -> None:
        type(user)._default_manager.filter(pk=user.pk).delete()

    told = signals.user_logged_in
    told.connect(delete)
    told.receivers.insert(0, told.receivers.pop())
    told.sender_receivers_cache.clear()
    try:
        assert said(phone.login())[:2] == (401, "invalid_credentials")
    finally:
        told.disconnect(delete)


def test_trouble_of_a_receiver_is_not_taken_for_a_deleted_user(phone: Device) -> None:
    def fail(**facts: Any) -> None:
        raise DatabaseError("a receiver's own")

    with connected(signals.user_logged_in, fail), pytest.raises(DatabaseError):
        phone.login()


@pytest.mark.parametrize(
    ("error", "status"), [(PermissionDenied, 403), (Unavailable, 503), (OperationalError, 503)]
)
def test_a_login_that_a_receiver_refuses_leaves_no_session(
    phone: Device, error: type[Exception], status: int
) -> None:
    def refuse(**facts: Any) -> None:
        raise error("not from here")

    with connected(signals.user_logged_in, refuse):
        assert phone.login().status_code == status
    session = Session.objects.get()
    assert (session.state, session.revoked_reason) == (Session.State.REVOKED, "login_refused")


def test_a_login_that_a_receiver_refuses_in_a_transaction_is_undone(ann: Any) -> None:
    def refuse(**facts: Any) -> None:
        raise PermissionDenied

    with (
        connected(signals.user_logged_in, refuse),
        pytest.raises(PermissionDenied),
        transaction.atomic(),
        listening() as told,
    ):
        sessions.start(ann)
    assert not told
    assert not Session.objects.exists()


def test_a_garbage_header_does_not_stop_a_login(phone: Device) -> None:
    for header in ("Bearer", "Bearer a b", "Bearer garbage", "Basic eDp5"):
        phone.http.defaults["HTTP_AUTHORIZATION"] = header
        assert phone.login().status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, NAME),
        ({NAME: "ann@example.com"}, "password"),
        ({NAME: "ann@example.com", "password": None}, "password"),
        ({NAME: "ann@example.com", "password": ["x"]}, "password"),
        ({NAME: "ann@example.com", "password": "nul\0"}, "password"),
        ({NAME: "ann@example.com", "password": "x" * 4097}, "password"),
        ({NAME: "nul\0", "password": "x"}, NAME),
        ({NAME: "", "password": "x"}, NAME),
        ({NAME: {}, "password": "x"}, NAME),
        ({NAME: True, "password": "x"}, NAME),
    ],
)
def test_a_wrong_field_is_named(phone: Device, body: Any, field: str) -> None:
    with statements(0):
        response = phone.post("/auth/login/", body, token=None)
    assert response.status_code == 400
    assert field in response.json()


def test_a_long_password_works(phone: Device) -> None:
    phone.password = "pass phrase " * 300
    phone.user.set_password(phone.password)
    phone.user.save()
    assert phone.login().status_code == 200


# Statements


def test_login_makes_two_queries_and_two_inserts_beyond_what_django_does(phone: Device) -> None:
    """Whose name it is, for the limits; and how many sessions there are."""
    with statements(2 + 4):
        phone.login()
    assert (Session.objects.count(), IssuedToken.objects.count()) == (1, 1)


def test_a_request_makes_one_query_and_two_where_it_confirms(phone: Device) -> None:
    phone.login()
    for path in ("/me/", "/hello/"):
        phone.refresh()
        with statements(2):
            assert phone.get(path).status_code == 200
        with statements(1):
            assert phone.get(path).status_code == 200


def test_a_refresh_makes_three_statements_and_a_reissue_one(phone: Device) -> None:
    phone.login()
    first = phone.token
    with statements(3):
        phone.refresh()
    with statements(1):
        phone.refresh(first)


@pytest.mark.parametrize("generations", [2, 20])
def test_refusals_cost_the_same_however_old_the_session(
    phone: Device, clock: Any, generations: int
) -> None:
    phone.login()
    first = phone.token
    for _ in range(generations):
        phone.refresh()
    with statements(2):
        assert said(phone.refresh(first))[1] == "stale_retry"
    clock.shift(31)
    with statements(3):
        assert said(phone.refresh(first))[1] == "token_reused"


@pytest.mark.parametrize("others", [0, 20])
@pytest.mark.usefixtures("core_alone")
def test_logging_out_costs_the_same_however_many_sessions(phone: Device, others: int) -> None:
    for _ in range(others):
        sessions.start(phone.user)
    phone.login()
    for _ in range(2):
        with statements(2):
            phone.logout()
    phone.login()
    phone.get()
    with statements(3):
        phone.post("/auth/logout/all/")


def test_verify_makes_one_query(phone: Device) -> None:
    phone.login()
    with statements(1):
        phone.verify()


# Trouble


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("path", [*ENDPOINTS, "/me/", "/me/optional/", "/hello/"])
def test_nobody_is_let_in_while_the_database_cannot_be_asked(
    phone: Device, path: str, error: type[Exception], log: Any
) -> None:
    """Nor anonymous: a page that hides something from strangers would show as much as it can.

    (A41)
    """

    def fail(*args: Any) -> None:
        raise error("gone")

    phone.login()
    with connection.execute_wrapper(fail):
        if path.startswith("/"):
            response = phone.get(path)
        else:
            response = phone.login() if path == "login" else phone.post(f"/auth/{path}/")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "WWW-Authenticate" not in response
    ours = [record for record in log.records if record.name == "jwt_refresh"]
    (told,) = (record for record in ours if record.levelname == "ERROR")
    assert (told.event, told.why) == ("token_refused", "the database cannot be asked")
    assert told.exc_info is not None
    assert phone.token not in log.text


def test_no_secret_reaches_a_log_a_row_or_an_error(phone: Device, log: Any, settings: Any) -> None:
    settings.DEBUG = True
    phone.login()
    first = phone.token
    phone.refresh(idempotency_key="a secret of the client")
    answers = [
        phone.refresh(first, idempotency_key="x" * 256),
        phone.get(token=first[:-1]),
        phone.logout(),
        phone.get(),
        log_in("ann@example.com", PASSWORD + "x"),
    ]
    rows = [*Session.objects.values_list(), *IssuedToken.objects.values_list()]
    seen = log.text + repr(rows) + "".join(answer.content.decode() for answer in answers)
    for secret in (*first.split("."), *phone.token.split("."), PASSWORD, "a secret of the client"):
        assert secret not in seen
    assert log.text.count("event=token_refused") == 4
    settings.JWT_REFRESH = PAIR
    tokens = sessions.start(phone.user)
    for encoded in (tokens.access_token, tokens.refresh_token):
        assert encoded is not None
        assert encoded not in repr(tokens)
        assert encoded not in repr(Presented([encoded], by_cookie=False))
