"""The outcome as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from .ours import BoundSession
from .outcomes import Counts, Tally
from .runs import RULES
from .sorts import Sort
from .world import DAY, HOUR, MINUTE, World, failovers


def report(world: World, tallies: Sequence[Tally]) -> Iterator[str]:
    """The rules, the thieves one by one, and what the figures are of; line by line."""
    yield "| rule | false log-outs | per device and month | missed thefts | a thief lasts: median |"
    yield " longest | stranded |\n|---|--:|--:|--:|--:|--:|--:|\n"
    for rule, tally in zip(RULES, tallies, strict=True):
        yield _row(rule.name, *_figures(world, tally))
    counts, thefts = tallies[0].counts, tallies[0].thefts
    yield (
        f"\n{world.devices:,} devices, {counts.owners:,} of them not robbed; {world.days} days; "
        f"{counts.refreshes:,} refreshes, {counts.unheard:,} answers lost; "
        f"{len(thefts):,} thefts, {len(tallies[0].of(excepted=True)):,} of them apart; "
        f"seed {world.seed}.\n\n"
    )
    yield _row("(apart) tabs that keep their own copies", *(it.name for it in RULES))
    yield "|---|" + "--:|" * len(RULES) + "\n"
    apart = [it.copying for it in tallies]
    yield _row(
        f"log-outs of {apart[0].owners:,} devices", *(f"{it.false_logouts:,}" for it in apart)
    )
    yield _row("per device and month", *(_monthly(world, it) for it in apart))
    yield "\n"
    yield from _failovers(world, tallies)
    yield "\n"
    yield from _bound(tallies[1])
    yield "\n"
    yield _row("thieves who live on, of those who got a successor", *(it.name for it in RULES))
    yield "|---|" + "--:|" * len(RULES) + "\n"
    for sort in sorted(Sort, key=lambda it: it.excepted):
        name = f"(apart) {sort.value}" if sort.excepted else sort.value
        yield _row(name, *(_living_on(tally, sort) for tally in tallies))


def _failovers(world: World, tallies: Sequence[Tally]) -> Iterator[str]:
    count = sum(1 for _ in failovers(world))
    yield _row(f"(apart) {count} failovers of the database", *(it.name for it in RULES))
    yield "|---|" + "--:|" * len(RULES) + "\n"
    counts = [it.counts for it in tallies]
    yield _row(
        "tokens that it forgot, in the hands of owners", *(f"{it.forgotten:,}" for it in counts)
    )
    yield _row(
        "of these owners, logged out by the next refresh",
        *(f"{it.forgotten_logouts:,}" for it in counts),
    )
    yield _row("logins that it forgot", *(f"{it.forgotten_logins:,}" for it in counts))


def _bound(tally: Tally) -> Iterator[str]:
    tried = [it for it in tally.thefts if it.tried]
    got = sum(it.first_at is not None for it in tried)
    yield _row("(apart) bound sessions", BoundSession.name)
    yield "|---|--:|\n"
    yield _row("logins since a browser forgot its key", f"{tally.counts.keys_gone:,}")
    yield _row("thieves who got a successor, of those who tried", f"{got} of {len(tried):,}")


def _figures(world: World, tally: Tally) -> Iterator[str]:
    counts = tally.counts
    decided = [it for it in tally.of(excepted=False) if it.decided]
    lasted = [it.lasted(world.end) for it in decided] or [0.0]
    yield f"{counts.false_logouts:,}"
    yield _monthly(world, counts)
    yield f"{len(tally.missed)} of {len(decided)}"
    yield _duration(median(lasted))
    yield _duration(max(lasted))
    yield f"{counts.stranded:,}"


def _monthly(world: World, counts: Counts) -> str:
    return f"{counts.false_logouts / max(counts.owners, 1) / world.days * 30:.2g}"


def _living_on(tally: Tally, sort: Sort) -> str:
    """Of those whose victim came back; of those apart, whether or not he did."""
    thieves = [it for it in tally.thefts if it.sort is sort]
    got = [it for it in thieves if it.decided or (sort.excepted and it.first_at is not None)]
    return f"{sum(it.shut_out_at is None for it in got)} of {len(got)}"


def _duration(seconds: float) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} seconds"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
