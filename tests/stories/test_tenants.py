"""Several tenants on one server, with the same keys and users: whose token is it?"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest

from jwt_refresh import sessions
from jwt_refresh.exceptions import TokenInvalid
from jwt_refresh.models import Session
from tests.support.devices import Device
from tests.support.ends import places
from tests.support.http import claims, said

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

HERE = __name__
CLAIM = {"ISSUER": "iss", "AUDIENCE": "aud"}
BOTH = pytest.mark.parametrize("name", CLAIM)


def tenant(request: HttpRequest | None) -> str:
    return "https://jobs.example" if request is None else f"https://{request.get_host()}"


@pytest.fixture
def hook(settings: Any) -> Any:
    settings.ALLOWED_HOSTS = ["a.example", "b.example"]
    return tenant


def at(host: str, device: Device) -> Device:
    device.http.defaults["HTTP_HOST"] = host
    return device


@BOTH
@pytest.mark.usefixtures("style")
def test_the_same_answer_is_for_the_same_tenant(
    phone: Device, settings: Any, hook: Any, name: str
) -> None:
    """Two tabs that refresh at once get tokens of the tenant that they are at."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {name: hook}
    at("a.example", phone).login()
    first = phone.refreshable
    for _ in range(2):
        assert phone.refresh(first).status_code == 200
        assert phone.get().status_code == 200


@BOTH
@pytest.mark.usefixtures("style")
def test_a_token_of_one_tenant_is_refused_at_every_place_of_another(
    phone: Device, laptop: Device, settings: Any, hook: Any, name: str
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {name: hook}
    at("a.example", phone).login()
    at("b.example", laptop).login()
    for device, host in ((phone, "a.example"), (laptop, "b.example")):
        for token in (device.token, device.refreshable):
            assert claims(token)[CLAIM[name]] == f"https://{host}"
    at("b.example", phone)
    everywhere = places(phone, claims(laptop.token)["sid"])
    everywhere |= {
        "stateless": lambda: phone.get("/me/stateless/"),
        "logout": lambda: phone.logout(),
        "logout by the body": lambda: phone.post(
            "/auth/logout/", {"token": phone.refreshable}, token=None
        ),
    }
    for place, present in everywhere.items():
        assert said(present())[:2] == (401, "token_invalid"), place
    assert phone.get("/me/optional/").json()["user"] is None
    assert Session.objects.live().count() == 2
    at("a.example", phone)
    for path in ("/me/", "/me/stateless/", "/me/optional/", "/hello/", "/hello/async/"):
        assert phone.get(path).status_code == 200
    for device in (phone, laptop):
        assert device.refresh().status_code == device.verify().status_code == 200
        assert device.logout().status_code == 204


@BOTH
def test_a_job_has_no_request(ann: Any, settings: Any, hook: Any, name: str, rf: Any) -> None:
    settings.JWT_REFRESH = {name: hook}
    encoded = sessions.start(ann).access_token
    assert claims(encoded)[CLAIM[name]] == "https://jobs.example"
    with pytest.raises(TokenInvalid):
        sessions.refresh(encoded, request=rf.post("/", headers={"Host": "a.example"}))
    sessions.refresh(encoded)


def of_two(request: Any) -> str:
    """A tenant of a table, and none for others."""
    if request.get_host() == "a.example":
        return "https://a.example"
    raise Http404


@BOTH
def test_a_function_that_fails_without_a_request_is_named(
    ann: Any, settings: Any, name: str
) -> None:
    settings.JWT_REFRESH = {name: of_two}
    encoded = "e30.e30.e30"
    for act in (partial(sessions.start, ann), partial(sessions.refresh, encoded)):
        with pytest.raises(
            ImproperlyConfigured, match=rf"\['{name}'\] raised AttributeError"
        ) as it:
            act()
        assert isinstance(it.value.__cause__, AttributeError)
        assert "sessions.refresh() a request" in str(it.value)
    assert not Session.objects.exists()


@BOTH
def test_an_error_for_a_request_is_the_projects_own(
    phone: Device, settings: Any, hook: Any, name: str
) -> None:
    settings.JWT_REFRESH = {name: of_two}
    assert at("a.example", phone).login().status_code == 200
    assert at("b.example", phone).login().status_code == 404


useless: Any = None


def function(request: HttpRequest | None) -> Any:
    return useless


@BOTH
@pytest.mark.parametrize("value", [None, "", 7, b"https://a.example", ["a"], "a ", "x" * 256])
def test_a_useless_answer_writes_nothing_and_lets_nobody_in(
    ann: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    """``None`` would be worse than an error: a token for nobody in particular."""
    encoded = sessions.start(ann).access_token
    settings.JWT_REFRESH = {name: function}
    monkeypatch.setattr(f"{HERE}.useless", value)
    for act in (partial(sessions.start, ann), partial(sessions.refresh, encoded)):
        with pytest.raises(ImproperlyConfigured, match=rf"\['{name}'\] must return a text"):
            act()
    assert Session.objects.values_list("generation").get() == (0,)


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "https://id.example",
        "shop",
        "a b.c",
        # Each begins as a module does that is there.
        "tests",
        f"{HERE}.tenant",
        "jwt_refresh.example.com",
        *[f"{module}.example.com" for module in ("token", "code", "email", "test", "platform")],
    ],
)
@pytest.mark.usefixtures("style")
def test_a_text_is_the_same_for_every_request(
    phone: Device, settings: Any, name: str, text: str
) -> None:
    before = settings.JWT_REFRESH
    settings.JWT_REFRESH = before | {name: text}
    phone.login()
    assert claims(phone.token)[CLAIM[name]] == claims(phone.refreshable)[CLAIM[name]] == text
    assert phone.get().status_code == phone.refresh().status_code == 200
    for other in (f"{text}/", text.upper(), text[:-1]):
        settings.JWT_REFRESH = before | {name: other}
        assert said(phone.get())[1] == said(phone.refresh())[1] == "token_invalid"
    settings.JWT_REFRESH = before
    assert said(phone.get())[1] == "token_invalid"
