"""Thieves: what one holds, can do, and is told. What he does with it is in ``scripts``.

A thief is at his best: his requests take no time and none is lost. Refused with 409, he tries
the other end of what he holds. Where the client keeps its ``Idempotency-Key`` in the store, he
has that, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from jwt_refresh.exceptions import StaleRetry, TokenError

from .agenda import Agenda
from .network import between
from .outcomes import Theft
from .sessions import GRACE, Pair, Session
from .sorts import Sort
from .world import DAY, MINUTE, Plan

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Wait:
    """Until an instant; or until he sees that the session moved on, looking every ``period``;
    or until an answer to the owner is lost."""

    until: float = NEVER
    period: float | None = None
    for_loss: bool = False


Script = Generator[Wait, None, None]


class Victim(Protocol):
    """What a thief sees of a device."""

    plan: Plan
    agenda: Agenda
    store: Pair
    stored_key: str


class Thief:
    """Somebody who robs one device of one session."""

    def __init__(self, victim: Victim, sort: Sort, script: Callable[[Thief], Script]) -> None:
        self.victim = victim
        self.agenda = victim.agenda
        self.rng = random.Random(victim.plan.seed)
        self.theft = Theft(sort)
        self.pairs: list[Pair] = []
        self.held: dict[str, str] = {}
        self.lost_answer = victim.store
        self.wait = Wait(victim.plan.theft_at)
        self.turn = 0
        self.script = script(self)
        self.agenda.add(self.wait.until, self.step, self.turn)

    @property
    def session(self) -> Session | None:
        return self.pairs[0].session if self.pairs else None

    def step(self, turn: int) -> None:
        """Go on with the script, unless that was done since this event was planned."""
        if turn == self.turn:
            self.turn += 1
            self.wait = next(self.script, Wait())
            self.agenda.add(self.wait.until, self.step, self.turn)

    def later(self, least: float, most: float) -> Wait:
        return Wait(self.agenda.now + between(self.rng, least, most))

    def coin(self) -> bool:
        return self.rng.random() < 0.5

    # What he does

    def steal(self) -> None:
        self.take(self.victim.store, self.victim.stored_key)

    def take(self, pair: Pair, key: str = "") -> None:
        self.pairs.append(pair)
        self.held[pair.jti] = key

    def refresh(self) -> bool:
        """Exchange the newest that he holds; on 409 what he stole; whether he got anything."""
        self.theft.tried = True
        for pair in (self.pairs[-1], self.pairs[0]):
            try:
                self.take(pair.session.refresh(pair, self.held[pair.jti], self.agenda.now))
            except StaleRetry:
                continue
            except TokenError:
                break
            if self.theft.first_at is None:
                self.theft.first_at = self.agenda.now
            return True
        self.check()
        return False

    def authenticate(self) -> None:
        pair = self.pairs[-1]
        if self.agenda.now < pair.access_expires_at:
            try:
                pair.session.authenticate(pair, self.agenda.now)
            except TokenError:
                self.check()

    def verify(self) -> float | None:
        """What the verify endpoint says of the newest that he holds; ``None`` is a refusal."""
        try:
            return self.pairs[-1].session.verify(self.pairs[-1], self.agenda.now)
        except TokenError:
            return None

    def live(self) -> Script:
        """Use the session as if it were his own."""
        while self.refresh():
            self.authenticate()
            yield self.later(30 * MINUTE, 2 * DAY)

    # What he is told

    def saw(self, session: Session) -> None:
        """The owner did something with a session: it may shut the thief out, or wake him."""
        if session is not self.session:
            return
        self.check()
        if self.wait.period is not None:
            at = self.agenda.now + self.rng.uniform(0, self.wait.period)
            self.agenda.add(at, self.step, self.turn)

    def tried(self, session: Session) -> None:
        first_at = self.theft.first_at
        if session is self.session and first_at is not None:
            self.theft.victim_tried |= self.agenda.now > first_at + GRACE

    def lost(self, answer: Pair) -> None:
        if self.wait.for_loss:
            self.lost_answer = answer
            at = self.agenda.now + between(self.rng, 0.1, MINUTE)
            self.agenda.add(at, self.step, self.turn)

    def check(self) -> None:
        """Note whether he is shut out. The end of its lifetime is no merit of a rule."""
        session, now = self.session, self.agenda.now
        if session is None or self.theft.first_at is None:
            return
        if session.exchanges(self.held, now):
            self.theft.shut_out_at = None
        elif self.theft.shut_out_at is None and not session.has_ended(now):
            self.theft.shut_out_at = now
