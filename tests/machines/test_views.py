"""The rule, driven by an owner, thieves, the network and time: over HTTP, on the database.

Nothing limits how often they may ask: a 429 says nothing of the rule. ``test_flood.py`` has limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from pytest_django import Settings

from jwt_refresh.core.rotation import Act
from jwt_refresh.sessions import checking
from tests.support.lanes import sized

from .owner import Request, tabs
from .site import SiteMachine, checked
from .terms import GRACE, STEP, key_of
from .world import INCIDENTS, run

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LATE = (2 * GRACE + STEP).total_seconds()
ASKED_BEFORE = ["second refresh", "first answer"]
MEANWHILE = ["refresh", *ASKED_BEFORE, "set_own_password", "log_out"]


@pytest.fixture(autouse=True)
def _no_limit(settings: Settings) -> None:
    settings.JWT_REFRESH = {"REFRESH_RATE": None}


class ViewsMachine(SiteMachine):
    @precondition(lambda self: not self.is_out)
    @rule(tab=tabs, after=st.sampled_from([0, LATE]), what=st.sampled_from(MEANWHILE))
    def refresh_meanwhile(self, tab: int, after: float, what: str) -> None:
        """Something happens between the verdict on a refresh and its swap."""
        token = self.store.refreshable
        request = Request(token, key_of(tab, token))
        if what in ASKED_BEFORE:
            self._serve(request, "answer delayed")
        self.wait(after)
        events, judge = [what], checking.judge

        def judge_first(*args: Any) -> Act:
            act = judge(*args)
            # To hand out the successor that there is writes nothing.
            due = [] if act is Act.REISSUE else [*events]
            events.clear()
            for event in due:
                self._act(event, request)
                self.before = self.server.row(token.sid)
                self.ledgers[token.sid].is_safe &= self._may_arrive(request)
            return act

        with mock.patch.object(checking, "judge", judge_first):
            self._serve(request, "answered")

    def _act(self, event: str, request: Request) -> None:
        if event in ("refresh", "second refresh"):
            self._serve(request, "answered")
        elif event == "first answer":
            for reply in self.replies:
                self._keep(reply)
            self.authenticate(self.store.token)
        else:
            self.happen(event, 0)


@pytest.fixture
def machine() -> Iterator[ViewsMachine]:
    machine = ViewsMachine()
    machine.log_in("pair", in_peace=False)
    yield from checked(machine)


@pytest.mark.parametrize("what", MEANWHILE)
def test_between_verdict_and_swap(machine: ViewsMachine, what: str) -> None:
    machine.refresh_meanwhile(0, LATE, what)


@pytest.mark.parametrize("what", sorted({*INCIDENTS}))
def test_what_may_happen(machine: ViewsMachine, what: str) -> None:
    machine.happen(what, 1)


def test_a_thief_may_ask_all_day_what_became_of_his_loot(machine: ViewsMachine) -> None:
    """More often in a minute than the default of ``REFRESH_RATE`` lets anybody."""
    machine.steal()
    for _ in range(31):
        machine.poll(0)


def test_the_rule_holds_over_http(record_property: Any) -> None:
    run(ViewsMachine, sized(40, 1200), 30, record_property)
