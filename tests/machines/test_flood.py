"""The rule with its limits on: a thief floods every endpoint while the clock stands still.

P9: a 429 hides no verdict. Only a token that could be exchanged, or is good, is ever told to wait;
a flood of any other is nobody's tries but the thief's, and an owner at home logs in all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from pytest_django import Settings

from jwt_refresh.conf import conf
from jwt_refresh.sessions import checking
from jwt_refresh.web.limits import KNOWN_FOR, parse_rate
from tests.support.devices import Device, make_user
from tests.support.lanes import sized

from .owner import which
from .site import ROOMY, Site, SiteMachine, checked
from .terms import ACTS, DEAD, HARMLESS, OK, WAIT, Held, Token, key_of
from .world import run

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

FLOODS = ["refresh", "refresh_with_another", "verify", "log_in", "look", "log_out"]


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    """The default ones, in a cache from which nothing is pushed out."""
    settings.JWT_REFRESH = {}
    settings.CACHES = {"default": ROOMY}


def most(rate: str | None) -> int:
    return parse_rate(str(rate))[0]


class LimitedSite(Site):
    statuses = Site.statuses | {429}

    def refresh(self, presented: Token, key: str) -> Held | str:
        answer = super().refresh(presented, key)
        assert answer != WAIT or self.judge(presented, key) in ACTS, "P9"
        return answer

    def verify(self, token: Token) -> str:
        """Whoever must wait would have heard that it is good."""
        code = super().verify(token)
        if code == WAIT:
            checking.verify(conf.verifier(None).current(token.encoded))
        return OK if code == WAIT else code


class FloodMachine(SiteMachine):
    site = LimitedSite
    server: LimitedSite

    def __init__(self) -> None:
        super().__init__()
        cache.clear()
        self.strangers = 0

    @precondition(lambda self: self.loot)
    @rule(which=which, what=st.sampled_from(FLOODS))
    def flood(self, which: int, what: str) -> None:
        """All tries of a minute in one instant, and one more."""
        held = self._stolen(which)
        getattr(self, f"_flood_{what}")(held)

    def _flood_refresh(self, held: Held) -> None:
        """The first may change something; the others ask for the same again."""
        presented = held.refreshable
        answer = self.send(presented, key_of(0, presented))
        self.ledgers[presented.sid].is_safe &= answer in HARMLESS | DEAD
        self.loot += [answer] if isinstance(answer, Held) else []
        self._repeat(held, lambda: self.server.refresh(presented, key_of(0, presented)))

    def _flood_refresh_with_another(self, held: Held) -> None:
        """With a token that nobody exchanges: an access token, or one that nobody signed."""
        access = held.token.encoded
        forged = access[:-4] + ("AAAA" if access[-4:] != "AAAA" else "BBBB")
        encoded = forged if held.token == held.refreshable else access
        device = self._owner(held)
        self._repeat(held, lambda: self.server.code(device.refresh(encoded)), {"token_invalid"})

    def _flood_verify(self, held: Held) -> None:
        for token in (held.token, held.refreshable):
            self._repeat(held, lambda token=token: self.verify(token))  # type: ignore[misc]

    def _flood_look(self, held: Held) -> None:
        def look() -> str:
            response = self._owner(held).get("/auth/sessions/", token=held.token.encoded)
            return self.server.code(response)

        self._repeat(held, look, {OK, *DEAD})

    def _flood_log_out(self, held: Held) -> None:
        """With tokens of the thief's own, and of nobody's."""
        thief = Device(make_user(f"thief-{self.strangers}@example.com"))
        self.strangers += 1
        thief.login()
        before = self.server.row(held.token.sid)
        for encoded in (thief.token, thief.token, held.refreshable.encoded[:-4] + "AAAA"):
            thief.post("/auth/logout/", token=encoded)
        assert self.server.row(held.token.sid) == before, "P9"

    def _flood_log_in(self, held: Held) -> None:
        """From many addresses; and then the owner comes, from his own.

        Who has not logged in from there for as long as it is remembered waits like a stranger.
        """
        owner, http = self._owner(held), Client()
        thief = Device(owner.user, "guess")
        thief.http = http
        for _ in range(most(conf.LOGIN_RATE) + 2):
            self.strangers += 1
            address = f"10.0.{self.strangers // 250}.{self.strangers % 250}"
            http.defaults["REMOTE_ADDR"] = address
            assert thief.login().status_code in (401, 429)
        assert thief.login().status_code == 429
        owner.user.refresh_from_db()
        if owner.user.is_active and owner.user.check_password(owner.password):
            away = timezone.now() - owner.user.last_login
            expected = 200 if away.total_seconds() < KNOWN_FOR else 429
            assert owner.login().status_code == expected, "P9"

    def _repeat(self, held: Held, act: Callable[[], Any], told: set[str] | None = None) -> None:
        before = self.server.row(held.token.sid)
        answers = {str(act()) for _ in range(most(conf.REFRESH_RATE) + 1)}
        assert told is None or answers <= told, "P9"
        assert self.server.row(held.token.sid) == before, "P9"

    def _owner(self, held: Held) -> Device:
        return self.server.devices[held.token.sid]


@pytest.fixture
def machine() -> Iterator[FloodMachine]:
    machine = FloodMachine()
    machine.log_in("pair", in_peace=False)
    machine.steal()
    yield from checked(machine)


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_shuts_nobody_out(machine: FloodMachine, what: str) -> None:
    machine.flood(0, what)
    if what != "refresh":
        machine.refresh(0, 0, "answered")
        assert machine.ledger.is_safe


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_hides_no_theft(machine: FloodMachine, what: str) -> None:
    """The thief refreshes, uses what he got, and floods, in the very minute the owner comes."""
    machine.refresh_stolen(0, 0, 0)
    machine.use_stolen(0, 0)
    machine.wait(120)
    machine.flood(0, what)
    machine.refresh(0, 0, "answered")
    assert machine.ledger.is_over


def test_an_address_is_remembered_for_a_while(machine: FloodMachine) -> None:
    user = machine.server.devices[machine.store.token.sid].user
    for seconds, logs_in in ((KNOWN_FOR - 1, True), (KNOWN_FOR, False)):
        machine.wait(seconds)
        machine.flood(0, "log_in")
        user.refresh_from_db()
        assert (user.last_login == timezone.now()) is logs_in


def test_whoever_floods_waits_with_a_token_that_the_database_lost_too(
    machine: FloodMachine,
) -> None:
    machine.flood(0, "refresh")
    machine.happen("lose_a_write", 0)
    lost = machine.loot[-1].refreshable
    assert lost.jti in machine.ledger.lost
    assert machine.send(lost, "") == WAIT
    machine.wait(120)
    assert isinstance(machine.send(lost, ""), Held)


def test_the_rule_holds_while_a_thief_floods(record_property: Any) -> None:
    run(FloodMachine, sized(16, 900), 30, record_property)
