"""The cost of a signature is paid once: each request has its token verified one time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from jwt_refresh.core.keys.keyring import Key
from tests.support.devices import Device

from .places import PLACES, Place

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a key was asked about a signature."""
    asked: Counter[str] = Counter()
    verifies = Key.verifies

    def counted(key: Key, message: bytes, signature: bytes) -> bool:
        asked["checks"] += 1
        return verifies(key, message, signature)

    monkeypatch.setattr(Key, "verifies", counted)
    return asked


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("place", PLACES, ids=lambda it: f"{it.path}{it.member}")
def test_a_request_has_its_token_verified_once(
    phone: Device, checks: Counter[str], place: Place
) -> None:
    phone.login()
    takes_refreshable = place.path.startswith("/auth/refresh/")
    answer: Any = place.send(phone.refreshable if takes_refreshable else phone.token)
    assert answer.status_code in (200, 204) or "sessions/" in place.path, place
    assert checks["checks"] == 1
