"""A small run of the simulation, and what its definitions mean in lives made by hand."""

from __future__ import annotations

import runpy
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.simulation import __main__ as command
from benchmarks.simulation.devices import Device
from benchmarks.simulation.ours import BoundSession, OurSession
from benchmarks.simulation.outcomes import Counts, Tally, Theft
from benchmarks.simulation.runs import RULES, run
from benchmarks.simulation.scripts import SCRIPTS
from benchmarks.simulation.sessions import ForkingSession, OneTimeSession, Session
from benchmarks.simulation.sorts import Sort
from benchmarks.simulation.tables import report
from benchmarks.simulation.thieves import Script, Thief, Wait
from benchmarks.simulation.world import DAY, HOUR, MINUTE, Failover, Keys, World
from jwt_refresh.exceptions import TokenAlreadyExpired

from .by_hand import EVENT, Calm, Lenient, Slow, Stale, ends, life, lived

SMALL = World(devices=240, days=8, per_thief=30)


@pytest.fixture(scope="module")
def tallies() -> list[Tally]:
    return run(SMALL, range(SMALL.devices))


# The small run


def test_only_our_rule_logs_out_nobody(tallies: list[Tally]) -> None:
    ours, bound, once, forking = (tally.counts for tally in tallies)
    assert ours.false_logouts == bound.false_logouts == 0
    assert once.false_logouts > forking.false_logouts > 0


@pytest.mark.parametrize("sort", [it for it in Sort if not it.excepted])
def test_no_theft_is_missed(tallies: list[Tally], sort: Sort) -> None:
    thefts = [it for it in tallies[0].thefts if it.sort is sort]
    assert len(thefts) == 8
    assert [it for it in thefts if it.missed] == []


def test_a_grace_that_forks_misses_thefts(tallies: list[Tally]) -> None:
    assert tallies[3].missed


# What is counted as what


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tabs", [1, 3])
def test_who_is_away_too_long_reaches_the_end_of_his_session(
    rule: type[Session], tabs: int
) -> None:
    plan = life((14 * DAY + 2 * HOUR, 15 * DAY), tabs=tabs, absolute=90 * DAY)
    assert lived(rule, plan).counts.ended == 1


@pytest.mark.parametrize("fate", [{"lost": True}, {"switched_off": True}])
def test_a_lost_answer_can_be_asked_for_again_within_a_day(fate: Any) -> None:
    on = EVENT, EVENT + 5
    soon, late = life(on, (EVENT + DAY - 1, 3 * DAY)), life(on, (EVENT + DAY + 1, 3 * DAY))
    assert ends(lived(OurSession, soon, **fate).counts) == (0, 0, 0)
    for rule in RULES[2:]:
        assert ends(lived(rule, soon, **fate).counts) == (1, 0, 0)
    for rule in (it for it in RULES if it is not BoundSession):
        assert ends(lived(rule, late, **fate).counts) == (0, 1, 0)
    for plan in (soon, late):
        assert ends(lived(BoundSession, plan, **fate).counts) == (0, 0, 0)


def test_whoever_comes_back_to_a_dead_token_is_counted_though_the_run_is_over() -> None:
    plan = life((EVENT, EVENT + 5))
    assert ends(lived(OneTimeSession, plan, again=1.0).counts) == (1, 0, 0)


@pytest.mark.parametrize("keys", Keys)
def test_an_owner_who_gets_nothing_but_409_logs_in_again(keys: Keys) -> None:
    plan = life((EVENT, EVENT + 2 * HOUR), keys=keys)
    assert ends(lived(Stale, plan).counts) == (1, 0, 0)


def test_a_tab_that_gets_409_goes_on_with_what_another_got() -> None:
    counts = lived(Lenient, life((EVENT, EVENT + HOUR), tabs=2)).counts
    assert (ends(counts), counts.logins) == ((0, 0, 0), 0)


def test_a_branch_of_a_family_that_forked_expires_by_itself() -> None:
    session = ForkingSession(0.0, life())
    branch = session.refresh(session.first, "", 0.0)
    session.refresh(session.refresh(session.first, "", 1.0), "", DAY)
    with pytest.raises(TokenAlreadyExpired):
        session.refresh(branch, "", branch.expires_at)


