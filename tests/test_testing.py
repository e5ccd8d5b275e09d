"""The help for tests of projects, in both styles, with every client."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import freezegun
import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import transaction
from django.test import (
    AsyncClient,
    AsyncRequestFactory,
    Client,
    RequestFactory,
    TestCase,
    override_settings,
)
from django.utils import timezone
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from jwt_refresh import sessions, testing
from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.exceptions import TokenError, TokenReused, UserInactive
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.models import Session
from jwt_refresh.permissions import RecentlyAuthenticated
from jwt_refresh.sessions import Tokens, checking
from jwt_refresh.testing import (
    JWTTestMixin,
    assert_live,
    assert_revoked,
    authenticated,
    claims_of,
    clear_counters,
    expired_tokens,
    expiring_tokens,
    forged_tokens,
    give,
    headers_of,
    log_in,
    lose_answer,
    reused_tokens,
    start_session,
    stolen,
)
from tests.support.browsing import REFRESH, STYLES
from tests.support.devices import PAIR, PASSWORD, Device, make_user
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.statements import statements
from tests.views import MeView, hello, hello_async

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
pytestmark = pytest.mark.django_db
CLIENTS: dict[str, Callable[[], Any]] = {
    "Client": Client,
    "APIClient": APIClient,
    "AsyncClient": AsyncClient,
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Any:
    """Each of the clients."""
    return CLIENTS[request.param]()


@pytest.fixture(params=[False, True], ids=["header", "cookies"])
def cookies(request: pytest.FixtureRequest, settings: Settings, style: str) -> bool:
    """The test runs with the header, and with cookies, in each style."""
    if request.param:
        settings.JWT_REFRESH = STYLES[style]
    return bool(request.param)


def send(client: Any, path: str = "/me/", method: str = "get", **more: Any) -> Any:
    """The answer to a client, sync or not."""
    ask = getattr(client, method)
    return (
        async_to_sync(ask)(path, **more) if isinstance(client, AsyncClient) else ask(path, **more)
    )


def refreshable(tokens: Tokens) -> str:
    return tokens.refresh_token or tokens.access_token


def post_refresh(client: Any, tokens: Tokens | str) -> Any:
    """Refresh as a client does that finds its token nowhere but in its memory."""
    token = tokens if isinstance(tokens, str) else refreshable(tokens)
    body = {"data": {"token": token}, "content_type": "application/json"}
    return send(client, "/auth/refresh/", "post", **body)


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of the only hasher there is."""
    called: list[str] = []
    for name in ("encode", "verify", "must_update", "harden_runtime"):
        monkeypatch.setattr(MD5PasswordHasher, name, lambda *_, it=name, **__: called.append(it))
    return called


# Clients


def test_each_client_is_logged_in(ann: Any, client: Any, cookies: bool, hashing: list[str]) -> None:
    tokens = log_in(client, ann)
    assert send(client).json() == {"user": ann.get_username(), "sid": str(tokens.session.pk)}
    assert send(client, method="post").status_code == 200
    assert send(client, "/hello/").status_code == 200
    assert bool(client.cookies) is cookies
    assert hashing == []


def test_a_login_takes_the_place_of_another(ann: Any, client: Any, cookies: bool) -> None:
    first = log_in(client, ann)
    second = log_in(client, make_user("bob@example.com"))
    assert send(client).json()["sid"] == str(second.session.pk) != str(first.session.pk)


def test_a_login_is_one_as_any_other(ann: Any) -> None:
    """It moves ``last_login``, and is refused to whoever may not log in."""
    log_in(Client(), ann)
    ann.refresh_from_db()
    assert ann.last_login is not None
    ann.is_active = False
    with pytest.raises(UserInactive):
        log_in(Client(), ann)


def test_statements(ann: Any) -> None:
    """No more than ``sessions.start``, the note of the login included; four more for a past."""
    with statements(4):
        log_in(Client(), ann)
    with statements(8):
        log_in(Client(), ann, age=HOUR)


def test_an_app_beside_pages_with_cookies(ann: Any, client: Any, cookies: bool) -> None:
    log_in(client, ann)
    tokens = log_in(client, ann, transport="body")
    assert send(client).json()["sid"] == str(tokens.session.pk)
    assert not client.cookies
    testing.refresh(client)
    assert not client.cookies


