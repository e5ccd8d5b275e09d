"""An owner of a session, and the network between him and the server.

What he may rely on while nobody else refreshes (P1). His tabs share one store of tokens. A tab
takes the token that is there, sends it, and keeps the answer only if the store still holds
what it sent. Requests may arrive late and more than once, and answers late or never:

- While its token is in the store, a request gets a successor: within ``RETRY_WINDOW`` of the
  first exchange, and within the life of the token; in pair style within that of its successor.
- A request that was overtaken, so that the store holds a successor by now, does no harm within
  ``REFRESH_GRACE`` of the exchange that made the successor; until the successor is exchanged in
  its turn, nor within ``REFRESH_GRACE`` of its first use, nor before that within twice the time
  (if ``RETRY_WINDOW`` is not over meanwhile). Nor does one with the ``Idempotency-Key`` of the
  one request that made the successor, within ``RETRY_WINDOW``.
- An answer is good unless another request displaced what it brings, which none does within
  twice ``REFRESH_GRACE`` of the issue of that.

Where the database loses what it has answered, the connections of its clients break as well: what
was on the way then does not arrive, but for a try with the very token in the store, or an answer
that has one no older than the current one. So a token in the store goes on, also past the end
that the row has; and a late request of before that harms nobody comes as ever once its successor
is known again.

Where the clocks of two servers differ, all this ends earlier by as much. What counts is the
exchange that made the successor, and not the original of a late request: a retry that gets the
successor there is opens no new grace. A replacement does, from the whole second in which it was
issued; but once it was exchanged in its turn, the first exchange of the old token counts again.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from .ledger import Ledger
from .observer import Observer
from .terms import ACTS, HARMLESS, PLANS, RETRY, STEP, Held, Token, key_of

which = st.integers(0, 7)
MOMENTS = [0.5, 1, 4.5, 20, 24, 25, 29.5, 30, 31, 40, 54.5, 60, 66]
PAUSES = [1200, 1790, 6 * 3600, 86390, 90000, 3 * 86400]
delays = st.sampled_from([0] * 12 + MOMENTS * 2 + PAUSES)
tabs = st.sampled_from([0, 0, 1, 2])
plans = st.sampled_from(sorted(PLANS))
fates = st.sampled_from(["answered", "answered", "answer delayed", "answer lost"])


class Request(NamedTuple):
    token: Token
    key: str


class Reply(NamedTuple):
    sent: Token
    held: Held


class Owner(Observer):
    store: Held
    in_peace: bool
    """Whether no thief is about."""
    is_out = False

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.replies: list[Reply] = []

    @initialize(plan=plans, in_peace=st.booleans())
    def log_in(self, plan: str, in_peace: bool) -> None:
        self.store, self.in_peace = self.start(plan), in_peace
        self.requests, self.replies = [], []

    @precondition(lambda self: self.is_out)
    @rule(plan=plans, in_peace=st.booleans())
    def log_in_again(self, plan: str, in_peace: bool) -> None:
        self.log_in(plan, in_peace)

    @precondition(lambda self: not self.is_out)
    @rule(after=delays, tab=tabs, fate=fates | st.just("delayed"))
    def refresh(self, after: float, tab: int, fate: str) -> None:
        """The network keeps the request, to deliver it later or once more."""
        self.wait(after)
        token = self.store.refreshable
        request = Request(token, key_of(tab, token))
        if fate != "delayed":
            self._serve(request, fate)
        self.requests.append(request)

    @precondition(lambda self: self._on_the_way())
    @rule(after=delays, which=which, fate=fates)
    def arrive(self, after: float, which: int, fate: str) -> None:
        self.wait(after)
        if requests := self._on_the_way():
            self._serve(requests[which % len(requests)], fate)

    @precondition(lambda self: self.replies)
    @rule(which=which)
    def hear(self, which: int) -> None:
        self._keep(self.replies.pop(which % len(self.replies)))

    @precondition(lambda self: not self.is_out and self.ledger.used_at is None)
    @rule(after=delays)
    def use(self, after: float) -> None:
        self.wait(after)
        self.authenticate(self.store.token)

    @invariant()
    def owner_goes_on(self) -> None:
        """P1, for what is in the store; and what comes too late to be relied on never comes."""
        ledger, token = self.ledger, self.store.refreshable
        self._note_time(ledger)
        in_time = ledger.is_pair and token.jti == ledger.previous
        in_time |= self.now.timestamp() < token.claims["exp"]
        in_time &= self._may_ask_again(token)
        self.is_out = self.server.judge(token, "") not in ACTS
        assert not (ledger.is_safe and in_time and self.is_out), "P1"
        heard_of = (ledger.previous, ledger.current)
        self.replies = [
            it
            for it in self.replies
            if it.held.refreshable.jti in heard_of or ledger.may_recover(it.held.refreshable)
        ]

    @property
    def ledger(self) -> Ledger:
        return self.ledgers[self.store.token.sid]

    def _serve(self, request: Request, fate: str) -> None:
        token, key = request
        ledger = self.ledgers[token.sid]
        self._note_time(ledger)
        ledger.is_safe &= token != self.store.refreshable or self._may_ask_again(token)
        answer = self.send(token, key)
        if isinstance(answer, str):
            assert not ledger.is_safe or answer in HARMLESS, "P1"
        elif fate == "answered":
            self._keep(Reply(token, answer))
        else:
            self.replies += [Reply(token, answer)] * (fate == "answer delayed")

    def _keep(self, reply: Reply) -> None:
        if self.store.refreshable == reply.sent:
            self.store = reply.held

    def _note_time(self, ledger: Ledger) -> None:
        """What lies idle ends."""
        held = self.store.refreshable
        last = held if ledger.may_recover(held) else ledger.issued[ledger.current]
        ledger.is_safe &= self.now.timestamp() < last.claims["exp"]

    def _may_ask_again(self, token: Token) -> bool:
        exchange = self.ledgers[token.sid].exchanges.get(token.jti)
        return exchange is None or self.wall - exchange.first <= RETRY - STEP

    def _may_arrive(self, request: Request) -> bool:
        token, key = request
        ledger, held = self.ledgers[token.sid], self.store.refreshable
        if token == held:
            return True
        if ledger.lost & {token.jti, held.jti}:
            return False
        return token.jti not in ledger.exchanges or ledger.bears(token, key, self.wall)

    def _on_the_way(self) -> list[Request]:
        return [*filter(self._may_arrive, self.requests)]