@pytest.mark.parametrize("sort", [Sort.EXPIRED, Sort.SHADOWS])
@pytest.mark.parametrize("rule", RULES)
def test_a_session_that_has_ended_gets_a_thief_nothing(rule: type[Session], sort: Sort) -> None:
    plan = life((DAY, 2 * DAY), idle=HOUR, sort=sort, theft_at=HOUR - 1)
    (theft,) = lived(rule, plan).thefts
    assert (theft.first_at, theft.shut_out_at) == (None, None)


# A tab that keeps its own copy


def test_a_tab_that_slept_with_its_own_copy_is_taken_for_a_thief() -> None:
    """It was open on the first day, and slept through the second; another refreshed meanwhile."""
    first, second, third = life((DAY, DAY + 2 * HOUR), (2 * DAY, 2 * DAY + HOUR)).sittings
    both = [replace(it, opened=(it.start, it.start + HOUR / 2)) for it in (first, third)]
    plan = replace(life(), sittings=(both[0], second, both[1]))
    shared = lived(OurSession, plan)
    assert (ends(shared.counts), shared.counts.owners) == ((0, 0, 0), 1)
    apart = lived(OurSession, replace(plan, copies=True))
    assert (ends(apart.copying), apart.copying.owners) == ((1, 0, 0), 1)
    assert apart.counts == Counts()


def test_each_rule_logs_out_tabs_with_copies_of_their_own(tallies: list[Tally]) -> None:
    for rule, tally in zip(RULES, tallies, strict=True):
        assert tally.copying.owners == 8
        assert (tally.copying.false_logouts == 0) is (rule is BoundSession)


# Bound sessions


@pytest.mark.parametrize("sort", Sort)
def test_no_thief_gets_anything_of_a_bound_session(tallies: list[Tally], sort: Sort) -> None:
    thefts = [it for it in tallies[1].thefts if it.sort is sort]
    assert len(thefts) == 8
    assert [it for it in thefts if it.first_at is not None] == []


def test_nearly_every_sort_of_thief_tries(tallies: list[Tally]) -> None:
    tried = {it.sort for it in tallies[1].thefts if it.tried}
    # One never does, one waits to hear that the owner has refreshed, one for longer than a week.
    assert {*Sort} - tried <= {Sort.ACCESS_ONLY, Sort.POLLS_FAST, Sort.EXPIRED}


@pytest.mark.parametrize("robbed", [False, True])
def test_a_key_that_the_browser_forgot_is_a_login_counted_apart(robbed: bool) -> None:
    sort = Sort.ACCESS_ONLY if robbed else None
    plan = life((EVENT, EVENT + HOUR), sort=sort, theft_at=EVENT + 1, forgets_at=(HOUR,))
    for rule in RULES:
        counts = lived(rule, plan).counts
        is_bound = rule is BoundSession
        assert ends(counts)[0] == 0
        assert (counts.logins == 1, counts.keys_gone == 1) == (is_bound, is_bound and not robbed)


def test_a_key_that_is_gone_excuses_no_false_logout() -> None:
    """The session was revoked before the owner came back."""
    device = Device(life((EVENT, EVENT + HOUR), forgets_at=(HOUR,)), Calm(), BoundSession)
    session = device.store.session
    device.agenda.add(HOUR + 1, session.vanish, HOUR + 1)
    device.agenda.add(HOUR + 2, setattr, session, "is_gone", False)
    counts = device.live(90 * DAY).counts
    assert (counts.keys_gone, counts.false_logouts) == (0, 1)


# Failovers


OFTEN = World(days=4, per_thief=1000, period=20 * MINUTE, lag=MINUTE)


@pytest.fixture(scope="module")
def failing() -> list[Counts]:
    """Of owners alone, and a database that fails over three times an hour."""
    return [tally.counts for tally in run(OFTEN, range(20, 80))]


def test_with_our_rule_no_failover_logs_anybody_out(failing: list[Counts]) -> None:
    ours, bound, once, _ = failing
    for counts in (ours, bound):
        assert (counts.false_logouts, counts.forgotten_logouts) == (0, 0)
        assert counts.forgotten > 10
    assert once.forgotten_logouts == once.forgotten > 10


def test_a_login_that_was_forgotten_is_counted_apart(failing: list[Counts]) -> None:
    assert sum(it.forgotten_logins for it in failing) > 0


