"""A sensible client: the tabs of a device, which share one store; and one that is not.

- A tab refreshes when the access token in the store is about to end, or has ended.
- Hearing no answer for ``TIMEOUT``, it backs off and tries again with what is in the store then,
  as long as the device is on; when that comes on again, it begins anew.
- What it hears goes into the store, over whatever is there.
- On 409 it goes on with what it has, re-reads the store, and tries again. An answer ends a series
  of tries, so the next has another ``Idempotency-Key``. Only when the access token is over and
  nothing but 409 has come for ``PATIENCE`` does the owner log in again.
- On 401 ``token_reused``, ``session_revoked`` or ``token_expired`` the owner logs in again. So he
  does where the session is bound to a key that is gone, which a tab sees before it asks.

The tabs of the other client write to the store and do not read it: each goes on with its own copy,
over all sittings, until the owner logs in again and all of them are opened anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from jwt_refresh.exceptions import StaleRetry, TokenError

from .agenda import Agenda
from .network import Fate, Network
from .outcomes import Counts
from .sessions import AHEAD, Pair, Session
from .world import MINUTE, Keys, Plan

TIMEOUT = 10.0
LONGEST_BACK_OFF = MINUTE
PATIENCE = 2 * MINUTE
"""How long a client waits for an answer, at most between two tries, and under nothing but 409."""


class Tab(NamedTuple):
    """A tab in one sitting; since when it has waited for an answer, and how often it has tried."""

    number: int
    sitting: int
    since: float = 0.0
    tries: int = 0


class Request(NamedTuple):
    """A refresh under way: what was read from the store, and what will become of it."""

    tab: Tab
    pair: Pair
    key: str
    sent_at: float
    fate: Fate
    proves: int


class Client(ABC):
    """``failed_at``: when the database failed over last, which breaks what is under way;
    ``copies``: the tokens of each tab, or ``None`` where all share the store;
    ``unheard_since``: when it sent the first request about the token in its store that got no
    answer; ``stale_since``: since when all it hears about that token is 409."""

    def __init__(self, agenda: Agenda, network: Network, plan: Plan, first: Pair) -> None:
        self.agenda = agenda
        self.network = network
        self.plan = plan
        self.counts = Counts()
        self.copies: dict[int, Pair] | None = {} if plan.copies else None
        self.sitting = -1
        self.off_at = 0.0
        self.failed_at = float("-inf")
        self.keep(first)

    @abstractmethod
    def log_in_again(self) -> None:
        """The owner does, since the session is over for him."""

    @abstractmethod
    def saw(self, request: Request, answer: Pair | TokenError) -> None:
        """A refresh reached the server; for whoever watches."""

    def keep(self, pair: Pair) -> None:
        self.store = pair
        self.stored_key = pair.jti if self.plan.keys is Keys.STORE else ""
        self.unheard_since: float | None = None
        self.stale_since: float | None = None

    def held(self, tab: Tab) -> Pair:
        """What a tab would refresh."""
        return self.store if self.copies is None else self.copies.setdefault(tab.number, self.store)

    def keeps(self, pair: Pair) -> bool:
        return (pair.session, pair.jti) == (self.store.session, self.store.jti)

    def look(self, tab: Tab) -> None:
        """A tab reads the store, and refreshes if that is due."""
        if tab.sitting != self.sitting or self.agenda.now >= self.off_at:
            return
        due_at = self.held(tab).access_expires_at - AHEAD
        if due_at > self.agenda.now:
            dawdles = self.network.fate(tab.number, due_at).dawdles
            self.agenda.add(due_at + dawdles, self.look, Tab(tab.number, tab.sitting))
        elif self.lacks_key(self.held(tab).session):
            self.log_in_again()
            self.look(tab)
        else:
            self.send(tab)

    def lacks_key(self, session: Session) -> bool:
        """Whether it is bound to a key that the browser has forgotten."""
        return session.key not in (None, self.plan.key(self.agenda.now))

    def send(self, tab: Tab) -> None:
        now, fate = self.agenda.now, self.network.fate(tab.number, self.agenda.now)
        tab = Tab(tab.number, tab.sitting, tab.since or now, tab.tries + 1)
        request = Request(tab, self.held(tab), self.key(tab), now, fate, self.plan.key(now))
        self.agenda.add(now + fate.up, self.arrive, request)
        if fate.again is not None:
            self.agenda.add(now + fate.up + fate.again, self.arrive_again, request)
        if fate.switched_off:
            self.off_at = now

    def key(self, tab: Tab) -> str:
        return f"{tab.number} since {tab.since}" if self.plan.keys is Keys.TRY else self.stored_key

    def exchange(self, request: Request) -> Pair | TokenError:
        """The server acts, whether or not anybody will hear of it."""
        self.counts.refreshes += 1
        session = request.pair.session
        try:
            answer: Pair | TokenError = session.refresh(
                request.pair, request.key, self.agenda.now, request.proves
            )
        except TokenError as error:
            answer = error
        self.saw(request, answer)
        return answer

    def is_broken(self, request: Request) -> bool:
        return request.sent_at <= self.failed_at

    def arrive_again(self, request: Request) -> None:
        if not self.is_broken(request):
            self.exchange(request)

    def arrive(self, request: Request) -> None:
        if self.is_broken(request):
            self.miss(request)
            self.try_again(request.tab, request.sent_at + TIMEOUT)
            return
        answer = self.exchange(request)
        if request.fate.lost:
            self.miss(request)
            self.try_again(request.tab, request.sent_at + TIMEOUT)
        else:
            self.agenda.add(self.agenda.now + request.fate.down, self.hear, request, answer)

    def miss(self, request: Request) -> None:
        self.counts.unheard += 1
        if self.unheard_since is None and self.keeps(request.pair):
            self.unheard_since = request.sent_at

    def try_again(self, tab: Tab, at: float) -> None:
        patience = self.network.fate(tab.number, at).patience
        self.agenda.add(at + min(LONGEST_BACK_OFF, 2.0**tab.tries) * patience, self.look, tab)

    def hear(self, request: Request, answer: Pair | TokenError) -> None:
        tab, now = request.tab, self.agenda.now
        if tab.sitting != self.sitting or now >= self.off_at:
            self.miss(request)
        elif self.is_broken(request):
            self.miss(request)
            self.try_again(tab, now)
        elif request.pair.session is not self.held(tab).session:
            self.look(Tab(tab.number, tab.sitting))  # Another tab has logged in meanwhile.
        elif isinstance(answer, Pair):
            self.keep(answer)
            if self.copies is not None:
                self.copies[tab.number] = answer
            self.call_after(request.fate.calls_after)
            self.look(tab)
        elif isinstance(answer, StaleRetry) and not self.gives_up(request):
            self.try_again(Tab(tab.number, tab.sitting, tries=tab.tries), now)
        else:
            self.log_in_again()
            self.look(tab)

    def gives_up(self, request: Request) -> bool:
        """Whether the owner has seen 409 for too long, and cannot go on without an answer."""
        now = self.agenda.now
        if not self.keeps(request.pair):
            return False
        self.stale_since = now if self.stale_since is None else self.stale_since
        self.stored_key = f"{self.store.jti} {now}" if self.plan.keys is Keys.STORE else ""
        return now >= self.store.access_expires_at and now - self.stale_since > PATIENCE

    def call_after(self, delay: float) -> None:
        self.agenda.add(self.agenda.now + delay, self.call, self.sitting)

    def call(self, sitting: int) -> None:
        """Authenticate a request with the access token in the store."""
        now, pair = self.agenda.now, self.store
        if sitting != self.sitting or now >= min(self.off_at, pair.access_expires_at):
            return
        try:
            pair.session.authenticate(pair, now)
        except TokenError:
            self.log_in_again()
