"""The main job over HTTP, end to end."""

from __future__ import annotations

import pytest

from .devices import Device

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_smoke(phone: Device, atomic_requests: bool) -> None:
    assert phone.login().status_code == 200
    assert phone.get().json()["user"] == "ann@example.com"
    for path in ("/hello/", "/hello/async/", "/hello/class/", "/hello/class/async/"):
        assert phone.get(path).status_code == 200, path
