"""The rule, driven by an owner, thieves, the network and time: over HTTP, on the database.

Nothing limits how often they may ask: a 429 says nothing of the rule. ``tests/web`` has limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import override_settings
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.rotation import Act
from jwt_refresh.exceptions import TokenError
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from jwt_refresh.sessions.refreshing import _key_hashes
from tests.support.devices import Device, make_user
from tests.support.http import claims
from tests.support.lanes import sized

from .owner import Request, tabs
from .terms import GRACE, OK, PLANS, START, STEP, Held, Token, key_of
from .world import INCIDENTS, World, run

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LATE = (2 * GRACE + STEP).total_seconds()
ASKED_BEFORE = ["second refresh", "first answer"]
MEANWHILE = ["refresh", *ASKED_BEFORE, "set_own_password", "log_out"]


@pytest.fixture(autouse=True)
def _no_limit(settings: Settings) -> None:
    settings.JWT_REFRESH = {"REFRESH_RATE": None}


class Site:
    """The project of the tests. A session has a user of its own."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self.clock = clock
        self.devices: dict[str, Device] = {}

    def set_clock(self, now: datetime) -> None:
        self.clock.move_to(now.timestamp())

    def log_in(self, plan: str) -> Held:
        device = Device(make_user(f"person-{len(self.devices)}@example.com"))
        with override_settings(JWT_REFRESH=PLANS[plan]):
            assert device.login().status_code == 200
        held = _held(device)
        self.devices[held.token.sid] = device
        return held

    def refresh(self, presented: Token, key: str) -> Held | str:
        device = self.devices[presented.sid]
        headers = {"idempotency_key": key} if key else {}
        code = _code(device.refresh(presented.encoded, **headers))
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
        return _code(self.devices[token.sid].get(token=token.encoded))

    def verify(self, token: Token) -> str:
        return _code(self._post("/auth/verify/", token))

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
        code = _code(device.change_password("another", token.encoded))
        if code != OK:
            return code
        held = _held(device)
        self.devices[held.token.sid] = device
        return held

    def purge(self) -> None:
        sessions.purge()

    def _post(self, path: str, token: Token, data: Any = None) -> Any:
        return self.devices[token.sid].post(path, data, token=token.encoded)

    def _user(self, token: Token) -> Any:
        return get_user_model()._default_manager.filter(pk=self.devices[token.sid].user.pk)


def _held(device: Device) -> Held:
    return Held(_token(device.token), _token(device.refreshable))


def _token(encoded: str) -> Token:
    content = claims(encoded)
    return Token(content["sid"], content["jti"], content, encoded)


def _code(response: Any) -> str:
    """No server error, and whatever refuses says why in a word."""
    assert response.status_code in {200, 401, 409}
    code: str = response.json()["code"] if response.status_code != 200 else OK
    return code


class ViewsMachine(World):
    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(START.timestamp(), tick=False)
        self.server = Site(self.travel.start())

    @precondition(lambda self: not self.is_out)
    @rule(tab=tabs, after=st.sampled_from([0, LATE]), what=st.sampled_from(MEANWHILE))
    def refresh_meanwhile(self, tab: int, after: float, what: str) -> None:
        """Something happens between the verdict on a refresh and its swap."""
        token = self.store.refreshable
        request = Request(token, key_of(tab, token))
        if what in ASKED_BEFORE:
            self._serve(request, "answer delayed")
        self.wait(after)
        events, judge = [what], checking.judge

        def judge_first(*args: Any) -> Act:
            act = judge(*args)
            # To hand out the successor that there is writes nothing.
            due = [] if act is Act.REISSUE else [*events]
            events.clear()
            for event in due:
                self._act(event, request)
                self.before = self.server.row(token.sid)
                self.ledgers[token.sid].is_safe &= self._may_arrive(request)
            return act

        with mock.patch.object(checking, "judge", judge_first):
            self._serve(request, "answered")

    def _act(self, event: str, request: Request) -> None:
        if event in ("refresh", "second refresh"):
            self._serve(request, "answered")
        elif event == "first answer":
            for reply in self.replies:
                self._keep(reply)
            self.authenticate(self.store.token)
        else:
            self.happen(event, 0)

    @initialize(atomic=st.booleans())
    def choose_transactions(self, atomic: bool) -> None:
        for connection in connections.all():
            connection.settings_dict["ATOMIC_REQUESTS"] = atomic

    def teardown(self) -> None:
        self.choose_transactions(False)
        get_user_model()._default_manager.all().delete()
        self.travel.stop()


@pytest.fixture
def machine() -> Iterator[ViewsMachine]:
    machine = ViewsMachine()
    machine.log_in("pair", in_peace=False)
    try:
        yield machine
        machine.rule_is_kept()
        machine.owner_goes_on()
    finally:
        machine.teardown()


@pytest.mark.parametrize("what", MEANWHILE)
def test_between_verdict_and_swap(machine: ViewsMachine, what: str) -> None:
    machine.refresh_meanwhile(0, LATE, what)


@pytest.mark.parametrize("what", sorted({*INCIDENTS}))
def test_what_may_happen(machine: ViewsMachine, what: str) -> None:
    machine.happen(what, 1)


def test_a_thief_may_ask_all_day_what_became_of_his_loot(machine: ViewsMachine) -> None:
    """More often in a minute than the default of ``REFRESH_RATE`` lets anybody."""
    machine.steal()
    for _ in range(31):
        machine.poll(0)


def test_the_rule_holds_over_http(record_property: Any) -> None:
    run(ViewsMachine, sized(120, 1200), 30, record_property)
