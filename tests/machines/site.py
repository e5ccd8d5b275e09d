"""The project of the tests as a server of the machines, and a world on it: over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import time_machine
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import override_settings
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import TokenError
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from jwt_refresh.sessions.refreshing import _key_hashes
from tests.support.backups import Backup
from tests.support.devices import Device, make_user
from tests.support.http import claims

from .observer import Observer
from .terms import OK, PLANS, START, Held, Token
from .world import World

Machine = TypeVar("Machine", bound=Any)
ROOMY = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 10**6},
}
"""A cache from which nothing is pushed out."""


class Site:
    """The project of the tests. A session has a user of its own."""

    device: ClassVar[type[Device]] = Device
    statuses: ClassVar = {200, 401, 409}
    """What it may answer: no server error."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self.clock = clock
        self.devices: dict[str, Device] = {}

    def set_clock(self, now: datetime) -> None:
        self.clock.move_to(now.timestamp())

    def log_in(self, plan: str) -> Held:
        device = self.device(make_user(f"person-{len(self.devices)}@example.com"))
        with override_settings(JWT_REFRESH=PLANS[plan] | {"DPOP": conf.DPOP}):
            assert device.login().status_code == 200
        held = _held(device)
        self.devices[held.token.sid] = device
        return held

    def refresh(self, presented: Token, key: str) -> Held | str:
        device = self.devices[presented.sid]
        headers = {"idempotency_key": key} if key else {}
        code = self.code(device.refresh(presented.encoded, **headers))
        return _held(device) if code == OK else code

    def judge(self, presented: Token, key: str) -> str:
        now = timezone.now()
        try:
            verified = conf.verifier(None).refreshable(presented.encoded)
            session = checking.living_session(verified, now)
            return checking.judge(session, verified, _key_hashes(key), now).name
        except TokenError as error:
            return error.code

    def use(self, token: Token) -> str:
        return self.code(self.devices[token.sid].get(token=token.encoded))

    def verify(self, token: Token) -> str:
        return self.code(self._post("/auth/verify/", token))

    def row(self, sid: str) -> dict[str, Any]:
        return {
            name: value
            for row in Session.objects.filter(pk=sid).values()
            for name, value in row.items()
        }

    def log_out(self, token: Token) -> None:
        assert self._post("/auth/logout/", token).status_code == 204

    def deactivate(self, token: Token) -> None:
        self._user(token).update(is_active=False)

    def set_password(self, token: Token) -> None:
        self._user(token).update(password="another")

    def set_own_password(self, token: Token) -> Held | str:
        device = self.devices[token.sid]
        code = self.code(device.change_password("another", token.encoded))
        held = _held(device)
        self.devices[held.token.sid] = device
        return held if code == OK else code

    def purge(self) -> None:
        sessions.purge()

    def backup(self, sid: str) -> Backup:
        return Backup(sid)

    def restore(self, sid: str, backup: Backup) -> None:
        backup.restore()

    def code(self, response: Any) -> str:
        """``OK``, or the word in which a refusal says why."""
        assert response.status_code in self.statuses
        code: str = response.json()["code"] if response.status_code != 200 else OK
        return code

    def _post(self, path: str, token: Token, data: Any = None) -> Any:
        return self.devices[token.sid].post(path, data, token=token.encoded)

    def _user(self, token: Token) -> Any:
        return get_user_model()._default_manager.filter(pk=self.devices[token.sid].user.pk)


def _held(device: Device) -> Held:
    return Held(_token(device.token), _token(device.refreshable))


def _token(encoded: str) -> Token:
    content = claims(encoded)
    return Token(content["sid"], content["jti"], content, encoded)


class OnSite(Observer):
    site: ClassVar[type[Site]] = Site

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(START.timestamp(), tick=False)
        self.server = self.site(self.travel.start())

    @initialize(atomic=st.booleans())
    def choose_transactions(self, atomic: bool) -> None:
        for connection in connections.all():
            connection.settings_dict["ATOMIC_REQUESTS"] = atomic

    def teardown(self) -> None:
        self.choose_transactions(False)
        get_user_model()._default_manager.all().delete()
        self.travel.stop()


class SiteMachine(OnSite, World):
    """The owner and the thieves of a session that is bound to no key."""


def checked(machine: Machine) -> Iterator[Machine]:
    """Let a test drive a machine step by step, and hold its rule against what came of it."""
    try:
        yield machine
        machine.rule_is_kept()
        machine.owner_goes_on()
    finally:
        machine.teardown()
