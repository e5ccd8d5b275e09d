"""django-cors-headers, set up as in ``docs/browsers.md``: what another origin's page may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as in_force
from django.test import Client, override_settings

from tests.support.devices import Device
from tests.support.documents import block_with

pytestmark = pytest.mark.django_db

ORIGIN = "https://www.example.com"


@pytest.fixture(autouse=True)
def _set_up() -> Iterator[None]:
    names: dict[str, Any] = {
        "INSTALLED_APPS": [*in_force.INSTALLED_APPS],
        "MIDDLEWARE": [*in_force.MIDDLEWARE],
    }
    exec(block_with("corsheaders"), names)
    with override_settings(**{name: it for name, it in names.items() if name.isupper()}):
        yield


def may_send(path: str, header: str, origin: str = ORIGIN) -> bool:
    """Ask as a browser does before a request that is not simple."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    response = Client().options(path, headers=asked | {"Access-Control-Request-Headers": header})
    allowed = response.headers.get("Access-Control-Allow-Headers", "").split(", ")
    return response.headers.get("Access-Control-Allow-Origin") == origin and header in allowed


@pytest.mark.parametrize("path", ["/auth/refresh/", "/auth/login/", "/auth/logout"])
@pytest.mark.parametrize("header", ["authorization", "content-type", "idempotency-key"])
def test_a_page_may_send_what_the_endpoints_take(path: str, header: str) -> None:
    assert may_send(path, header)
    assert not may_send(path, header, "https://www.example.org")


def test_other_addresses_stay_closed() -> None:
    assert not may_send("/me/", "authorization")


def test_a_page_reads_when_to_come_back(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = {"REFRESH_RATE": "1/min"}
    phone.login()
    phone.http.defaults["HTTP_ORIGIN"] = ORIGIN
    answers = [phone.refresh() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    for answer in answers:
        assert answer["Access-Control-Allow-Origin"] == ORIGIN
        assert answer["Access-Control-Expose-Headers"] == "date, retry-after"
        assert "Access-Control-Allow-Credentials" not in answer
    assert int(answers[-1]["Retry-After"]) <= 60
