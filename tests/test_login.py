"""``log_in``, as a view of a project calls it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.backends import BaseBackend
from django.test import RequestFactory
from django.views.debug import SafeExceptionReporterFilter
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from jwt_refresh.exceptions import InvalidCredentials
from jwt_refresh.login import log_in
from jwt_refresh.models import Session
from tests.support.devices import PASSWORD, Device

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

    signals.user_logged_in.connect(note)
    try:
        log_in(request_of, credentials(ann))
    finally:
        signals.user_logged_in.disconnect(note)
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

    signals.user_login_failed.connect(note)
    try:
        if password == PASSWORD:
            assert log_in(request_of, given).session.user == ann
        else:
            with pytest.raises(InvalidCredentials):
                log_in(request_of, given)
    finally:
        signals.user_login_failed.disconnect(note)
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
