"""What the network and the device do to a request: a fact of the world, not of a rule."""

from __future__ import annotations

import random
from typing import NamedTuple

from .world import DAY, MINUTE, World

SHORTEST, LONGEST = 0.05, 5.0
"""From a request to its answer, in seconds."""
DUPLICATED = 0.005
SWITCHED_OFF = 0.001
AT_ONCE = 0.1
"""Shares of the requests that reach the server twice; of those that their device does not live
to hear answered, since its lid is closed or its battery empty; and of the times that a tab finds
its token due in the very instant in which others may."""


class Fate(NamedTuple):
    """Of a request that a tab sends at an instant, and of what the tab does after it.

    ``up`` and ``down`` are the ways to the server and back, ``again`` the delay of a duplicate,
    ``calls_after`` how long the client has its new tokens before it authenticates with them,
    ``dawdles`` how late the tab is to find its token due.
    """

    lost: bool
    up: float
    down: float
    again: float | None
    switched_off: bool
    calls_after: float
    dawdles: float
    patience: float


class Network:
    """The fates of the requests of one device.

    A fate depends on nothing but the world's seed, the tab and the instant: two rules that make
    a client send the same request make it share one fate.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self._known: dict[tuple[int, float], Fate] = {}
        self._rng = random.Random()

    def fate(self, tab: int, at: float) -> Fate:
        known = self._known.get((tab, at))
        if known is None:
            known = self._known[tab, at] = self._draw(tab, at)
        return known

    def _draw(self, tab: int, at: float) -> Fate:
        rng, world = self._rng, self._world
        rng.seed((self._seed << 64) + (int(at * 1e6) << 3) + tab)
        way, share = between(rng, SHORTEST, LONGEST), rng.random()
        return Fate(
            lost=rng.random() < world.loss,
            up=way * share,
            down=way * (1 - share),
            again=between(rng, SHORTEST, world.late) if rng.random() < DUPLICATED else None,
            switched_off=rng.random() < SWITCHED_OFF,
            calls_after=_calls_after(rng),
            dawdles=0.0 if rng.random() < AT_ONCE else rng.uniform(0, MINUTE),
            patience=rng.uniform(0.5, 1.5),
        )


def between(rng: random.Random, least: float, most: float) -> float:
    """All orders of magnitude alike."""
    return float(least * (most / least) ** rng.random())


def _calls_after(rng: random.Random) -> float:
    """Mostly a call waits for the token; a timer refreshes ahead of calls; a few never come."""
    sort = rng.random()
    if sort < 0.7:
        return between(rng, 0.001, 1)
    return between(rng, 1, 10 * MINUTE) if sort < 0.95 else DAY
