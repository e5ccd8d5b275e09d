"""``log_in``, as a view of a project calls it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import authenticate, get_user_model, signals
from django.contrib.auth.backends import BaseBackend
from django.core.cache import cache
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import RequestFactory
from django.urls import path
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from jwt_refresh import sessions
from jwt_refresh.authentication import JWTAuthentication
from jwt_refresh.exceptions import CSRFFailed, InvalidCredentials, Unavailable
from jwt_refresh.login import count_try, error_response, log_in, login_limits, token_response
from jwt_refresh.models import Session
from jwt_refresh.views import LoginView, exception_handler
from tests import urls
from tests.support.browsing import ACCESS, REFRESH, STYLES, Browser
from tests.support.devices import PASSWORD, Device
from tests.support.forging import segments_in
from tests.support.http import MINUTE
from tests.support.statements import statements
from tests.support.threads import race
from tests.support.told import connected

from .views import non_atomic

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NAME = get_user_model().USERNAME_FIELD


def credentials(user: Any, password: str = PASSWORD) -> dict[str, str]:
    return {NAME: user.get_username(), "password": password}


@pytest.fixture(params=["Django", "REST framework"])
def request_of(request: pytest.FixtureRequest) -> Any:
    """A request as a view of Django gets it, or one of REST framework."""
    if request.param == "Django":
        return RequestFactory().post("/")
    return APIView().initialize_request(APIRequestFactory().post("/"))


def test_it_starts_a_session_and_sets_the_user(ann: Any, request_of: Any) -> None:
    tokens = log_in(request_of, credentials(ann))
    assert request_of.user == tokens.session.user == ann
    assert async_to_sync(request_of.auser)() == ann
    phone = Device(ann)
    phone.token = tokens.access_token
    assert phone.get().json() == {"user": "ann@example.com", "sid": str(tokens.session.pk)}


def test_it_tells_django(ann: Any, request_of: Any) -> None:
    heard: list[Any] = []

    def note(request: Any, user: Any = None, **facts: Any) -> None:
        heard.append((request, user))

    with connected(signals.user_logged_in, note):
        log_in(request_of, credentials(ann))
    plain = request_of._request if isinstance(request_of, Request) else request_of
    assert heard == [(plain, ann)]


def test_the_fields_of_a_form_are_hidden_in_an_error_report(ann: Any) -> None:
    """A view of a project that takes one may have forgotten to say so."""
    form = credentials(ann) | {"code": "123456"}
    request = RequestFactory().post("/", form)
    with (
        patch("jwt_refresh.login.sessions.start", side_effect=ZeroDivisionError),
        pytest.raises(ZeroDivisionError),
    ):
        log_in(request, credentials(ann))
    shown = SafeExceptionReporterFilter().get_post_parameters(request)
    assert dict(shown) == {name: ["*" * 20] for name in form}


def test_the_fields_of_a_form_are_hidden_where_the_name_of_the_user_is_missing() -> None:
    request: Any = RequestFactory().post("/mylogin/", {"pw": PASSWORD})
    with pytest.raises(KeyError):
        log_in(request, {"password": PASSWORD})
    shown = SafeExceptionReporterFilter().get_post_parameters(request)
    assert shown["pw"] == SafeExceptionReporterFilter.cleansed_substitute


def test_a_view_of_plain_django_refuses_as_the_endpoint_does(ann: Any, phone: Device) -> None:
    """With the scheme of the token that came."""
    plain = RequestFactory().post("/", headers={"Authorization": "Bearer x"})
    with pytest.raises(InvalidCredentials) as refused:
        log_in(plain, credentials(ann, "wrong"))
    ours = error_response(refused.value, plain)
    phone.password = "wrong"
    theirs = phone.login()
    assert (ours.status_code, json.loads(ours.content)) == (theirs.status_code, theirs.json())
    for name in ("WWW-Authenticate", "Cache-Control", "Content-Type"):
        assert ours.get(name) == theirs.get(name)


class UnreadableView(LoginView):
    def post(self, request: Request) -> Response:
        response = super().post(request)
        response.data["user"] = object()
        return response


def test_an_answer_that_cannot_be_rendered_shows_no_token(ann: Any) -> None:
    """While ``DEBUG`` is off: the frames of the renderer hold it."""
    request = RequestFactory().post("/", credentials(ann))
    with pytest.raises(TypeError) as error:
        UnreadableView.as_view()(request)
    reporter = ExceptionReporter(request, error.type, error.value, error.tb)
    shown = reporter.get_traceback_html() + reporter.get_traceback_text()
    assert not segments_in(shown)


class RedirectingView(LoginView):
    def post(self, request: Request) -> Any:
        super().post(request)
        return HttpResponseRedirect("/")


def test_an_answer_that_is_not_one_of_rest_framework(ann: Any) -> None:
    response = RedirectingView.as_view()(RequestFactory().post("/", credentials(ann)))
    assert (response.status_code, response["Cache-Control"]) == (302, "no-store")


def test_it_has_the_limits_of_the_endpoint(
    phone: Device, request_of: Any, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    with pytest.raises(InvalidCredentials):
        log_in(request_of, credentials(phone.user, "wrong"))
    phone.password = "wrong"
    assert phone.login().status_code == 401
    with pytest.raises(Throttled):
        log_in(request_of, credentials(phone.user))
    assert not Session.objects.exists()


class Documented(BaseBackend):
    """Has the signature that Django's documentation shows, and looks the name up by itself."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **others: Any
    ) -> Any:
        assert not others
        user = get_user_model()._default_manager.filter(email=username).first()
        return user if user is not None and user.check_password(password or "") else None


