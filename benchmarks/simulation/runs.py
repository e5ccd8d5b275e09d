"""A run: every device lives its life once under each rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from multiprocessing import get_context

from .devices import Device
from .network import Network
from .ours import BoundSession, OurSession
from .outcomes import Tally
from .sessions import ForkingSession, OneTimeSession, Session
from .world import World, failovers, plan

RULES: tuple[type[Session], ...] = (OurSession, BoundSession, OneTimeSession, ForkingSession)
CHUNK = 100


def run(world: World, numbers: Sequence[int]) -> list[Tally]:
    """The tallies of some devices, in the order of ``RULES``. One device at a time is in memory."""
    tallies = [Tally() for _ in RULES]
    for number in numbers:
        life = plan(world, number)
        network = Network(world, life.seed)
        for rule, tally in zip(RULES, tallies, strict=True):
            device = Device(life, network, rule, failovers(world))
            tally.add(device.live(world.end))
    return tallies


def run_all(world: World, processes: int) -> list[Tally]:
    """The same for every device; the same whatever the number of processes."""
    chunk = partial(run, world)
    chunks = [range(it, min(it + CHUNK, world.devices)) for it in range(0, world.devices, CHUNK)]
    if processes == 1:
        return _sum(map(chunk, chunks))
    with get_context("spawn").Pool(processes) as pool:
        return _sum(pool.imap(chunk, chunks))


def _sum(parts: Iterable[list[Tally]]) -> list[Tally]:
    tallies = [Tally() for _ in RULES]
    for part in parts:
        for tally, one in zip(tallies, part, strict=True):
            tally.add(one)
    return tallies