def test_a_page_that_keeps_the_access_token_in_its_memory(
    ann: Any, client: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = PAIR | {"REFRESH_COOKIE": REFRESH}
    log_in(client, ann)
    assert [*client.cookies] == [REFRESH]
    assert send(client).status_code == 200
    answer = send(client, "/auth/refresh/", "post")
    give(client, answer.json())
    assert send(client).status_code == 200
    assert client.cookies[REFRESH].value == answer.cookies[REFRESH].value


def test_a_client_that_checks_for_csrf(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = STYLES["pair"]
    page = Client(enforce_csrf_checks=True)
    log_in(page, ann)
    assert said(page.post("/me/"))[1] == "csrf_failed"
    assert page.post("/me/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "JWT", ""])
@pytest.mark.parametrize("name", ["Authorization", "X-Auth-Token"])
def test_the_header_of_the_settings(
    ann: Any, client: Any, settings: Settings, name: str, scheme: str
) -> None:
    settings.JWT_REFRESH = {"AUTH_HEADER_NAME": name, "AUTH_HEADER_TYPES": (scheme, "Token")}
    tokens = log_in(client, ann)
    assert headers_of(tokens) == {name: f"{scheme} {tokens.access_token}".strip()}
    assert send(client).status_code == 200
    give(client, None)
    assert send(client).status_code == 401


def test_a_header_of_one_request_goes_before(ann: Any) -> None:
    other = start_session(make_user("bob@example.com"))
    for client in (Client(), AsyncClient()):
        log_in(client, ann)
        answer = send(client, headers=headers_of(other)).json()
        assert answer["sid"] == str(other.session.pk)


def test_a_client_of_rest_framework_logs_out(ann: Any) -> None:
    client = APIClient()
    client.credentials(HTTP_X_SHOP="7", HTTP_AUTHORIZATION="Token of another kind")
    tokens = log_in(client, ann)
    assert vars(client)["_credentials"]["HTTP_X_SHOP"] == "7"
    assert client.get("/me/").json()["sid"] == str(tokens.session.pk)
    client.logout()
    assert client.get("/me/").status_code == 401


def test_tokens_are_given_and_taken(phone: Device, client: Any, cookies: bool) -> None:
    """Those that the endpoint answered, those of a session, one as text, and none."""
    name = {type(phone.user).USERNAME_FIELD: phone.user.get_username(), "password": PASSWORD}
    body = phone.post("/auth/login/", name | {"transport": "body"}, token=None).json()
    give(client, body)
    assert send(client).status_code == 200
    assert (
        post_refresh(client, body.get("refresh_token") or body["access_token"]).status_code == 200
    )
    give(client, "junk")
    assert said(send(client))[1] == "token_invalid"
    give(client, start_session(phone.user))
    assert send(client).status_code == 200
    give(client, None)
    assert said(send(client))[1] == "token_missing"
    assert not any(morsel.value for morsel in client.cookies.values())


def test_each_request_of_a_factory_is_let_in(ann: Any, cookies: bool) -> None:
    views: list[tuple[Any, Callable[[Any], Any]]] = [
        (RequestFactory(), hello),
        (APIRequestFactory(), MeView.as_view()),
        (AsyncRequestFactory(), async_to_sync(hello_async)),
    ]
    for factory, view in views:
        assert view(factory.get("/")).status_code == 401
        log_in(factory, ann)
        assert view(factory.get("/")).status_code == 200


# Requests


@pytest.mark.parametrize("factory", [RequestFactory, APIRequestFactory, AsyncRequestFactory])
def test_a_request_is_as_behind_a_guard(ann: Any, style: str, factory: Any) -> None:
    request: Any = authenticated(factory().get("/"), ann, amr=["otp"])
    assert request.user == async_to_sync(request.auser)() == ann
    assert request.auth["amr"] == ["otp"]
    assert MeView.as_view()(request).data["sid"] == request.auth["sid"]
    tokens = sessions.keep_current(request, ann)
    assert tokens is not None
    assert_revoked(request.auth, "password_changed")


def test_a_request_of_rest_framework_is_as_behind_a_guard(ann: Any) -> None:
    request: Any = authenticated(Request(APIRequestFactory().get("/")), ann)
    assert request.user == ann
    assert request.auth["sid"] == request._request.auth["sid"]
    assert JWTAuthentication().authenticate(Request(request._request)) is not None


def test_a_request_gives_a_session_its_device(ann: Any, rf: RequestFactory) -> None:
    request = rf.get("/", headers={"User-Agent": "Shop 1.0"})
    authenticated(request, ann)
    assert Session.objects.get().agent == "Shop 1.0"
    authenticated(request, ann, request=None)
    assert Session.objects.filter(agent="").count() == 1


# Sessions with a past


def lived(user: Any, clock: Any, age: int, idle: int) -> Tokens:
    """Do what ``start_session`` makes up."""
    clock.shift(-age)
    tokens = sessions.start(user, amr=["pwd"])
    if age != idle:
        clock.shift(age - idle)
        tokens = sessions.refresh(refreshable(tokens))
    clock.shift(idle)
    return tokens


def looks(tokens: Tokens) -> dict[str, Any]:
    """All that is not random about a session, its records and its tokens."""
    session = Session.objects.get(pk=tokens.session.pk)
    random = {"id", "current_jti", "previous_jti"}
    row = {field.name: getattr(session, field.name) for field in Session._meta.concrete_fields}
    records = session.issued_tokens.order_by("id").values("generation", "issued_at", "expires_at")
    current = session.issued_tokens.get(jti=session.current_jti)
    told: list[Any] = [
        {k: v for k, v in claims(token).items() if k not in ("sid", "jti", "origin_jti")}
        for token in (tokens.access_token, tokens.refresh_token)
        if token
    ]
    return {
        **{name: value for name, value in row.items() if name not in random},
        "records": [*records],
        "current": current.generation,
        "previous": session.issued_tokens.filter(jti=session.previous_jti).count(),
        "claims": told,
        "of the row": claims(refreshable(tokens))["jti"] == session.current_jti,
    }


@pytest.mark.parametrize(
    ("age", "idle"), [(0, 0), (MINUTE, 0), (MINUTE, MINUTE), (29 * MINUTE, 10), (100, 99)]
)
def test_a_past_is_as_if_it_had_been(ann: Any, clock: Any, style: str, age: int, idle: int) -> None:
    real = lived(ann, clock, age, idle)
    made_up = start_session(
        ann, age=timedelta(seconds=age), idle=timedelta(seconds=idle), amr=["pwd"]
    )
    assert looks(made_up) == looks(real)
    assert made_up.expires_in == claims(made_up.access_token)["exp"] - time.time()
    if made_up.refresh_token:
        exp = claims(made_up.refresh_token)["exp"]
        assert made_up.refresh_expires_in == exp - time.time()


@pytest.mark.parametrize("ago", [timedelta(days=2), timedelta(days=29), HOUR])
def test_an_old_session_was_refreshed_just_now(ann: Any, style: str, ago: timedelta) -> None:
    tokens = start_session(ann, age=ago)
    assert checking.authenticate(tokens.access_token, None)[0].user == ann
    row = Session.objects.get()
    assert timezone.now() - row.started_at - ago < 2 * SECOND
    assert claims(tokens.access_token)["auth_time"] == int(row.started_at.timestamp())
    sessions.refresh(refreshable(tokens))
    assert_live(tokens)


def test_an_old_login_must_be_renewed(ann: Any, rf: RequestFactory) -> None:
    class PayoutView(MeView):
        permission_classes = [RecentlyAuthenticated(max_age=timedelta(minutes=5))]

    for minutes, status in ((4, 200), (6, 401)):
        request = authenticated(rf.get("/"), ann, age=timedelta(minutes=minutes))
        assert PayoutView.as_view()(request).status_code == status


def test_a_session_that_lies_idle(ann: Any, style: str) -> None:
    """Its access token is over; in pair style it can be refreshed, until the fortnight is over."""
    tokens = start_session(ann, idle=HOUR)
    assert tokens.expires_in < 0
    with pytest.raises(TokenError) as refused:
        checking.authenticate(tokens.access_token, None)
    assert refused.value.code == "token_expired"
    if style == "pair":
        assert_live(tokens)
        sessions.refresh(refreshable(tokens))
        tokens = start_session(ann, idle=timedelta(days=14))
    with pytest.raises(TokenError) as refused:
        sessions.refresh(refreshable(tokens))
    assert refused.value.code == "token_expired"


def test_the_end_of_an_old_session_is_near(ann: Any, style: str) -> None:
    tokens = start_session(ann, age=timedelta(days=30) - 20 * SECOND)
    assert 18 <= tokens.expires_in <= 20
    assert start_session(ann, age=timedelta(days=40), idle=timedelta(days=40)).expires_in < 0


@pytest.mark.parametrize(
    "past",
    [
        {"age": -SECOND},
        {"idle": -SECOND},
        {"age": HOUR, "idle": 2 * HOUR},
        {"age": timedelta(days=30)},
        {"age": timedelta(days=40), "idle": timedelta(days=1)},
        {"style": "other"},
        {"amr": "otp"},
    ],
)
def test_a_past_that_cannot_be(ann: Any, past: Any) -> None:
    with pytest.raises(ValueError):
        start_session(ann, **past)
    assert not Session.objects.exists()


def test_what_was_refreshed_after_its_end_is_named(ann: Any) -> None:
    with pytest.raises(ValueError, match=r"reached its end is refreshed no more: give its idle\.$"):
        start_session(ann, age=timedelta(days=30))


def test_a_session_without_an_end_may_be_of_any_age(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = PAIR | {"SESSION_LIFETIME": None}
    tokens = start_session(ann, age=timedelta(days=4000))
    assert (tokens.expires_in, tokens.refresh_expires_in) == (30 * MINUTE, 14 * DAY)


def test_the_other_style(ann: Any, style: str) -> None:
    """Whatever the settings say now, as before a change of them."""
    other = "pair" if style == "sliding" else "sliding"
    for chosen in (other, style):
        tokens = start_session(ann, style=chosen)  # type: ignore[arg-type]
        assert tokens.session.style == chosen
        assert (tokens.refresh_token is not None) is (chosen == "pair")
        assert checking.authenticate(tokens.access_token, None)
        assert sessions.refresh(refreshable(tokens)).session.style == chosen


def test_the_other_style_with_long_lifetimes(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = {"LIFETIME": timedelta(days=20)}
    assert start_session(ann, style="pair").refresh_expires_in == 20 * DAY


def test_a_past_obeys_the_hooks_of_the_project(ann: Any, settings: Settings, rf: Any) -> None:
    def lifetimes(user: Any, request: Any) -> Lifetimes:
        assert request.data
        return Lifetimes(refresh_lifetime=timedelta(days=90), session_lifetime=None)

    settings.JWT_REFRESH = {
        "LOGIN_LIFETIMES": lifetimes,
        "CLAIMS": lambda user, session: {"since": session.started_at},
        "ISSUER": lambda request: request.get_host() if request else "nobody",
    }
    request = rf.post("/", {"remember_me": "on"})
    tokens = start_session(ann, request=request, age=HOUR)
    content = claims(tokens.access_token)
    assert tokens.refresh_expires_in == 90 * DAY
    assert content["iss"] == "testserver"
    assert content["since"].startswith(f"{tokens.session.started_at:%Y-%m-%dT%H:%M:%S}")


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_within_a_transaction_and_without(phone: Device, style: str, atomic_requests: bool) -> None:
    """Everything works in a transaction of the test, and in views that have one."""
    for act in (transaction.atomic, lambda: override_settings()):
        with act():
            client = Client()
            log_in(client, phone.user, age=HOUR)
            lose_answer(client)
            testing.refresh(client)
            assert client.get("/me/").status_code == 200
            assert_live(client)


# Tokens that are refused


def test_an_expired_token(ann: Any, client: Any, cookies: bool, style: str) -> None:
    tokens = expired_tokens(ann)
    give(client, tokens)
    assert said(send(client))[:2] == (401, "token_expired")
    status = {"sliding": 401, "pair": 200}[style]
    assert post_refresh(client, tokens).status_code == status


def test_a_token_that_is_about_to_expire(ann: Any, style: str, clock: Any) -> None:
    tokens = expiring_tokens(ann, age=2 * HOUR, amr=["otp"])
    assert tokens.expires_in == 10
    clock.shift(9)
    assert checking.authenticate(tokens.access_token, None)[1]["amr"] == ["otp"]
    clock.shift(1)
    with pytest.raises(TokenError):
        checking.authenticate(tokens.access_token, None)
    with pytest.raises(ValueError):
        expiring_tokens(ann, left=HOUR)


def test_a_token_that_expires_at_any_fraction_of_a_second(ann: Any, style: str) -> None:
    for fraction in (0.0, 0.001, 0.5, 0.999):
        with time_machine.travel(1_800_000_000 + fraction, tick=False):
            one = expiring_tokens(ann, left=SECOND).access_token
            assert checking.authenticate(one, None)
            with pytest.raises(TokenError) as refused:
                checking.authenticate(expired_tokens(ann).access_token, None)
            assert refused.value.code == "token_expired"


@pytest.mark.parametrize("lifetime", [timedelta(minutes=30), timedelta(seconds=5)])
def test_a_reused_token(ann: Any, client: Any, style: str, settings: Any, lifetime: Any) -> None:
    """Also where a token lives for less than the grace lasts."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"LIFETIME": lifetime}
    tokens = reused_tokens(ann, amr=["otp"])
    assert_live(tokens)
    assert said(post_refresh(client, tokens))[:2] == (401, "token_reused")
    assert_revoked(tokens, reason="reuse")
    assert claims(tokens.access_token)["amr"] == ["otp"]


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_forged_token(
    ann: Any, style: str, settings: Any, unsigned: bool, algorithm: str
) -> None:
    client = Client()
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"ALGORITHM": algorithm}
    tokens = forged_tokens(ann, unsigned=unsigned, amr=["otp"], age=HOUR)
    give(client, tokens)
    assert said(send(client))[:2] == (401, "token_invalid")
    assert said(post_refresh(client, tokens))[:2] == (401, "token_invalid")
    content = claims(tokens.access_token)
    assert (content["sid"], content["amr"]) == (str(tokens.session.pk), ["otp"])
    assert tokens.access_token.endswith(".") is unsigned
    assert_live(tokens)


def test_no_token_is_in_the_repr_of_what_is_returned(ann: Any, style: str) -> None:
    tokens = start_session(ann, age=HOUR)
    assert tokens.access_token not in repr(tokens)
    assert refreshable(tokens) not in repr(tokens)


# Claims


def test_claims_of_a_user_who_is_not_saved(
    django_user_model: Any, style: str, settings: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {
        "CLAIMS": lambda user, session: {"shop": user.pk and 7}
    }
    user = django_user_model(**{django_user_model.USERNAME_FIELD: "ann"}, pk=8)
    with statements(0):
        request = APIRequestFactory().get("/")
        made_up: Any = claims_of(user, amr=["otp"])
        force_authenticate(request, user=user, token=made_up)
        response = MeView.as_view()(request)
    assert response.data == {"user": "ann", "sid": made_up.sid}
    assert (made_up["shop"], made_up["amr"], made_up.sub) == (7, ["otp"], "8")
    assert not made_up.expired


def test_claims_of_tokens(ann: Any, style: str) -> None:
    tokens = start_session(ann, amr=["otp"])
    assert claims_of(tokens) == claims_of(tokens.access_token)
    assert claims_of(tokens) == checking.authenticate(tokens.access_token, None)[1]
    assert claims_of(tokens, amr=["pwd"])["amr"] == ["pwd"]
    assert claims_of(expired_tokens(ann)).expired
    assert claims_of(forged_tokens(ann))["sub"] == str(ann.pk)


# Thieves and lost answers


def test_a_client_refreshes(ann: Any, client: Any, cookies: bool) -> None:
    first = log_in(client, ann)
    second = testing.refresh(client)
    assert second.session == first.session
    assert refreshable(second) != refreshable(first)
    assert bool(client.cookies) is cookies
    assert send(client).status_code == 200
    assert refreshable(testing.refresh(client)) != refreshable(second)


def test_what_the_server_put_into_the_cookies_is_refreshed(
    ann: Any, client: Any, settings: Settings, style: str
) -> None:
    settings.JWT_REFRESH = STYLES[style]
    log_in(client, ann)
    assert send(client, "/auth/refresh/", "post").status_code == 200
    testing.refresh(client)
    assert Session.objects.get().generation == 2


def test_nothing_can_be_refreshed_that_is_not_held(client: Any) -> None:
    for act in (testing.refresh, lose_answer, assert_live):
        with pytest.raises(ValueError, match="holds no token"):
            act(client)


def test_a_lost_answer_is_given_again(ann: Any, client: Any, cookies: bool, clock: Any) -> None:
    """The same within the grace, another one after it, and the same again to the same request."""
    tokens = log_in(client, ann)
    lose_answer(client)
    lost = Session.objects.get()
    testing.refresh(client)
    again = Session.objects.get()
    assert (again.generation, again.current_jti) == (1, lost.current_jti)
    lose_answer(client, idempotency_key="k")
    lost = Session.objects.get()
    clock.shift(5 * MINUTE)
    testing.refresh(client, idempotency_key="k")
    assert Session.objects.get().current_jti == lost.current_jti
    lose_answer(client)
    lost = Session.objects.get()
    clock.shift(5 * MINUTE)
    testing.refresh(client)
    again = Session.objects.get()
    assert (again.generation, lost.generation) == (3, 3)
    assert again.current_jti != lost.current_jti
    assert_live(tokens)


def test_an_answer_is_lost_of_a_page_in_a_real_browser(ann: Any, style: str) -> None:
    """The test has no more than the text of its token."""
    tokens = start_session(ann)
    lose_answer(refreshable(tokens))
    lose_answer(tokens)
    assert Session.objects.get().generation == 1


def test_a_thief_is_told_from_the_owner(
    ann: Any, client: Any, cookies: bool, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    log_in(client, ann)
    thief = stolen(client)
    assert type(thief) is type(client)
    assert send(thief).json() == send(client).json()
    testing.refresh(client)
    with django_capture_on_commit_callbacks(execute=True):
        assert send(client).status_code == 200
    clock.shift(5 * MINUTE)
    assert_live(thief)
    with pytest.raises(TokenReused):
        testing.refresh(thief)
    for holder in (client, thief, ann):
        assert_revoked(holder, reason="reuse")
    assert said(send(client))[1] == "session_revoked"


def test_a_thief_shares_nothing_with_the_owner(ann: Any, client: Any) -> None:
    client.cookies["flavour"] = "oats"
    tokens = log_in(client, ann)
    thief = stolen(client)
    give(client, None)
    client.cookies["flavour"].set("flavour", "nuts", "nuts")
    if isinstance(client, APIClient):
        client.force_authenticate(make_user("bob@example.com"))
    assert send(thief).json()["sid"] == str(tokens.session.pk)
    assert thief.cookies["flavour"].value == "oats"


def test_a_factory_is_stolen_too(ann: Any, rf: RequestFactory) -> None:
    log_in(rf, ann)
    assert hello(stolen(rf).get("/")).status_code == 200


# Assertions


def test_what_lives(ann: Any, style: str, client: Any) -> None:
    tokens = log_in(client, ann)
    session = Session.objects.get()
    known = {
        "session": session,
        "tokens": tokens,
        "text": tokens.access_token,
        "claims": claims_of(tokens),
        "client": client,
        "user": ann,
    }
    for whose in known.values():
        assert_live(whose)
        with pytest.raises(
            AssertionError, match=rf"^Not revoked: session {session.pk} of .* is live"
        ):
            assert_revoked(whose)
    sessions.revoke(session, Session.Reason.LOGOUT)
    for whose in known.values():
        assert_revoked(whose)
        assert_revoked(whose, reason=Session.Reason.LOGOUT)
        with pytest.raises(
            AssertionError, match=r"^Not live: session .* was revoked for 'logout'.$"
        ):
            assert_live(whose)
        with pytest.raises(
            AssertionError, match=r"^Not revoked for 'reuse': session .* for 'logout'.$"
        ):
            assert_revoked(whose, reason="reuse")
    log_in(client, ann)
    assert_live(ann)
    with pytest.raises(AssertionError, match=r"^Not revoked: session .* is live.$"):
        assert_revoked(ann)


def test_a_refresh_token_stands_for_its_session(ann: Any) -> None:
    client = Client()
    give(client, {"refresh_token": start_session(ann, style="pair").refresh_token})
    assert_live(client)


def test_what_ended_by_itself_was_not_revoked(ann: Any) -> None:
    expired_tokens(ann)
    for check, text in ((assert_live, "Not live"), (assert_revoked, "Not revoked")):
        with pytest.raises(AssertionError, match=rf"^{text}: session .* ended by itself.$"):
            check(ann)


def test_a_user_without_sessions(ann: Any) -> None:
    for check in (assert_live, assert_revoked):
        with pytest.raises(AssertionError, match=rf"^{ann} has no session.$"):
            check(ann)


def test_each_session_of_a_user_that_is_wrong_is_named(ann: Any) -> None:
    for reason in ("logout", "theft"):
        sessions.revoke(start_session(ann).session, reason)
    with pytest.raises(AssertionError) as failed:
        assert_live(ann)
    assert str(failed.value).count("\nNot live: ") == 1
    with pytest.raises(
        AssertionError, match=r"^Not revoked for 'theft': session .* for 'logout'.$"
    ):
        assert_revoked(ann, reason="theft")


def test_what_the_next_request_would_be_refused_for_is_a_reason(ann: Any) -> None:
    """Before that request, and after it; also within a transaction that is rolled back."""
    users, client = type(ann)._default_manager.filter(pk=ann.pk), Client()
    log_in(client, ann)
    for change, back, reason in (
        ({"is_active": False}, {"is_active": True}, "user_inactive"),
        ({"password": "new"}, {"password": ann.password}, "password_changed"),
    ):
        assert_live(ann)
        users.update(**change)
        assert_revoked(ann, reason=reason)
        with pytest.raises(AssertionError, match=f"was revoked for '{reason}'"):
            assert_live(client)
        assert said(client.get("/me/"))[1] == reason
        users.update(**back)


def test_a_session_that_is_gone_was_deleted(ann: Any) -> None:
    tokens = start_session(ann)
    ann.delete()
    assert_revoked(tokens, reason="deleted")
    with pytest.raises(
        AssertionError, match=rf"^Not live: session {claims_of(tokens).sid} was del"
    ):
        assert_live(tokens.access_token)


# Counters


def guess(user: Any) -> int:
    name = {type(user).USERNAME_FIELD: user.get_username()}
    status: int = Client().post("/auth/login/", name | {"password": "wrong"}).status_code
    return status


def test_counters_begin_anew(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "1/day", "REFRESH_RATE": "1/day"}
    cache.set("shop", "open")
    tokens = start_session(ann)
    for _ in range(2):
        clear_counters()
        assert guess(ann) == 401
        assert guess(ann) == 429
        tokens = start_session(ann)
        assert post_refresh(Client(), tokens).status_code == 200
        assert post_refresh(Client(), tokens).status_code == 429
    assert cache.get("shop") == "open"


class MixinTest(JWTTestMixin, TestCase):
    def setUp(self) -> None:
        self.ann = make_user("ann@example.com")

    def test_the_functions_are_methods(self) -> None:
        tokens = self.log_in(self.ann, age=HOUR, transport="body")
        assert self.client.get("/me/").json()["sid"] == str(tokens.session.pk)
        self.assertLive(self.ann)
        self.client.post("/auth/logout/")
        self.assertRevoked(tokens, reason="logout")
        with pytest.raises(AssertionError):
            self.assertLive(self.ann)
        with pytest.raises(AssertionError):
            self.assertRevoked(self.ann, "reuse")

    async def test_an_async_test(self) -> None:
        await testing.alog_in(self.async_client, self.ann, amr=["otp"])
        answer = await self.async_client.get("/hello/async/")
        assert answer.status_code == 200


def test_the_mixin_begins_counters_anew(ann: Any, settings: Settings) -> None:
    """Each time that a test runs, also under a ``setUp`` that forgets its base class."""
    settings.JWT_REFRESH = {"LOGIN_RATE": "1/day"}
    seen: list[int] = []

    class Guess(JWTTestMixin):
        def runTest(self) -> None:
            seen.extend([guess(ann), guess(ann)])

    for _ in range(2):
        Guess().run()
    assert seen == [401, 429] * 2


# Clocks


def _by_freezegun(ahead: timedelta) -> Any:
    return freezegun.freeze_time(timezone.now() + ahead, tz_offset=0)


def _by_time_machine(ahead: timedelta) -> Any:
    return time_machine.travel(time.time() + ahead.total_seconds())


@pytest.mark.parametrize("travel", [_by_freezegun, _by_time_machine])
def test_clocks_that_move(ann: Any, style: str, travel: Any) -> None:
    """Before, during and after, whatever was started when."""
    client, other = Client(), Client()
    log_in(client, ann)
    with travel(timedelta(days=1)):
        assert said(client.get("/me/"))[1] == "token_expired"
        log_in(other, ann, age=HOUR)
        assert other.get("/me/").status_code == 200
        assert said(Client().get("/me/", headers=headers_of(expired_tokens(ann))))[0] == 401
    assert client.get("/me/").status_code == 200
    assert said(other.get("/me/"))[1] == "token_invalid"  # of tomorrow


# A service that only verifies


def test_a_service_that_only_verifies_starts_no_session(ann: Any, settings: Settings) -> None:
    from jwt_refresh.core.keys.generating import generate_private_key, public_half

    key = generate_private_key("EdDSA")
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_half(key)]}
    for act in (claims_of, start_session):
        with pytest.raises(ValueError, match="none of them can sign"):
            act(ann)
    assert not Session.objects.exists()