@pytest.mark.parametrize(
    "backend", [f"{__name__}.Documented", "django.contrib.auth.backends.ModelBackend"]
)
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_backend_is_asked_as_djangos_own_form_asks_it(
    ann: Any, request_of: Any, settings: Any, monkeypatch: Any, backend: str, password: str
) -> None:
    settings.AUTHENTICATION_BACKENDS = [backend]
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    type(ann)._default_manager.update(email="ann@example.com")
    given = {"email": "ann@example.com", "password": password}
    failed: list[Any] = []

    def note(credentials: Any, **facts: Any) -> None:
        failed.append(credentials)

    with connected(signals.user_login_failed, note):
        if password == PASSWORD:
            assert log_in(request_of, given).session.user == ann
        else:
            with pytest.raises(InvalidCredentials):
                log_in(request_of, given)
    assert [told["username"] for told in failed] == ["ann@example.com"] * (password != PASSWORD)


class Strict(BaseBackend):
    """Asks for a second factor."""

    def authenticate(self, request: Any, otp: str = "", **credentials: Any) -> Any:
        user = get_user_model()._default_manager.get(**{NAME: credentials["username"]})
        return user if otp == "123456" and user.check_password(credentials["password"]) else None


def test_further_credentials_reach_the_backend(ann: Any, request_of: Any, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Strict"]
    assert log_in(request_of, credentials(ann) | {"otp": "123456"}).session.user == ann
    with pytest.raises(InvalidCredentials):
        log_in(request_of, credentials(ann))


# The limits alone


@pytest.fixture
def _two_a_minute(settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}


def from_address(address: str) -> Any:
    return RequestFactory().post("/", REMOTE_ADDR=address)


def try_by_other_means(request: Any, name: str, error: Exception | None = None) -> None:
    with login_limits(request, name):
        if error is not None:
            raise error


def fail(address: str, name: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        try_by_other_means(from_address(address), name, error)


WRONG = InvalidCredentials("wrong code")


@pytest.mark.usefixtures("_two_a_minute")
def test_a_try_by_other_means_counts_with_those_of_the_endpoint(
    phone: Device, request_of: Any
) -> None:
    name = phone.user.get_username()
    with pytest.raises(InvalidCredentials):
        try_by_other_means(request_of, name, WRONG)
    phone.password = "wrong"
    assert phone.login().status_code == 401
    with pytest.raises(Throttled):
        try_by_other_means(request_of, "somebody else")
    with pytest.raises(Throttled):
        try_by_other_means(from_address("192.0.2.1"), name)


@pytest.mark.usefixtures("_two_a_minute")
def test_a_name_that_nobody_has_is_limited_alike(db: None) -> None:
    for number in range(2):
        fail(f"192.0.2.{number}", "nobody", WRONG)
    with pytest.raises(Throttled):
        try_by_other_means(from_address("192.0.2.9"), "nobody")


@pytest.mark.usefixtures("_two_a_minute")
def test_a_block_that_ends_takes_its_try_back_and_no_other(ann: Any) -> None:
    """An attacker who knows a password must not clear the counter of guesses at the next step."""
    name = ann.get_username()
    fail("192.0.2.1", name, WRONG)
    for _ in range(5):
        try_by_other_means(from_address("192.0.2.2"), name)
    fail("192.0.2.3", name, WRONG)
    with pytest.raises(Throttled):
        try_by_other_means(from_address("192.0.2.4"), name)


@pytest.mark.usefixtures("_two_a_minute")
def test_only_a_complete_login_makes_an_address_known(ann: Any) -> None:
    name, office = ann.get_username(), from_address("192.0.2.1")
    try_by_other_means(from_address("192.0.2.2"), name)
    with login_limits(office, name) as limits:
        limits.succeeded(ann)
    for number in range(3, 5):
        fail(f"192.0.2.{number}", name, WRONG)
    with pytest.raises(Throttled):
        try_by_other_means(from_address("192.0.2.2"), name)
    try_by_other_means(office, name)


@pytest.mark.usefixtures("_two_a_minute")
def test_any_other_error_may_be_a_no_and_an_outage_is_none(ann: Any) -> None:
    name = ann.get_username()
    for number, error in enumerate((Unavailable("away"), TimeoutError(), OperationalError())):
        fail(f"192.0.2.{number}", name, error)
    for _ in range(2):
        fail("192.0.2.9", name, ZeroDivisionError())
    # Not by address: nobody has said that the user was refused.
    try_by_other_means(from_address("192.0.2.9"), "another")
    with pytest.raises(Throttled):
        try_by_other_means(from_address("192.0.2.8"), name)


def away(**facts: Any) -> None:
    raise ConnectionError


@pytest.mark.usefixtures("_two_a_minute")
@pytest.mark.parametrize("outermost", ["limits", "password"])
def test_who_finds_a_receiver_that_fails_does_not_guess_uncounted(ann: Any, outermost: str) -> None:
    """In either order of the two contexts, of which the one empties the frames of errors."""

    def guess(number: int) -> None:
        limits = login_limits(from_address(f"192.0.2.{number}"), ann.get_username())
        checking = sessions.checking_password("wrong")
        first, second = (limits, checking) if outermost == "limits" else (checking, limits)
        with first, second:
            authenticate(None, username=ann.get_username(), password="wrong")

    with connected(signals.user_login_failed, away):
        for number in range(2):
            with pytest.raises(ConnectionError):
                guess(number)
        with pytest.raises(Throttled):
            guess(9)


@pytest.mark.usefixtures("_two_a_minute")
def test_a_form_of_another_site_is_no_try(ann: Any) -> None:
    form = {"Sec-Fetch-Site": "cross-site"}
    for _ in range(3):
        request = RequestFactory().post("/", {"code": "1"}, headers=form)
        with pytest.raises(CSRFFailed):
            login_limits(request, ann.get_username())
    request = RequestFactory().post("/", {"code": "123456"})
    try_by_other_means(request, ann.get_username())
    assert dict(SafeExceptionReporterFilter().get_post_parameters(request)) == {"code": ["*" * 20]}


def test_the_limits_cost_one_query(ann: Any, settings: Any) -> None:
    request = RequestFactory().post("/")
    with statements(1):
        try_by_other_means(request, ann.get_username())
    settings.JWT_REFRESH = {"LOGIN_RATE": None}
    with statements(0):
        try_by_other_means(request, ann.get_username())


def test_a_project_counts_more_by_whom_it_names(clock: Any, log: Any) -> None:
    for _ in range(2):
        count_try("codes", "2/hour", "ann")
    with pytest.raises(Throttled) as refused:
        count_try("codes", "2/hour", "ann")
    error: Any = refused.value
    assert error.wait == 60 * MINUTE
    assert "event=throttled scope=codes" in log.text
    count_try("codes", "2/hour", "bob")
    count_try("mails", "2/hour", "ann")
    stored: Any = cache
    assert not [key for key in stored._cache if "ann" in key]
    clock.shift(60 * MINUTE)
    count_try("codes", "2/hour", "ann")


def test_a_project_counts_by_address_as_a_login_is_counted(request_of: Any, settings: Any) -> None:
    count_try("mails", "1/day", request_of)
    with pytest.raises(Throttled):
        count_try("mails", "1/day", request_of)
    neighbours = [from_address(f"2001:db8::{last}") for last in "12"]
    count_try("mails", "1/day", neighbours[0])
    with pytest.raises(Throttled):
        count_try("mails", "1/day", neighbours[1])
    # Behind a proxy that nobody has told of it would be the address of all.
    settings.REST_FRAMEWORK = {}
    for _ in range(2):
        count_try("mails", "1/day", RequestFactory(headers={"X-Forwarded-For": "::1"}).post("/"))


def test_of_tries_at_the_same_instant_no_more_get_through(clock: Any) -> None:
    got = race(8, lambda: count_try("codes", "3/day", "ann"))
    assert got.count(None) == 3
    assert sum(isinstance(it, Throttled) for it in got) == 5


# The answer of a login view of one's own


@csrf_exempt
def own_login(request: HttpRequest) -> HttpResponse:
    """Of plain Django, as an e-mail code or a passkey would have it."""
    user = get_user_model()._default_manager.get()
    return token_response(request, sessions.start(user, request), request.headers.get("X-Wants"))


class OwnLoginView(APIView):
    authentication_classes: Any = []
    permission_classes: Any = []

    def get_exception_handler(self) -> Any:
        return exception_handler

    def post(self, request: Request) -> Any:
        user = get_user_model()._default_manager.get()
        tokens = sessions.start(user, request)
        return token_response(request, tokens, request.headers.get("X-Wants"))


@csrf_exempt
@non_atomic
async def own_async_login(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(own_login)(request)


class OwnPasswordView(APIView):
    """Lets people change their password, and hands out the tokens that go on."""

    authentication_classes = [JWTAuthentication]

    def post(self, request: Request) -> Any:
        user: Any = request.user
        user.set_password("another")
        user.save()
        tokens = sessions.keep_current(request, user)
        assert tokens is not None
        return token_response(request, tokens)


@csrf_exempt
def own_refresh(request: HttpRequest) -> HttpResponse:
    """Refresh by the cookie that is there, and hand out the tokens of the same session."""
    encoded = request.COOKIES.get(REFRESH) or request.COOKIES[ACCESS]
    return token_response(request, sessions.refresh(encoded, request=request))


urlpatterns = [
    path("own/refresh/", own_refresh),
    path("own/django/", own_login),
    path("own/async/", own_async_login),
    path("own/rest/", OwnLoginView.as_view()),
    path("own/password/", OwnPasswordView.as_view()),
    *urls.urlpatterns,
]
OWN = ["/own/django/", "/own/async/", "/own/rest/"]
in_both_styles = pytest.mark.parametrize("style", STYLES)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("path", OWN)
@in_both_styles
def test_an_own_login_answers_as_the_endpoint_does(
    ann: Any, settings: Any, path: str, style: str
) -> None:
    settings.JWT_REFRESH = STYLES[style]
    page, other = Browser(ann), Browser(ann)
    own, endpoint = page.post(path), other.login()
    assert own.json() == endpoint.json()
    assert own.cookies.keys() == endpoint.cookies.keys()
    assert own["Content-Type"] == "application/json"
    assert own["Cache-Control"] == "no-store"
    assert page.get().json()["user"] == ann.get_username()
    # A header that authenticates nobody says nothing about how the page wants its tokens.
    assert page.post(path, Authorization="Bearer x").cookies.keys() == own.cookies.keys()
    in_body = page.post(path, X_Wants="body")
    assert "access_token" in in_body.json()
    assert not in_body.cookies
    settings.JWT_REFRESH = {}
    assert "access_token" in Browser(ann, "cross-site").post(path).json()


@pytest.mark.urls(__name__)
@in_both_styles
def test_an_own_login_of_another_site_starts_no_session_that_lives(
    ann: Any, settings: Any, style: str
) -> None:
    settings.JWT_REFRESH = STYLES[style]
    page = Browser(ann, "cross-site")
    response = page.post("/own/rest/")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert not response.cookies
    with pytest.raises(CSRFFailed):
        page.post("/own/django/")
    ends = Session.objects.values_list("revoked_reason", flat=True)
    assert [*ends] == ["csrf_failed"] * 2


@pytest.mark.urls(__name__)
def test_a_link_in_a_mail_logs_in_from_wherever_it_is_followed(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = STYLES["sliding"]
    page = Browser(ann, "cross-site")
    assert page.get("/own/django/").status_code == 200
    assert page.get().json()["user"] == ann.get_username()


def logged_in(user: Any, settings: Any, ours: dict[str, Any]) -> Browser:
    """The browser of a user who has logged in where these are the settings."""
    settings.JWT_REFRESH = ours
    page = Browser(user)
    page.login()
    return page


@pytest.mark.urls(__name__)
@in_both_styles
def test_new_tokens_of_a_session_travel_as_those_before(
    ann: Any, settings: Any, style: str
) -> None:
    page = logged_in(ann, settings, STYLES[style])
    before = page.cookies
    response = page.post("/own/password/")
    assert not response.json().keys() & {"access_token", "refresh_token"}
    assert page.cookies.keys() == before.keys()
    assert page.get().status_code == page.refresh().status_code == 200
    bearer = {"Authorization": f"Bearer {page.cookies[ACCESS]}"}
    response = page.post("/own/password/", **bearer)
    assert "access_token" in response.json()
    assert not response.cookies
    # Any site could have sent that one: it is not for a cookie.
    page.site = "cross-site"
    bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
    assert page.post("/own/password/", **bearer).status_code == 200


@pytest.mark.urls(__name__)
@in_both_styles
def test_cookies_that_are_replaced_by_newer_ones_of_their_session_end_it_not(
    ann: Any, settings: Any, style: str
) -> None:
    page = logged_in(ann, settings, STYLES[style])
    before = page.cookies
    assert page.post("/own/refresh/").cookies.keys() == before.keys()
    assert page.cookies != before
    assert page.get().status_code == page.refresh().status_code == 200


@in_both_styles
def test_cookies_work_in_any_world_of_transactions(
    ann: Any, settings: Any, style: str, atomic_requests: bool
) -> None:
    page = logged_in(ann, settings, STYLES[style] | {"REFRESH_GRACE": timedelta(0)})
    stale = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    assert page.post("/me/").status_code == page.refresh().status_code == 200
    assert page.post("/hello/async/").status_code == 200
    page.get()
    # Its end is durable, though the answer is an error.
    assert page.refresh(Cookie=stale).json()["code"] == "token_reused"
    assert page.post("/me/").json()["code"] == "session_revoked"
    assert page.logout().status_code == 204
    assert page.cookies == {}
