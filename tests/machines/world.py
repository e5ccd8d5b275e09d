"""An owner, thieves, time, and what ends a session: what both machines share.

``MACHINE_STEPS=200000 python -m pytest -s tests/machines/test_verdict.py`` takes that many steps,
or a few more, and says how many; so does ``tests/machines/test_views.py``, more slowly.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from .observer import Observer
from .owner import Owner, delays, tabs, which
from .terms import DEAD, GRACE, HARMLESS, SECOND, STEP, Held, key_of

AHEAD = {"late": timedelta(0), "between": STEP / 2, "early": STEP}
"""What the server's clocks show."""
ENDS = ["log_out", "deactivate", "set_password"]
# What comes first is drawn most often: not what ends a session, or takes long.
LOSSES = {"lose_a_write": 1, "lose_two_writes": 2}
INCIDENTS = ["set_own_password", "purge", *AHEAD, *LOSSES, "lose_contact", "ask_late", "carry_on"]
INCIDENTS = INCIDENTS * 2 + ENDS


class World(Owner):
    def __init__(self) -> None:
        super().__init__()
        self.loot: list[Held] = []

    # Thieves: each copy may be in the hands of another one

    @precondition(lambda self: not (self.is_out or self.in_peace or self.store in self.loot))
    @rule()
    def steal(self) -> None:
        self.loot.append(self.store)

    @precondition(lambda self: self.loot)
    @rule(after=delays, which=which)
    def use_stolen(self, after: float, which: int) -> None:
        self.wait(after)
        self.authenticate(self._stolen(which).token)

    @precondition(lambda self: self.loot)
    @rule(after=delays)
    def poll(self, after: float) -> None:
        """To learn what became of what was stolen, in the hope that nobody notices."""
        self.wait(after)
        for held in self.loot:
            self.verify(held.token)
            self.verify(held.refreshable)

    @precondition(lambda self: self.loot)
    @rule(after=delays, which=which, tab=tabs)
    def refresh_stolen(self, after: float, which: int, tab: int) -> None:
        """With the key of a tab, perhaps, which lay beside the token."""
        self.wait(after)
        presented = self._stolen(which).refreshable
        answer = self.send(presented, key_of(tab, presented))
        self.ledgers[presented.sid].is_safe &= answer in HARMLESS | DEAD
        self.loot += [answer] if isinstance(answer, Held) else []

    @precondition(lambda self: not (self.is_out or self.in_peace))
    @rule(which=which, turns=st.permutations([0, 1]), uses=st.booleans())
    def take_turns(self, which: int, turns: list[int], uses: bool) -> None:
        """P2: of two who refresh in turn, never within any grace, one goes on."""
        rivals = self._rivals() or [self.store]
        holders = [self.store, rivals[which % len(rivals)]]
        at_one = holders[0].refreshable == holders[1].refreshable
        self.ledger.is_safe = False
        rounds = [[self._take_turn(holders, turn, uses) for turn in turns] for _ in range(3)]
        assert at_one or not all(rounds[0]), "P2"
        assert not all(rounds[1]), "P2"
        assert not all(rounds[2]), "P2"
        self.store = holders[0]

    # Time, and what happens in it

    @precondition(lambda self: not self.is_out)
    @rule(what=st.sampled_from(INCIDENTS), tab=tabs)
    def happen(self, what: str, tab: int) -> None:
        if what in ENDS:
            self.end_session(what, self.store.refreshable)
            self.authenticate(self.store.token)
        elif what in AHEAD:
            self.ahead = AHEAD[what]
            self.wait(0)
        elif what in LOSSES:
            self.lose(self.store.refreshable.sid, LOSSES[what])
        else:
            getattr(self, f"_{what}")(tab)

    def _carry_on(self, tab: int) -> None:
        """Each time just before the token expires; and then there is a purge."""
        for _ in range(3):
            self.refresh(0.9 * self._left(), tab, "answered")
            self.authenticate(self.store.token)
        self.purge()

    def _ask_late(self, tab: int) -> None:
        """No answer comes through before the token expires."""
        left = self._left()
        self.refresh(0.9 * left, tab, "answer lost")
        self.refresh(0.2 * left, tab, "answer lost")

    def _lose_contact(self, tab: int) -> None:
        """No answer comes through, until it is too late to ask again."""
        for seconds in (0, 3600, 82000, 3600):
            self.refresh(seconds, tab, "answer lost")

    def _set_own_password(self, tab: int) -> None:
        self.store = self.set_own_password(self.store.token) or self.store

    def _purge(self, tab: int) -> None:
        self.purge()

    # How they do it

    def _take_turn(self, holders: list[Held], turn: int, uses: bool) -> bool:
        self.wait((2 * GRACE + STEP + SECOND).total_seconds())
        answer = self.send(holders[turn].refreshable, "")
        if isinstance(answer, str):
            return False
        holders[turn] = answer
        if uses:
            self.authenticate(answer.token)
        return True

    def _left(self) -> float:
        """For how many seconds the owner's token is still good."""
        exp: int = self.store.refreshable.claims["exp"]
        return max(0, exp - self.now.timestamp())

    def _rivals(self) -> list[Held]:
        """What thieves hold of the owner's session."""
        return [held for held in self.loot if held.token.sid == self.store.token.sid]

    def _stolen(self, which: int) -> Held:
        """The last first."""
        return self.loot[-1 - which % len(self.loot)]


def run(machine: type[Observer], least: int, length: int, record_property: Any) -> None:
    """At least ``MACHINE_STEPS`` steps, or ``least``, in runs of ``length`` at most."""
    least = int(os.environ.get("MACHINE_STEPS", least))
    Observer.steps = 0
    # Some runs are cut short, to look for a short one that fails.
    size = settings(max_examples=3 * least // (2 * length) + 10, stateful_step_count=length)
    while Observer.steps < least:
        run_state_machine_as_test(machine, settings=size)
    record_property("steps", Observer.steps)
    sys.stdout.write(f"\n{machine.__name__}: {Observer.steps} steps\n")
