"""The rule, driven by an owner, thieves, the network and time: the real verdict, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis.stateful import invariant

from tests.support.lanes import sized

from .memory import Memory
from .terms import key_of
from .world import World, run


class VerdictMachine(World):
    server: Memory

    def __init__(self) -> None:
        super().__init__()
        self.server = Memory()

    @invariant()
    def purged_records_count_for_nothing(self) -> None:
        for token in self.recent(self.ledger):
            for key in ("", key_of(1, token)):
                judged = {self.server.judge(token, key, purged=purged) for purged in (True, False)}
                assert len(judged) == 1, "P8"


@pytest.mark.parametrize("plan", ["sliding", "pair"])
@pytest.mark.parametrize("thief_first", [False, True])
def test_of_two_who_hold_lost_tokens_one_goes_on(plan: str, thief_first: bool) -> None:
    machine = VerdictMachine()
    machine.log_in(plan, in_peace=False)
    machine.refresh(1, 0, "answered")
    machine.steal()
    machine.refresh(1, 0, "answered")
    machine.happen("lose_two_writes", 0)
    for thief in (thief_first, not thief_first):
        assert not machine.ledger.is_over
        machine.rule_is_kept()
        if thief:
            machine.refresh_stolen(1, 0, 0)
        else:
            machine.refresh(1, 0, "answered")
    assert machine.ledger.is_over


def test_the_rule_holds(record_property: Any) -> None:
    run(VerdictMachine, sized(600, 6000), 40, record_property)
