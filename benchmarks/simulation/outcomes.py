"""What became of devices and thieves under one rule."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from .sorts import Sort


@dataclass(slots=True)
class Counts:
    """Of one device, or of many. ``owners`` are those whom nobody robbed; the ends of sessions
    are of theirs alone. ``forgotten``: how often a failover forgot the token in the store;
    ``forgotten_logouts``: the false log-outs that came of it; ``forgotten_logins``: the ends of
    sessions whose very login it forgot; ``keys_gone``: the logins since a browser has forgotten the
    key of a living session."""

    owners: int = 0
    refreshes: int = 0
    unheard: int = 0
    logins: int = 0
    false_logouts: int = 0
    stranded: int = 0
    ended: int = 0
    forgotten: int = 0
    forgotten_logouts: int = 0
    forgotten_logins: int = 0
    keys_gone: int = 0

    def add(self, other: Counts) -> None:
        for it in fields(self):
            setattr(self, it.name, getattr(self, it.name) + getattr(other, it.name))


@dataclass(slots=True)
class Theft:
    """``first_at``: when the thief first exchanged what he stole. ``shut_out_at``: since when he
    can exchange nothing that he holds, because the session was revoked, or went on without him.
    ``tried``: he presented something to be exchanged.
    """

    sort: Sort
    first_at: float | None = None
    victim_tried: bool = False
    shut_out_at: float | None = None
    tried: bool = False

    @property
    def decided(self) -> bool:
        """The thief got a successor, and was shut out or could have been: the victim came back."""
        return self.first_at is not None and (self.victim_tried or self.shut_out_at is not None)

    @property
    def missed(self) -> bool:
        return self.decided and self.shut_out_at is None

    def lasted(self, end: float) -> float:
        shut_out_at = end if self.shut_out_at is None else self.shut_out_at
        return shut_out_at - (self.first_at or 0.0)


@dataclass(slots=True)
class Tally:
    """All devices under one rule; apart, those whose tabs keep copies of their own."""

    counts: Counts = field(default_factory=Counts)
    thefts: list[Theft] = field(default_factory=list)
    copying: Counts = field(default_factory=Counts)

    def add(self, other: Tally) -> None:
        self.counts.add(other.counts)
        self.thefts += other.thefts
        self.copying.add(other.copying)

    def of(self, *, excepted: bool) -> list[Theft]:
        """The thefts that a rule should see, or those that none can."""
        return [it for it in self.thefts if it.sort.excepted is excepted]

    @property
    def missed(self) -> list[Theft]:
        return [it for it in self.of(excepted=False) if it.missed]
