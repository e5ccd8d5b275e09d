"""The rule, driven by an owner, thieves, the network and time: the real verdict, in memory."""

from __future__ import annotations

from typing import Any

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


def test_the_rule_holds(record_property: Any) -> None:
    run(VerdictMachine, sized(600, 6000), 40, record_property)
