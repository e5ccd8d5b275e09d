"""An observer beside a server, who sees every request and holds the answers to the properties."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from .ledger import Ledger, Moment
from .terms import DEAD, GRACE, OK, RETRY, START, VERIFIED, Held, Refresh, Server, Token, key_of


class Observer(RuleBasedStateMachine):
    """What is sent to the server goes through here."""

    server: Server
    ledger_type: ClassVar[type[Ledger]] = Ledger
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.wall = START
        self.ahead = timedelta(0)
        self.ledgers: dict[str, Ledger] = {}
        self.before: dict[str, Any] = {}

    @property
    def now(self) -> datetime:
        """What the server's clock shows."""
        return self.wall + self.ahead

    def wait(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.server.set_clock(self.now)

    def start(self, plan: str) -> Held:
        self.server.set_clock(self.now)
        held = self.server.log_in(plan)
        sid = held.token.sid
        self.ledgers[sid] = self.ledger_type(held, self.server.row(sid))
        return held

    def send(self, presented: Token, key: str) -> Held | str:
        """To be refreshed."""
        sid = presented.sid
        self.before = self.server.row(sid)
        moment = self.moment(sid)
        answer = self.server.refresh(presented, key)
        after, refresh = self.server.row(sid), self.asked(presented, key)
        if isinstance(answer, str):
            self.ledgers[sid].note_refusal(refresh, answer, self.before, after)
        else:
            self.ledgers[sid].note_successor(refresh, answer, self.before, after)
            self.ledgers[sid].past += [moment] * (after != self.before)
            assert self.verify(answer.token) == self.verify(answer.refreshable) == OK, "P5"
        return answer

    def asked(self, presented: Token, key: str) -> Refresh:
        return Refresh(presented, key, self.wall, self.now.timestamp())

    def authenticate(self, token: Token) -> None:
        before, moment = self.server.row(token.sid), self.moment(token.sid)
        code = self.server.use(token)
        after = self.server.row(token.sid)
        self.ledgers[token.sid].note_use(token, code, before, after, self.wall)
        self.ledgers[token.sid].past += [moment] * (after != before)

    def moment(self, sid: str) -> Moment:
        return self.ledgers[sid].now(self.server.backup(sid))

    def lose(self, sid: str, changes: int) -> None:
        """The database forgets the last changes of a session, one or more."""
        ledger = self.ledgers[sid]
        if not ledger.is_over and len(ledger.past) >= changes:
            self.server.restore(sid, ledger.lose(changes))

    def set_own_password(self, token: Token) -> Held | None:
        """Return what goes on in the place of the session of ``token``, if that lives."""
        ledger, before = self.ledgers[token.sid], self.server.row(token.sid)
        answer = self.server.set_own_password(token)
        after = self.server.row(token.sid)
        if isinstance(answer, str):
            ledger.note_use(token, answer, before, after, self.wall)
            return None
        sid = answer.token.sid
        self.ledgers[sid] = self.ledger_type(answer, self.server.row(sid))
        ledger.note_place(self.ledgers[sid], before, after)
        self._check_over(ledger)
        assert self.verify(answer.token) == self.verify(answer.refreshable) == OK, "P5"
        return answer

    def verify(self, token: Token) -> str:
        before = self.server.row(token.sid)
        code = self.server.verify(token)
        assert code in VERIFIED, "P6"
        self.ledgers[token.sid].note_verify(code, before, self.server.row(token.sid))
        return code

    def end_session(self, how: str, token: Token) -> None:
        getattr(self.server, how)(token)
        self._check_over(self.ledgers[token.sid])

    def _check_over(self, ledger: Ledger) -> None:
        ledger.note_end()
        for refused in ledger.issued.values():
            self.verify(refused)
            self.send(refused, key_of(1, refused))

    def purge(self) -> None:
        recent = {sid: self.recent(ledger) for sid, ledger in self.ledgers.items()}
        before = {sid: self.judge(tokens) for sid, tokens in recent.items()}
        self.server.purge()
        for sid, judged in before.items():
            was_dead = not self.server.row(sid) and set(judged.values()) <= DEAD
            assert was_dead or self.judge(recent[sid]) == judged, "P8"

    def recent(self, ledger: Ledger) -> list[Token]:
        """The tokens that have not been expired for longer than any window."""
        since = (self.now - max(GRACE, RETRY)).timestamp()
        return [token for token in ledger.issued.values() if token.claims["exp"] >= since]

    def judge(self, tokens: Iterable[Token]) -> dict[tuple[Token, str], str]:
        """What would come of each, without a key and with that of a tab."""
        pairs = [(token, key_of(tab, token)) for token in tokens for tab in (0, 1)]
        return {pair: self.server.judge(*pair) for pair in pairs}

    @invariant()
    def rule_is_kept(self) -> None:
        Observer.steps += 1
        for ledger in (it for it in self.ledgers.values() if not it.is_over):
            for (token, key), outcome in self.judge(ledger.issued.values()).items():
                ledger.check(self.asked(token, key), outcome)
