"""Lives made by hand, in a network in which nothing goes wrong but what one asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.simulation.devices import Device
from benchmarks.simulation.network import Fate, Network
from benchmarks.simulation.outcomes import Counts, Tally
from benchmarks.simulation.sessions import OneTimeSession, Pair, Session
from benchmarks.simulation.world import DAY, HOUR, MINUTE, Keys, Plan, Sitting, World
from jwt_refresh.exceptions import StaleRetry

CALM = Fate(
    lost=False, up=0.1, down=0.1, again=None, switched_off=False,
    calls_after=0.1, dawdles=0.0, patience=1.0,
)  # fmt: skip
EVENT = DAY
"""When something may happen to a request."""


class Calm(Network):
    """``fate`` befalls what is sent at ``EVENT``."""

    def __init__(self, **fate: Any) -> None:
        super().__init__(World(), 0)
        self.of_event = CALM._replace(**fate)

    def fate(self, tab: int, at: float) -> Fate:
        return self.of_event if at == EVENT else CALM


class Slow(Calm):
    """The first answer is lost; a duplicate of the second try comes 20 seconds late."""

    def fate(self, tab: int, at: float) -> Fate:
        return CALM._replace(lost=at == EVENT, again=20.0 if EVENT < at < EVENT + 20 else None)


class Stale(OneTimeSession):
    """Its tokens cannot be exchanged for a while."""

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        if EVENT <= now < EVENT + 10 * MINUTE:
            raise StaleRetry("stale")
        return super().refresh(pair, key, now)


class Lenient(OneTimeSession):
    """What comes a second time is refused, and nothing else happens."""

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        if not self.exchanges((pair.jti,), now):
            raise StaleRetry("stale")
        return super().refresh(pair, key, now)


def life(*sittings: tuple[float, float], tabs: int = 1, **changes: Any) -> Plan:
    """Of a person who sits down for an hour at first, and then again."""
    plan = Plan(0, 0, Keys.NONE, 14 * DAY, None, (), None, 0.0)
    sat = [Sitting(start, end, (start,) * tabs) for start, end in ((0.0, HOUR), *sittings)]
    return replace(plan, sittings=tuple(sat), **changes)


def lived(rule: type[Session], plan: Plan, **fate: Any) -> Tally:
    """What came of a life, 90 days after its start."""
    return Device(plan, Calm(**fate), rule).live(90 * DAY)


def ends(counts: Counts) -> tuple[int, int, int]:
    """False log-outs, stranded owners, ends of lifetimes."""
    return counts.false_logouts, counts.stranded, counts.ended