FAILS: dict[str, tuple[float, float, dict[str, Any], int]] = {
    "the answer was heard": (-1, 3, {}, 1),
    "the request was under way": (-1, 0.05, {}, 0),
    "the answer was under way": (-1, 0.15, {}, 0),
    "a duplicate was under way": (0.3, 0.5, {"again": 1.0}, 0),
    "nothing was lost": (2, 3, {}, 0),
}


@pytest.mark.parametrize(("since", "at", "fate", "forgotten"), FAILS.values(), ids=FAILS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("copies", [False, True])
def test_a_failover_in_a_life(
    rule: type[Session], since: float, at: float, fate: Any, forgotten: int, copies: bool
) -> None:
    plan = life((EVENT, EVENT + 2 * HOUR), copies=copies)
    failover = Failover(EVENT + since, EVENT + at)
    tally = Device(plan, Calm(**fate), rule, [failover]).live(90 * DAY)
    counts = tally.copying if copies else tally.counts
    assert counts.forgotten == forgotten
    logged_out = forgotten if rule is OneTimeSession else 0
    assert (counts.forgotten_logouts, counts.false_logouts) == (logged_out, logged_out)


def test_a_login_that_a_failover_forgot_is_no_false_logout() -> None:
    device = Device(life(), Calm(), OurSession, [Failover(-1.0, 1.0)])
    counts = device.live(90 * DAY).counts
    assert (ends(counts), counts.forgotten_logins) == ((0, 0, 0), 1)


def test_a_thief_with_a_token_that_was_forgotten_may_go_on() -> None:
    """Until his victim comes back, and is refused."""
    session = OurSession(0.0, life())
    restore = session.backup()
    lost = session.refresh(session.first, "", 10.0)
    restore()
    assert session.exchanges({lost.jti: ""}, 20.0)
    session.refresh(session.first, "", 20.0)
    assert not session.exchanges({lost.jti: ""}, 60.0)


# What the rule does not keep yet


def test_a_late_duplicate_of_a_second_try_logs_nobody_out() -> None:
    device = Device(life((EVENT, EVENT + HOUR)), Slow(), OurSession)
    assert ends(device.live(90 * DAY).counts) == (0, 0, 0)


def test_a_thief_who_displaces_a_token_not_used_yet_does_not_live_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The owner hears the answer and makes no call with it; the thief has the token before."""

    def displaces(thief: Thief) -> Script:
        thief.steal()
        for at in (EVENT + HOUR, EVENT + DAY):
            yield Wait(at)
            thief.refresh()

    monkeypatch.setitem(SCRIPTS, Sort.LATER, displaces)
    plan = life(
        (EVENT, EVENT + 5), (EVENT + 4 * HOUR, 3 * DAY), sort=Sort.LATER, theft_at=EVENT - 1
    )
    assert lived(OurSession, plan, calls_after=DAY).missed == []


# The command


def test_the_command_prints_tables_whatever_the_number_of_processes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ["--devices", "110", "--days", "1"]
    command.main([*size, "--processes", "1"])
    printed = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["simulate", *size, "--processes", "2"])
    runpy.run_path(command.__file__, run_name="__main__")
    assert capsys.readouterr().out == printed
    assert "| jwt_refresh | 0 | 0 | " in printed
    assert "**False log-out**" in printed


@pytest.mark.parametrize(
    ("tally", "fails"),
    [
        (Tally(Counts(1)), False),
        (Tally(Counts(1, false_logouts=1)), True),
        (Tally(Counts(1), [Theft(Sort.LATER, 1.0, True)]), True),
    ],
)
def test_the_check_fails_where_our_rule_does(
    monkeypatch: pytest.MonkeyPatch, tally: Tally, fails: bool
) -> None:
    monkeypatch.setattr(command, "run_all", lambda *_: [tally] * len(RULES))
    command.main([])
    with pytest.raises(SystemExit) if fails else nullcontext():
        command.main(["--check"])


def test_durations_are_told_in_their_units() -> None:
    thefts = [Theft(Sort.LATER, 0.0, True, at) for at in (30.0, 90.0)]
    table = "".join(report(SMALL, [Tally(Counts(1), thefts)] * len(RULES)))
    assert "| 1.0 minutes | 1.5 minutes |" in table
