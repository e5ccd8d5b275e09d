"""Simulate what four rules of rotation do to owners and thieves; prints Markdown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from inspect import cleandoc

from benchmarks import simulation
from benchmarks.simulation.runs import run_all
from benchmarks.simulation.tables import report
from benchmarks.simulation.world import World


def main(arguments: Sequence[str]) -> None:
    usual = World()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--devices", type=int, default=usual.devices)
    parser.add_argument("--days", type=int, default=usual.days)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--loss", type=float, default=usual.loss, help="share of answers lost")
    parser.add_argument(
        "--late", type=float, default=usual.late, help="most seconds by which a duplicate is late"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--check", action="store_true", help="fail if our rule logs out owners or misses thieves"
    )
    chosen = parser.parse_args(arguments)
    world = World(chosen.devices, chosen.days, chosen.seed, chosen.loss, chosen.late)
    tallies = run_all(world, chosen.processes)
    sys.stdout.writelines(report(world, tallies))
    sys.stdout.write(f"\n{cleandoc(str(simulation.__doc__))}\n")
    if chosen.check and any(it.counts.false_logouts or it.missed for it in tallies[:2]):
        sys.exit("jwt_refresh logs out owners or misses thieves.")


if __name__ == "__main__":
    main(sys.argv[1:])
