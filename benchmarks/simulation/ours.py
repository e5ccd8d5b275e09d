"""The rule of this project: the real verdict, over a row that changes as a refresh changes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from jwt_refresh.core.claims import Claims, Kind, Style
from jwt_refresh.core.rotation import Act, Owner, Windows, check_alive, verdict
from jwt_refresh.exceptions import StaleRetry, TokenError, TokenInvalid, TokenReused

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


@dataclass(slots=True)
class Record:
    """The columns of ``models.IssuedToken`` that the verdict reads."""

    issued_at: datetime
    key_hash: str


OWNER = Owner("owner", active=True, same_password=True)


class OurSession(Session):
    """One token of each generation, a grace that hands out the same successor, a retry window."""

    name = "jwt_refresh"

    def __init__(self, now: float, plan: Plan) -> None:
        at = instant(now)
        ends_at = None if plan.absolute is None else instant(now + plan.absolute)
        self.row = Row(at, at, at, ends_at)
        self.records: list[Record] = []
        super().__init__(now, plan)
        self.current = self.first
        self._renew(self.first, now, "")

    def refresh(self, pair: Pair, key: str, now: float) -> Pair:
        """As ``sessions.refresh`` does it: verdict, swap, record; a reuse is revoked first."""
        try:
            act = self._judge(pair, key, now)
        except TokenReused:
            self.row.revoked_at, self.revoked_at = instant(now), now
            raise
        if act is Act.ROTATE:
            self.row.previous_jti = self.row.current_jti
            self.row.rotated_at = instant(now)
        if act is not Act.REISSUE:
            self._renew(self.new_pair(now), now, key)
        return self.pair(self.current.jti, self.current.issued_at, self.current.expires_at, now)

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
        previous = self.row.previous_jti
        if previous is None or previous not in held:
            return False
        try:
            self._judge(self.pair(previous, now, self.expires_at, now), "", now)
        except TokenError:
            return False
        return True

    def _renew(self, pair: Pair, now: float, key: str) -> None:
        self.current = pair
        self.row.current_jti = pair.jti
        self.row.issued_at = instant(pair.issued_at)
        self.row.expires_at = instant(pair.expires_at)
        self.row.confirmed_at = None
        self.records.append(Record(instant(now), key))

    def _judge(self, pair: Pair, key: str, now: float) -> Act:
        claims = self._check_alive(Kind.REFRESH, pair, now)
        return verdict(
            self.row,
            claims,
            self._successor(pair.jti, keyed=bool(key)),
            now=instant(now),
            windows=WINDOWS,
            key_hashes=frozenset({key} if key else ()),
        )

    def _check_alive(self, kind: Kind, pair: Pair, now: float) -> Claims:
        expired = kind is Kind.REFRESH and now >= pair.expires_at
        claims = Claims(kind, MappingProxyType({"jti": pair.jti, "sub": OWNER.subject}), expired)
        check_alive(self.row, OWNER, claims, now=instant(now))
        return claims

    def _successor(self, jti: str, *, keyed: bool) -> Record | None:
        """As ``checking`` reads it; the jti counts the records, from 1 on."""
        if jti == self.row.current_jti:
            return None
        if jti == self.row.previous_jti:
            return self.records[-1] if keyed else None
        return self.records[int(jti)]
