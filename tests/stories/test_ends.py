"""Whatever ends a session, at every place that takes a token: one table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwt_refresh import sessions
from jwt_refresh.exceptions import TokenError
from jwt_refresh.models import Session
from tests.support.devices import PAIR, Device
from tests.support.ends import ENDS, Lost, places
from tests.support.http import DAY, claims, said

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("atomic_requests"),
]


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("name", ENDS)
def test_what_has_ended_is_good_for_nothing(
    phone: Device, laptop: Device, clock: Any, settings: Any, name: str
) -> None:
    code, end = ENDS[name]
    end(Lost(phone, laptop, clock, settings))
    live = Session.objects.live().count()
    for place, present in places(phone, claims(laptop.token)["sid"]).items():
        response = present()
        assert said(response)[:2] == (401, code), place
        assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    with pytest.raises(TokenError) as refused:
        sessions.refresh(phone.refreshable)
    assert refused.value.code == code
    assert phone.logout().status_code == 204
    assert Session.objects.live().count() <= live


@pytest.mark.parametrize("expired", [False, True])
def test_an_expired_copy_ends_its_own_session_whatever_on_reuse_says(
    phone: Device, laptop: Device, clock: Any, settings: Any, expired: bool
) -> None:
    settings.JWT_REFRESH = PAIR | {"ON_REUSE": "user", "RETRY_WINDOW": timedelta(0)}
    phone.login()
    stolen = phone.refreshable
    clock.shift(13 * DAY)
    phone.refresh()
    clock.shift(2 * DAY if expired else 31)
    laptop.login()
    assert said(Device(phone.user).refresh(stolen))[1] == "token_reused"
    assert said(phone.refresh())[1] == "session_revoked"
    assert laptop.get().status_code == (200 if expired else 401)
