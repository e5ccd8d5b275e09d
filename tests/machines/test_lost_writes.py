"""A database that loses its last one or two changes, twice: every owner, and thieves at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from jwt_refresh.core import rotation
from jwt_refresh.exceptions import TokenReused
from tests.support.lanes import sized

from .memory import Memory, Session
from .terms import ACTS, GRACE, OK, SECOND, STEP, Held

LOSSES = 2
LONG = 2 * GRACE + STEP + SECOND
"""After which no grace is open."""
WAITS = [timedelta(0), LONG]


@dataclass
class Life:
    """A session, what its owner holds, and what the session was before each of its changes."""

    server: Memory
    held: Held
    losses: int = LOSSES
    past: list[Session] = field(default_factory=list)

    @classmethod
    def start(cls, plan: str, server: Memory) -> Life:
        return cls(server, server.log_in(plan))

    @property
    def sid(self) -> str:
        return self.held.refreshable.sid

    @property
    def session(self) -> Session:
        return self.server.sessions[self.sid]

    def copy(self) -> Life:
        """One that goes on by itself. What is past is never changed, and needs no copy."""
        server = Memory()
        vars(server).update(vars(self.server), sessions={self.sid: self.server.backup(self.sid)})
        return replace(self, server=server, past=[*self.past])

    # What may happen

    def wait(self, span: timedelta) -> None:
        self.server.set_clock(self.server.now + span)

    def refresh(self, held: Held) -> Held | str:
        before = self.server.backup(self.sid)
        answer = self.server.refresh(held.refreshable, "")
        self._note(before)
        return answer

    def use(self, held: Held) -> str:
        before = self.server.backup(self.sid)
        code = self.server.use(held.token)
        self._note(before)
        return code

    def lose(self, changes: int) -> None:
        self.server.restore(self.sid, self.past[-changes])
        self.past, self.losses = self.past[:-changes], self.losses - 1

    def may_lose(self, changes: int) -> bool:
        return self.losses > 0 and len(self.past) >= changes

    def _note(self, before: Session) -> None:
        if self.session.row != before.row:
            self.past = [*self.past, before][-2:]

    # Where two lives are one

    @property
    def place(self) -> Any:
        """Equal for two lives that go on alike."""
        now = self.server.now
        sessions = [_shape(it, self.held, now) for it in (self.session, *self.past)]
        claims = self.held.refreshable.claims
        start = now.timestamp()
        return (*sessions, claims["iat"] - start, claims["exp"] - start, self.losses)


def _shape(session: Session, held: Held, now: datetime) -> Any:
    """A session without the names of its tokens, at times counted from now on."""
    row = session.row
    jtis = [record.jti for record in session.records]
    named = (held.refreshable.jti, row.current_jti, row.previous_jti)
    times = [it and it - now for it in astuple(row) if it is None or isinstance(it, datetime)]
    records = [(record.generation, record.issued_at - now) for record in session.records]
    places = [jtis.index(jti) if jti in jtis else None for jti in named]
    return repr((times, row.generation, records, places))


class Explorer:
    """Goes wherever an owner alone can get in so many steps."""

    def __init__(self, plan: str, steps: int) -> None:
        self.seen: set[Any] = set()
        self.logged_out = 0
        lives = [Life.start(plan, Memory())]
        for _ in range(steps):
            lives = [it for life in lives for it in self._next(life)]

    def _next(self, life: Life) -> Iterator[Life]:
        for step in self._steps(life):
            if step.place in self.seen:
                continue
            self.seen.add(step.place)
            if step.server.judge(step.held.refreshable, "") in ACTS:
                yield step
            else:
                self.logged_out += 1

    def _steps(self, life: Life) -> Iterator[Life]:
        """The owner's next step. One who is refused stays where he is: ``_next`` counts him."""
        exp: int = life.held.refreshable.claims["exp"]
        left = timedelta(seconds=exp - life.server.now.timestamp())
        # The last wait is until a moment before the end of the token.
        for span in (*(it for it in WAITS if it < left), left - SECOND):
            later = life.copy()
            later.wait(span)
            heard, unheard, used = later.copy(), later.copy(), later.copy()
            answer = heard.refresh(heard.held)
            heard.held = answer if isinstance(answer, Held) else heard.held
            unheard.refresh(unheard.held)
            used.use(used.held)
            yield from (heard, unheard, used)
        for changes in (1, 2):
            if life.may_lose(changes):
                lost = life.copy()
                lost.lose(changes)
                yield lost


@pytest.mark.parametrize("plan", ["sliding", "pair"])
def test_no_owner_is_ever_logged_out(plan: str, record_property: Any) -> None:
    explorer = Explorer(plan, sized(3, 5))
    record_property("states", len(explorer.seen))
    assert explorer.logged_out == 0
    assert len(explorer.seen) > sized(200, 10_000)


def never(*args: Any) -> Any:
    raise TokenReused("no record", case="no_record")


@pytest.mark.parametrize(
    ("name", "then"), [("_recover", never), ("_has_gone_on", lambda *_: False)]
)
def test_without_the_rule_many_are(
    monkeypatch: pytest.MonkeyPatch, name: str, then: Any, record_property: Any
) -> None:
    monkeypatch.setattr(rotation, name, then)
    explorer = Explorer("sliding", 3)
    record_property("logged out", explorer.logged_out)
    assert explorer.logged_out > 0


# Thieves


class Robbery:
    """A thief copies the store once. Then both do at random what they can."""

    DEEDS: ClassVar = ["refresh", "lost answer", "use", "refresh", "use", "lose", "steal"]

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.life = Life.start(self.rng.choice(["long pair", "long sliding"]), Memory())
        self.holders = {"owner": self.life.held}

    def run(self) -> list[list[bool]]:
        """Whether each goes on, where both take turns at last, three times and not in any grace."""
        for _ in range(self.rng.randint(4, 16)):
            self.life.wait(self.rng.choice([*WAITS, GRACE, 3 * LONG]))
            deed, who = self.rng.choice(self.DEEDS), self.rng.choice([*self.holders])
            self.do(deed, who)
        self.do("steal", "owner")
        turns = (self.rng.sample([*self.holders], 2) for _ in range(3))
        return [[self.take_turn(who) for who in turn] for turn in turns]

    def do(self, deed: str, who: str) -> None:
        held = self.holders[who]
        if deed == "steal":
            self.holders.setdefault("thief", self.holders["owner"])
        elif deed == "use":
            self.life.use(held)
        elif deed == "lose":
            changes = self.rng.randint(1, 2)
            if self.life.may_lose(changes):
                self.life.lose(changes)
        else:
            answer = self.life.refresh(held)
            if deed == "refresh" and isinstance(answer, Held):
                self.holders[who] = answer

    def take_turn(self, who: str) -> bool:
        self.life.wait(LONG)
        answer = self.life.refresh(self.holders[who])
        if not isinstance(answer, Held):
            return False
        self.holders[who] = answer
        return self.life.use(answer) == OK


def test_no_thief_and_owner_both_live_on() -> None:
    rounds = [it for seed in range(sized(400, 20_000)) for it in Robbery(seed).run()]
    assert [True, True] not in rounds
    assert [True, False] in rounds
