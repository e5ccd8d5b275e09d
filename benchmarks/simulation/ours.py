"""The rule of this project: the real verdict, over a row that changes as a refresh changes it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice
from types import MappingProxyType

from jwt_refresh.core.claims import Claims, Kind, Style, whole_second
from jwt_refresh.core.rotation import Act, Owner, Windows, bound_verdict, check_alive, verdict
from jwt_refresh.exceptions import (
    BindingViolated,
    StaleRetry,
    TokenError,
    TokenInvalid,
    TokenReused,
)

from .sessions import GRACE, RETRY, Pair, Session
from .world import Plan

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOWS = Windows(grace=timedelta(seconds=GRACE), retry=timedelta(seconds=RETRY))


def instant(now: float) -> datetime:
    return START + timedelta(seconds=now)


@dataclass(slots=True)
class Row:
    """The columns of ``models.Session`` that the verdict reads."""

    issued_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ends_at: datetime | None
    style: str = Style.PAIR.value
    current_jti: str = ""
    previous_jti: str | None = None
    confirmed_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str = ""
    generation: int = 0


@dataclass(slots=True)
class Record:
    """The columns of ``models.IssuedToken`` that the verdict reads."""

    generation: int
    issued_at: datetime
    key_hash: str


OWNER = Owner("owner", active=True, same_password=True)


class OurSession(Session):
    """One token of each generation, a grace that hands out the same successor, a retry window."""

    name = "jwt_refresh"
    stored = (*Session.stored, "row", "current", "records")

    def __init__(self, now: float, plan: Plan) -> None:
        at = instant(now)
        ends_at = None if plan.absolute is None else instant(now + plan.absolute)
        self.row = Row(at, at, at, ends_at)
        self.records: dict[str, Record] = {}
        self.lost: dict[str, datetime] = {}
        """The tokens that the database has forgotten, and when they were issued."""
        super().__init__(now, plan)
        self.current = self.first
        self._renew(self.first, now, "")

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        """As ``sessions.refresh`` does it: verdict, swap, record; a reuse is revoked first."""
        try:
            act = self._judge(pair, key, now)
        except TokenReused:
            self.row.revoked_at, self.revoked_at = instant(now), now
            raise
        if act is Act.RECOVER:
            self._restore(pair)
        if act in (Act.ROTATE, Act.RECOVER):
            self.row.previous_jti = self.row.current_jti
            self.row.generation += 1
            self.row.rotated_at = instant(now)
        if act is not Act.REISSUE:
            self._renew(self.new_pair(now), now, key)
        return self.pair(self.current.jti, self.current.issued_at, self.current.expires_at, now)

    def backup(self) -> Callable[[], None]:
        bring_back = super().backup()

        def restore() -> None:
            forgotten = dict(self.records)
            bring_back()
            self.lost |= {jti: it.issued_at for jti, it in forgotten.items()}

        return restore

    def vanish(self, now: float) -> None:
        super().vanish(now)
        self.row.revoked_at = instant(now)

    def authenticate(self, pair: Pair, now: float) -> None:
        """As ``checking.authenticate`` does it: the first use of the current token confirms it."""
        self._check_alive(Kind.ACCESS, pair, now)
        if self.row.confirmed_at is None and pair.jti == self.row.current_jti:
            self.row.confirmed_at = instant(now)

    def verify(self, pair: Pair, now: float) -> float:
        """As ``checking.verify`` does it: it tells when the token that was presented expires."""
        try:
            self._judge(pair, "", now)
        except (StaleRetry, TokenReused):
            raise TokenInvalid("superseded") from None
        return pair.expires_at

    def exchanges(self, held: Collection[str], now: float) -> bool:
        if self.row.current_jti in held:
            return self.revoked_at is None
        lost = (self.lost[jti] for jti in held if jti in self.lost and jti not in self.records)
        if any(whole_second(at) >= self.row.issued_at for at in lost):
            return self.revoked_at is None
        previous = self.row.previous_jti
        if previous is None or previous not in held:
            return False
        try:
            self._judge(self.pair(previous, now, self.expires_at, now), "", now)
        except TokenError:
            return False
        return True

    def _restore(self, lost: Pair) -> None:
        self.row.generation += 1
        self.row.current_jti = lost.jti
        self.records[lost.jti] = Record(self.row.generation, instant(lost.issued_at), "")

    def _renew(self, pair: Pair, now: float, key: str) -> None:
        self.current = pair
        self.row.current_jti = pair.jti
        self.row.issued_at = instant(pair.issued_at)
        self.row.expires_at = instant(pair.expires_at)
        self.row.confirmed_at = None
        self.records[pair.jti] = Record(self.row.generation, instant(now), key)

    def _judge(self, pair: Pair, key: str, now: float) -> Act:
        claims = self._check_alive(Kind.REFRESH, pair, now)
        return verdict(
            self.row,
            claims,
            *self._records(pair.jti, keyed=bool(key)),
            now=instant(now),
            windows=WINDOWS,
            key_hashes=frozenset({key} if key else ()),
        )

    def _check_alive(self, kind: Kind, pair: Pair, now: float) -> Claims:
        refreshes = kind is Kind.REFRESH
        expires_at = pair.expires_at if refreshes else pair.access_expires_at
        content = {
            "jti": pair.jti,
            "sub": OWNER.subject,
            "iat": int(pair.issued_at + START.timestamp()),
            "exp": int(expires_at + START.timestamp()),
        }
        claims = Claims(kind, MappingProxyType(content), now >= expires_at)
        check_alive(self.row, OWNER, claims, now=instant(now))
        return claims

    def _records(self, jti: str, *, keyed: bool) -> tuple[Record | None, Record | None]:
        """As ``checking`` reads them."""
        if jti == self.row.current_jti:
            return None, None
        if jti == self.row.previous_jti:
            return None, self.records[self.row.current_jti] if keyed else None
        on = dropwhile(jti.__ne__, self.records)
        record, successor, *_ = *(self.records[it] for it in islice(on, 2)), None, None
        return record, successor


class BoundSession(OurSession):
    """The same, bound to a key of the device (RFC 9449), which no thief can copy."""

    name = "jwt_refresh, bound sessions"

    def __init__(self, now: float, plan: Plan) -> None:
        super().__init__(now, plan)
        self.key = plan.key(now)

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        if proves != self.key:
            raise BindingViolated("no proof, or one of another key")
        return super().refresh(pair, key, now)

    def exchanges(self, held: Collection[str], now: float) -> bool:
        """With a proof of the key."""
        return self.revoked_at is None

    def _judge(self, pair: Pair, key: str, now: float) -> Act:
        """It tells a thief who polls ``verify`` more than he would hear without a proof."""
        claims = self._check_alive(Kind.REFRESH, pair, now)
        return bound_verdict(self.row, claims)
