"""An owner of a bound session, who has its key (RFC 9449), and copies of all tokens he ever got.

K1 to K3 are the properties that the machines prove, beside P4 to P8 of ``ledger``:

- K1: until it ends, no owner with the key is refused, stranded, or taken for a thief, whichever
  token he presents and however often: the current one gets a successor, any other one the current
  one again, and then nothing changes. Nor is he logged out by a database that loses what it has
  answered: the newest token that he holds goes on until its own end.
- K2: a thief, who copies tokens and not the key, gets nothing by any proof that he can make, and
  changes nothing. He meets no limit, so that none can be turned against the owner.
- K3: nobody is ever told of a reuse.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from jwt_refresh.core.rotation import Act, bound_verdict

from .ledger import Ledger
from .memory import Memory, Session
from .observer import Observer
from .owner import delays, plans, tabs, which
from .terms import ACTS, DEAD, Held, Refresh, Token, key_of
from .world import AHEAD, ENDS, LOSSES

INCIDENTS = [*AHEAD, *LOSSES, "purge", "set_own_password"] * 2 + ENDS
FATES = ["answered", "answered", "answer lost", "delayed"]


class BoundLedger(Ledger):
    def check(self, refresh: Refresh, outcome: str) -> None:
        """Whether the rule lets a refresh with the key come to this."""
        self.note_code(outcome)
        if self.is_over:
            return
        current, presented = self.issued[self.current].claims, refresh.presented.claims
        is_younger = presented["iat"] > current["iat"] and refresh.now < presented["exp"]
        if is_younger and self.may_recover(refresh.presented):
            assert outcome == "RECOVER", "K1"
        elif refresh.now < current["exp"]:
            assert outcome == ("ROTATE" if refresh.jti == self.current else "REISSUE"), "K1"
        else:
            assert outcome in DEAD, "P7"


class BoundMemory(Memory):
    """All its sessions are bound. Whoever asks has the key: without it, no verdict is taken."""

    def _act(self, session: Session, presented: Token, key: str, since: datetime) -> Act:
        claims = self._claims(presented)
        self._check_alive(claims, session.row)
        return bound_verdict(session.row, claims)


class BoundOwner(Observer):
    """His tabs keep copies of their own; requests and their duplicates may arrive at any time."""

    ledger_type: ClassVar = BoundLedger
    copies: list[Held]
    is_out = False

    @initialize(plan=plans)
    def log_in(self, plan: str) -> None:
        self.copies = [self.start(plan)]
        self.requests: list[tuple[Token, str]] = []

    @precondition(lambda self: self.is_out)
    @rule(plan=plans)
    def log_in_again(self, plan: str) -> None:
        self.log_in(plan)

    @rule(after=delays, which=which, tab=tabs, fate=st.sampled_from(FATES))
    def refresh(self, after: float, which: int, tab: int, fate: str) -> None:
        self.wait(after)
        presented = self._copy(which).refreshable
        self.requests.append((presented, key_of(tab, presented)))
        if fate != "delayed":
            self._serve(-1, hears=fate == "answered")

    @precondition(lambda self: self.requests)
    @rule(after=delays, which=which, hears=st.booleans())
    def arrive(self, after: float, which: int, hears: bool) -> None:
        self.wait(after)
        self._serve(which % len(self.requests), hears=hears)

    @rule(after=delays, which=which)
    def use(self, after: float, which: int) -> None:
        self.wait(after)
        self.authenticate(self._copy(which).token)

    @precondition(lambda self: not self.is_out)
    @rule(what=st.sampled_from(INCIDENTS))
    def happen(self, what: str) -> None:
        token = self.copies[-1].token
        if what in ENDS:
            self.end_session(what, token)
        elif what in AHEAD:
            self.ahead = AHEAD[what]
            self.wait(0)
        elif what in LOSSES:
            self.lose(token.sid, LOSSES[what])
        elif what == "purge":
            self.purge()
        elif held := self.set_own_password(token):
            self.copies, self.requests = [held], []

    @invariant()
    def owner_goes_on(self) -> None:
        newest = max((it.refreshable for it in self.copies), key=lambda it: it.claims["exp"])
        self.is_out = self.server.judge(newest, "") not in ACTS
        in_time = self.now.timestamp() < newest.claims["exp"]
        assert not (self.is_out and in_time) or self.ledgers[newest.sid].is_over, "K1"

    def _serve(self, number: int, *, hears: bool) -> None:
        answer = self.send(*self.requests[number])
        if isinstance(answer, Held) and hears:
            self.copies.append(answer)

    def _copy(self, which: int) -> Held:
        """The last first."""
        return self.copies[-1 - which % len(self.copies)]
