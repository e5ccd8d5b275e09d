"""What a page of another site can make the browser of its visitor send."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from jwt_refresh.exceptions import CSRFFailed
from jwt_refresh.login import log_in
from tests.support.devices import PASSWORD, Device
from tests.support.http import said
from tests.support.statements import statements
from tests.web.guessing import HOME, try_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NAME = get_user_model().USERNAME_FIELD
FORM = "application/x-www-form-urlencoded"
SIMPLE = [FORM, f"{FORM}; charset=utf-8", FORM.upper(), MULTIPART_CONTENT, "text/plain", ""]
"""What a page may send without asking (https://fetch.spec.whatwg.org/#cors-safelisted-method)."""


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "3/min"}


def send(content_type: str, site: str | None, password: str = "guess") -> Any:
    """A login in the name of ann, from the office of whoever looks at the page."""
    content = {NAME: "ann@example.com", "password": password}
    body: Any = urlencode(content)
    if content_type == MULTIPART_CONTENT:
        body = encode_multipart(BOUNDARY, content)
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    client = Client(REMOTE_ADDR=HOME)
    return client.generic("POST", "/auth/login/", body, content_type, headers=headers)


@pytest.mark.parametrize("content_type", SIMPLE)
def test_a_form_of_another_site_is_refused_before_it_counts(
    phone: Device, content_type: str
) -> None:
    with statements(0):
        for _ in range(10):
            response = send(content_type, "cross-site")
            assert said(response)[:2] == (403, "csrf_failed")
    assert "WWW-Authenticate" not in response
    assert response["Cache-Control"] == "no-store"
    assert try_from(HOME, phone) == 200


def test_the_right_password_in_a_form_of_another_site_is_refused_too(phone: Device) -> None:
    """Else the page would log its visitor in as somebody else."""
    assert said(send(FORM, "cross-site", PASSWORD))[1] == "csrf_failed"
    assert said(send(FORM, " Cross-Site ", PASSWORD))[1] == "csrf_failed"


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none", None])
def test_any_other_form_is_a_login(phone: Device, site: str | None) -> None:
    assert send(FORM, site, PASSWORD).status_code == 200
    assert send(MULTIPART_CONTENT, site, PASSWORD).status_code == 200
    assert send(FORM, site).status_code == 401


def test_json_of_another_site_was_asked_for_first(phone: Device) -> None:
    phone.http.defaults["HTTP_SEC_FETCH_SITE"] = "cross-site"
    assert phone.login().status_code == 200
    phone.password = "guess"
    assert phone.login().status_code == 401


def test_other_endpoints_take_no_token_from_such_a_page_that_it_does_not_have(
    phone: Device,
) -> None:
    """They count only what is good, so that such a form is of no use to anybody."""
    phone.login()
    headers = {"Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {phone.token}"}
    for path in ("verify", "refresh", "logout"):
        assert phone.http.post(f"/auth/{path}/", headers=headers).status_code < 300


def test_a_login_view_of_a_project_refuses_them_as_well(phone: Device, rf: Any) -> None:
    credentials = {NAME: "ann@example.com", "password": PASSWORD}
    with pytest.raises(CSRFFailed):
        log_in(rf.post("/", credentials, headers={"Sec-Fetch-Site": "cross-site"}), credentials)
    json = rf.post(
        "/", "{}", content_type="application/json", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert log_in(json, credentials).session.user == phone.user
    link = rf.get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert log_in(link, credentials).session.user == phone.user
