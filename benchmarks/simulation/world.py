"""The world: devices, the habits of their owners, and the network. It does not know the rules."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .sorts import Sort

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class World:
    """The size of a run, and how bad its network is: the share of answers it loses, and how late
    a duplicate may be. Of so many devices as ``per_thief``, each sort of thief robs one, and one
    has tabs that keep copies of their own. Once in each ``period`` the database fails over to a
    standby that lags, by ``lag`` at most, and forgets what it had answered since. A browser forgets
    the key of its bound session once in ``forgets``, on average.

    Instants are seconds since the start of the run.
    """

    devices: int = 10_000
    days: int = 90
    seed: int = 1
    loss: float = 0.05
    late: float = 20 * SECOND
    per_thief: int = 100
    period: float = 7 * DAY
    lag: float = 5 * SECOND
    forgets: float = 365 * DAY

    @property
    def end(self) -> float:
        return self.days * DAY


class Keys(Enum):
    """Where a client takes the ``Idempotency-Key`` of a refresh from."""

    NONE = "it sends none"
    TRY = "one for the tries of a tab until it hears an answer or the device goes off"
    STORE = "one for each token, kept beside it in the store, and another after a 409"


@dataclass(frozen=True, slots=True)
class Sitting:
    """A device is on, from ``start`` to ``end``; its tabs are opened at ``opened``."""

    start: float
    end: float
    opened: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The life of one device, the same under every rule.

    ``forgets_at``: when its browser forgets the key of a bound session, and keeps the token.
    """

    number: int
    seed: int
    keys: Keys
    idle: float
    absolute: float | None
    sittings: tuple[Sitting, ...]
    sort: Sort | None
    theft_at: float
    copies: bool = False
    forgets_at: tuple[float, ...] = ()

    def key(self, now: float) -> int:
        """The number of the key that the browser has, the first, or a later one."""
        return bisect(self.forgets_at, now)


@dataclass(frozen=True, slots=True)
class Habit:
    """When a person sits down: ``(hour, spread, usual length)`` each, on that share of days."""

    tabs: tuple[int, int]
    workday: float
    weekend: float
    sittings: tuple[tuple[float, float, float], ...]


WAKING = (15.0, 4.5, 5 * MINUTE)
HABITS = {
    "phone": Habit((1, 1), 0.97, 0.97, (WAKING,) * 5),
    "phone with two apps": Habit((2, 2), 0.97, 0.97, (WAKING,) * 4),
    "work": Habit((1, 4), 0.95, 0.08, ((9.0, 0.5, 3 * HOUR), (13.5, 0.5, 3 * HOUR))),
    "evening": Habit((1, 3), 0.8, 0.9, ((20.0, 0.7, 50 * MINUTE),)),
    "now and then": Habit((1, 2), 0.3, 0.3, ((16.0, 3.0, 15 * MINUTE),)),
}
SHARES = (45, 10, 20, 15, 10)


class Failover(NamedTuple):
    """At an instant the database forgets what it has answered ``since``."""

    since: float
    at: float


def failovers(world: World) -> Iterator[Failover]:
    """Those of the whole run, which are the same for every device."""
    rng = random.Random(f"{world.seed}/failovers")
    for number in range(int(world.end // world.period)):
        at = (number + rng.random()) * world.period
        yield Failover(at - rng.uniform(0, world.lag), at)


def plan(world: World, number: int) -> Plan:
    """The life of device ``number``."""
    rng = random.Random(f"{world.seed}/{number}")
    habit = rng.choices(list(HABITS.values()), SHARES)[0]
    keys = rng.choices(list(Keys), (2, 1, 1))[0]
    idle, absolute = rng.choice((14 * DAY, 30 * DAY)), rng.choice((None, 90 * DAY))
    copies = number % world.per_thief == len(Sort)
    sittings = tuple(_sittings(rng, habit, world, 2 if copies else 1))
    sort = dict(enumerate(Sort)).get(number % world.per_thief)
    theft_at = _theft_at(rng, sittings, world)
    if sort is Sort.NO_RETURN:
        sittings = tuple(it for it in sittings if it.end < theft_at) or sittings[:1]
    if copies and keys is Keys.STORE:
        keys = Keys.TRY  # Nobody keeps a key in a store that nobody reads.
    seed = rng.getrandbits(60)
    forgets_at = tuple(_forgets_at(world, number))
    return Plan(number, seed, keys, idle, absolute, sittings, sort, theft_at, copies, forgets_at)


def _forgets_at(world: World, number: int) -> Iterator[float]:
    rng = random.Random(f"{world.seed}/{number}/key")
    at = rng.expovariate(1 / world.forgets)
    while at < world.end:
        yield at
        at += rng.expovariate(1 / world.forgets)


def _sittings(rng: random.Random, habit: Habit, world: World, least: int) -> Iterator[Sitting]:
    """``least``: how many tabs there are at least."""
    tabs = max(rng.randint(*habit.tabs), least)
    previous = 0.0
    away_until = 0
    for day in range(world.days):
        # About one absence a month, of two to ten days.
        if rng.random() < 1 / 30:
            away_until = day + rng.randint(2, 10)
        share = habit.weekend if day % 7 > 4 else habit.workday
        starts = sorted(
            (DAY * day + HOUR * rng.gauss(hour, spread), usual)
            for hour, spread, usual in habit.sittings
        )
        sits_down = day >= away_until and rng.random() < share
        for start, usual in starts if sits_down or day == 0 else ():
            begin = max(start, previous + MINUTE)
            # Glances are among them: on and off again before an answer can be asked for twice.
            previous = begin + max(3 * SECOND, rng.expovariate(1 / usual))
            yield Sitting(begin, previous, tuple(_opened(rng, tabs, begin, previous)))


def _opened(rng: random.Random, tabs: int, start: float, end: float) -> Iterator[float]:
    """Now and then all tabs come up at once, as when a lid is opened; else one by one."""
    at_once = rng.random() < 0.2
    for tab in range(tabs):
        yield start if at_once or tab == 0 else rng.uniform(start, end)


def _theft_at(rng: random.Random, sittings: tuple[Sitting, ...], world: World) -> float:
    """In the first half, so that there is time to find out: while the device is on, or whenever."""
    half = [it for it in sittings if it.end < world.end / 2] or sittings[:1]
    sitting = rng.choice(half)
    later = rng.uniform(sitting.end, world.end / 2 + MINUTE)
    return rng.choice((rng.uniform(sitting.start, sitting.end), later))
