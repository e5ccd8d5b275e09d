"""A bound session through whatever happens: its owner goes on, and whoever lacks the key does not.

Lost answers, tabs that wake with old tokens, records that are gone, a database that loses its last
writes, thieves, another setting: by chance, over the real endpoints.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import proving
from jwt_refresh.sessions.refreshing import ROTATING
from tests.support.devices import PAIR, START, Device
from tests.support.http import MINUTE, claims
from tests.support.lanes import sized
from tests.support.proofs import BoundDevice, ProofKey

pytestmark = pytest.mark.django_db

STYLES: dict[str, dict[str, Any]] = {"sliding": {}, "pair": PAIR}
WAITS = [0, 1, 29, 31, MINUTE, 10 * MINUTE, 29 * MINUTE]
steps = st.lists(
    st.tuples(st.just("wait"), st.sampled_from(WAITS))
    | st.tuples(
        st.sampled_from(["refresh", "lose", "old", "use", "steal", "forget", "fail over", "set"]),
        st.integers(0, 99),
    ),
    min_size=sized(10, 30),
    max_size=sized(20, 60),
)


class World:
    """An owner, all tokens that were ever handed out to him, and what the database had before."""

    def __init__(self, user: Any, clock: Any, config: Settings, style: str) -> None:
        self.clock, self.config = clock, config
        self.owner = BoundDevice(user)
        self.set(0, style)
        assert self.owner.login().status_code == 200
        self.tokens = [self.owner.refreshable]
        self.before = self.row()

    def set(self, number: int, style: str = "") -> None:
        base = STYLES[style] if style else self.config.JWT_REFRESH
        dpop = ["all", "refresh", "required"][number % 3]
        self.config.JWT_REFRESH = base | {"DPOP": dpop, "REFRESH_RATE": None, "LOGIN_RATE": None}

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = Session.objects.values(*ROTATING).get()
        return found

    def over(self) -> bool:
        session = Session.objects.get()
        assert session.revoked_at is None
        return session.state is not Session.State.LIVE

    def wait(self, seconds: int) -> None:
        self.clock.shift(seconds)

    def use(self, number: int) -> None:
        """With the newest access token, if it is not over by itself."""
        if time.time() < claims(self.owner.token)["exp"]:
            assert self.owner.get().status_code == 200

    def refresh(self, number: int) -> None:
        self.present(self.owner.refreshable)

    def old(self, number: int) -> None:
        """A tab that slept, or a backup of the phone."""
        self.present(self.tokens[number % len(self.tokens)])

    def lose(self, number: int) -> None:
        held = self.owner.token, self.owner.refresh_token, self.owner.scheme
        self.refresh(number)
        self.owner.token, self.owner.refresh_token, self.owner.scheme = held

    def present(self, token: str) -> None:
        self.before = self.row()
        proof = self.owner.key.proof("POST", "/auth/refresh/", nonce=proving.nonce())
        body = {"refresh_token": token}
        answer = self.owner.post("/auth/refresh/", body, token=None, DPoP=proof)
        assert answer.status_code == 200, answer.json()
        self.owner._keep(answer)
        self.tokens.append(self.owner.refreshable)
        assert claims(self.owner.refreshable)["jti"] == self.row()["current_jti"]

    def steal(self, number: int) -> None:
        """Any token, with another key, an old proof, or none."""
        token = self.tokens[number % len(self.tokens)]
        before = self.row()
        stranger = ProofKey()
        nonce = proving.nonce()
        for headers in (
            {},
            {"DPoP": stranger.proof("POST", "/auth/refresh/", nonce=nonce)},
            {"DPoP": self.owner.key.proof("POST", "/auth/refresh/", iat=number)},
            {"DPoP": self.owner.key.proof("GET", "/me/", nonce=nonce)},
        ):
            body = {"refresh_token": token}
            answer = Device(self.owner.user).post("/auth/refresh/", body, token=None, **headers)
            assert answer.status_code == 401
        assert self.row() == before

    def forget(self, number: int) -> None:
        IssuedToken.objects.all().delete()

    def fail_over(self, number: int) -> None:
        """The database is as it was before the last refresh."""
        Session.objects.update(**self.before)


@pytest.mark.parametrize("style", STYLES)
def test_an_owner_with_his_key_goes_on_and_nobody_without_it_does(
    ann: Any, clock: Any, settings: Settings, style: str
) -> None:
    @hypothesis(max_examples=sized(8, 50), suppress_health_check=list(HealthCheck))
    @given(steps)
    def check(taken: list[tuple[str, int]]) -> None:
        Session.objects.all().delete()
        clock.move_to(START.timestamp())
        world = World(ann, clock, settings, style)
        for name, number in taken:
            if world.over():
                break
            getattr(world, name.replace(" ", "_"))(number)

    check()
