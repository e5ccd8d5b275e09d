"""The rule of bound sessions: the real verdict in memory, and with thieves over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django.core.cache import cache
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from pytest_django import Settings

from jwt_refresh.sessions import proving
from tests.support.devices import Device
from tests.support.lanes import sized
from tests.support.proofs import BoundDevice, ProofKey
from tests.support.told import Told, listening, names

from .bound import INCIDENTS, BoundMemory, BoundOwner
from .owner import delays, which
from .site import ROOMY, OnSite, Site, checked
from .terms import DEAD, Held, Token
from .world import run

STEPS = 25
FLOOD = STEPS + 5
"""So many refreshes are allowed in a minute: more than the owner makes in a run."""


class BoundMachine(BoundOwner):
    server: BoundMemory

    def __init__(self) -> None:
        super().__init__()
        self.server = BoundMemory()


@pytest.mark.parametrize("plan", ["sliding", "pair"])
def test_past_the_end_that_a_lost_write_has_moved_the_owner_goes_on(plan: str) -> None:
    machine = BoundMachine()
    machine.log_in(plan)
    machine.refresh(1790, 0, 0, "answered")
    machine.happen("lose_a_write")
    machine.refresh(20, 0, 0, "answered")
    assert len(machine.copies) == 3
    machine.owner_goes_on()
    assert not machine.is_out


def test_the_rule_of_bound_sessions_holds(record_property: Any) -> None:
    run(BoundMachine, sized(300, 6000), 40, record_property)


# Over HTTP, with thieves


class Watched(BoundDevice):
    """Somebody reads along what proofs it sends."""

    def __init__(self, user: Any) -> None:
        super().__init__(user)
        self.sent: list[str] = []

    def _headers(self, token: str | None, headers: dict[str, str]) -> dict[str, str]:
        self.sent.append(headers["DPoP"])
        return super()._headers(token, headers)


Make = Callable[[Watched, str, str, str], dict[str, str]]
THIEVES_KEY = ProofKey()


def _own(device: Watched, method: str, path: str, token: str) -> dict[str, str]:
    return {"DPoP": THIEVES_KEY.proof(method, path, token=token, nonce=proving.nonce())}


def _disguised(device: Watched, method: str, path: str, token: str) -> dict[str, str]:
    """The owner's public key, and a signature of another one."""
    header, nonce = {"jwk": device.key.jwk}, proving.nonce()
    return {"DPoP": THIEVES_KEY.proof(method, path, token=token, header=header, nonce=nonce)}


def _of_another(device: Watched, method: str, path: str, token: str) -> dict[str, str]:
    """A fresh one of the owner, for another request."""
    return {"DPoP": device.key.proof("GET", "/hello/", token=token, nonce=proving.nonce())}


def _pre_made(device: Watched, method: str, path: str, token: str) -> dict[str, str]:
    """Made with the owner's key an hour ago, before anybody handed out a nonce."""
    an_hour_ago = int(time.time()) - 3600
    return {"DPoP": device.key.proof(method, path, token=token, iat=an_hour_ago)}


FAKES: dict[str, Make] = {
    "none": lambda *_: {},
    "own key": _own,
    "disguised": _disguised,
    "last of the owner": lambda device, *_: {"DPoP": device.sent[-1]},
    "first of the owner": lambda device, *_: {"DPoP": device.sent[0]},
    "for another request": _of_another,
    "made before": _pre_made,
}
fakes = st.sampled_from(sorted(FAKES))


class BoundSite(Site):
    device: ClassVar = Watched
    devices: dict[str, Watched]  # type: ignore[assignment]

    def ask_as_thief(self, method: str, path: str, token: Token, fake: str, scheme: str) -> str:
        device = self.devices[token.sid]
        thief = Device(device.user)
        thief.scheme = scheme
        proof = FAKES[fake](device, method, path, token.encoded)
        ask = thief.post if method == "POST" else thief.get
        return self.code(ask(path, token=token.encoded, **proof))


