"""A device through the whole run: its sittings, its thief if any, and how its sessions end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jwt_refresh.exceptions import TokenError

from .agenda import Agenda
from .clients import Client, Request, Tab
from .network import Network
from .outcomes import Tally
from .scripts import SCRIPTS
from .sessions import RETRY, Pair, Session
from .thieves import Thief
from .world import Failover, Plan


class Device(Client):
    """One device under one rule."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        rule: type[Session],
        failovers: Iterable[Failover] = (),
    ) -> None:
        first = rule(plan.sittings[0].start, plan).first
        super().__init__(Agenda(), network, plan, first)
        self.rule = rule
        for number, sitting in enumerate(plan.sittings):
            self.agenda.add(sitting.start, self.sit_down, number)
        for failover in failovers:
            self.agenda.add(failover.since, self.lag, failover)
        sort = plan.sort
        self.thief = None if sort is None else Thief(self, sort, SCRIPTS[sort])
        self.counts.owners = int(sort is None)

    def sit_down(self, number: int) -> None:
        """The device comes on: its tabs open, and a call is made."""
        sitting = self.plan.sittings[number]
        self.sitting, self.off_at = number, sitting.end
        for tab, opened in enumerate(sitting.opened):
            self.agenda.add(opened, self.look, Tab(tab, number))
        self.call_after(self.network.fate(0, sitting.start).calls_after)

    def lag(self, failover: Failover) -> None:
        """From now on, the standby does not hear what is written."""
        self.agenda.add(failover.at, self.fail_over, failover, self.backups())

    def backups(self) -> dict[Session, tuple[int, Callable[[], None]]]:
        """Of each session in use: how many tokens it has issued, and what brings it back."""
        held = {self.store.session, *(it.session for it in (self.copies or {}).values())}
        if self.thief is not None and self.thief.session is not None:
            held.add(self.thief.session)
        return {it: (it.issued, it.backup()) for it in held if it.started_at < self.agenda.now}

    def fail_over(
        self, failover: Failover, backups: dict[Session, tuple[int, Callable[[], None]]]
    ) -> None:
        """The standby takes over, and knows nothing of the last seconds."""
        self.failed_at = failover.at
        session = self.store.session
        if failover.since <= session.started_at < failover.at:
            session.vanish(failover.at)
        for known, (issued, restore) in backups.items():
            restore()
            if known is session and int(self.store.jti) > issued:
                known.is_set_back = True
                self.counts.forgotten += self.thief is None

    def call(self, sitting: int) -> None:
        session = self.store.session
        super().call(sitting)
        if self.thief is not None:
            self.thief.saw(session)

    def saw(self, request: Request, answer: Pair | TokenError) -> None:
        if isinstance(answer, Pair):
            request.pair.session.is_set_back = False
        if self.thief is None:
            return
        self.thief.saw(request.pair.session)
        self.thief.tried(request.pair.session)
        if request.fate.lost and isinstance(answer, Pair):
            self.thief.lost(answer)

    def log_in_again(self) -> None:
        self.close()
        self.counts.logins += 1
        self.keep(self.rule(self.agenda.now, self.plan).first)
        if self.copies is not None:
            self.copies.clear()

    def close(self) -> None:
        """Count why the session is over for an owner whom nobody robbed."""
        session, counts = self.store.session, self.counts
        at = self.agenda.now if session.revoked_at is None else session.revoked_at
        if self.thief is not None:
            return
        if session.is_gone:
            counts.forgotten_logins += 1
        elif session.has_ended(at):
            counts.ended += 1
        elif session.revoked_at is None and self.lacks_key(session):
            counts.keys_gone += 1
        elif self.unheard_since is not None and at - self.unheard_since > RETRY:
            counts.stranded += 1
        else:
            counts.false_logouts += 1
            counts.forgotten_logouts += session.is_set_back

    def live(self, end: float) -> Tally:
        """The whole life of the device. Whoever holds a dead token at the end, and does not merely
        wait for an answer, would be logged out when he comes back, and is counted now."""
        self.agenda.run(end)
        session, revoked = self.store.session, self.store.session.revoked_at is not None
        dead = not session.has_ended(end) and not session.exchanges((self.store.jti,), end)
        if revoked or (dead and self.unheard_since is None):
            self.close()
        if self.thief is None:
            return Tally(self.counts) if self.copies is None else Tally(copying=self.counts)
        self.thief.check()
        return Tally(self.counts, [self.thief.theft])