class BoundSiteMachine(OnSite, BoundOwner):
    site: ClassVar = BoundSite
    server: BoundSite

    def __init__(self) -> None:
        super().__init__()
        cache.clear()
        self.loot: list[Held] = []

    @rule(which=which)
    def steal(self, which: int) -> None:
        self.loot.append(self._copy(which))

    @precondition(lambda self: self.loot)
    @rule(after=delays, which=which, fake=fakes, times=st.sampled_from([1, 1, 1, 1, FLOOD]))
    def refresh_stolen(self, after: float, which: int, fake: str, times: int) -> None:
        self.wait(after)
        for _ in range(times):
            self._ask("POST", "/auth/refresh/", self._stolen(which).refreshable, fake)

    @precondition(lambda self: self.loot)
    @rule(which=which, fake=fakes)
    def use_stolen(self, which: int, fake: str) -> None:
        """Where it is no bearer token, which anybody may use until it ends."""
        held = self._stolen(which)
        if "cnf" in held.token.claims:
            self._ask("GET", "/me/", held.token, fake)
            self._ask("POST", "/auth/verify/", held.token, fake)
        if held.token != held.refreshable:
            self._ask("POST", "/auth/verify/", held.refreshable, fake)

    def _ask(self, method: str, path: str, token: Token, fake: str) -> None:
        """With the scheme of the token, and with the other one."""
        before = self.server.row(token.sid)
        for scheme in ("DPoP", "Bearer"):
            answer = self.server.ask_as_thief(method, path, token, fake, scheme)
            assert answer in DEAD | {"token_invalid"}, "K2"
        assert self.server.row(token.sid) == before, "K2"

    def _stolen(self, which: int) -> Held:
        return self.loot[-1 - which % len(self.loot)]


@pytest.fixture(params=["all", pytest.param("refresh", marks=pytest.mark.full)])
def told(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Told]:
    settings.CACHES = {"default": ROOMY}
    settings.JWT_REFRESH = {"DPOP": request.param, "REFRESH_RATE": f"{FLOOD}/min"}
    with listening() as told:
        yield told
    assert "reuse" not in names(told), "K3"


@pytest.fixture
def machine(told: Told) -> Iterator[BoundSiteMachine]:
    machine = BoundSiteMachine()
    machine.log_in("pair")
    machine.refresh(0, 0, 0, "answered")
    machine.steal(0)
    machine.steal(1)
    yield from checked(machine)


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("fake", FAKES)
def test_no_proof_of_a_thief_counts(machine: BoundSiteMachine, told: Told, fake: str) -> None:
    """Not even as one of the tries that are allowed in a minute."""
    machine.refresh_stolen(0, 0, fake, FLOOD)
    machine.refresh_stolen(0, 1, fake, 1)
    machine.use_stolen(0, fake)
    # Whoever proves nothing, or another key; a proof that is no good is refused before that.
    assert ("violated" in names(told)) == (fake in {"none", "own key"})
    machine.refresh(0, 0, 0, "answered")
    machine.use(0, 0)
    assert not machine.is_out


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("what", sorted({*INCIDENTS}))
def test_what_may_happen_to_a_bound_session(machine: BoundSiteMachine, what: str) -> None:
    machine.happen(what)
    machine.refresh_stolen(0, 0, "own key", 1)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_token_that_does_both_opens_nothing_to_a_thief(machine: BoundSiteMachine) -> None:
    machine.log_in("sliding")
    machine.steal(0)
    assert machine.loot[-1].token == machine.loot[-1].refreshable
    machine.use_stolen(0, "own key")


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_nobody_goes_on_by_a_new_password_after_the_end(machine: BoundSiteMachine) -> None:
    copies = machine.copies
    machine.happen("log_out")
    machine.happen("set_own_password")
    assert machine.copies is copies
    assert machine.is_out or machine.ledgers[copies[-1].token.sid].is_over


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("told")
def test_the_rule_of_bound_sessions_holds_over_http(record_property: Any) -> None:
    run(BoundSiteMachine, sized(14, 600), STEPS, record_property)
