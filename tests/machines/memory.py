"""A server in memory: what the verbs do, around the real verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from jwt_refresh.core.claims import Claims, Kind, Style
from jwt_refresh.core.rotation import Act, Owner, Windows, check_alive, verdict
from jwt_refresh.exceptions import (
    PasswordChanged,
    StaleRetry,
    TokenError,
    TokenReused,
    UserInactive,
)

from .terms import GRACE, OK, PLANS, RETRY, START, Held, Token

WINDOWS = Windows(GRACE, RETRY)
OWNER = "owner"
"""The subject of all tokens."""


@dataclass
class Row:
    """A session, with what is known of its user."""

    style: str
    lifetime: timedelta
    refresh_lifetime: timedelta | None
    started_at: datetime
    ends_at: datetime | None
    current_jti: str = ""
    generation: int = 0
    previous_jti: str | None = None
    issued_at: datetime = START
    rotated_at: datetime = START
    expires_at: datetime = START
    confirmed_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str = ""
    active: bool = True
    same_password: bool = True


@dataclass
class Record:
    jti: str
    generation: int
    issued_at: datetime
    expires_at: datetime
    key_hash: str


@dataclass
class Session:
    row: Row
    records: list[Record] = field(default_factory=list)


class Memory:
    def __init__(self) -> None:
        self.now = START
        self.sessions: dict[str, Session] = {}
        self.count = 0
        self.purged_before = START
        """What expired before that has no record any more."""

    def set_clock(self, now: datetime) -> None:
        self.now = now

    def log_in(self, plan: str) -> Held:
        terms = PLANS[plan]
        started_at = self.now.replace(microsecond=0)
        row = Row(
            style=(Style.PAIR if "REFRESH_LIFETIME" in terms else Style.SLIDING).value,
            lifetime=terms["LIFETIME"],
            refresh_lifetime=terms.get("REFRESH_LIFETIME"),
            started_at=started_at,
            rotated_at=self.now,
            ends_at=started_at + terms["SESSION_LIFETIME"],
        )
        return self._begin(row)

    def refresh(self, presented: Token, key: str) -> Held | str:
        session = self.sessions[presented.sid]
        row = session.row
        try:
            act = self._act(session, presented, key, self.purged_before)
        except TokenReused as error:
            row.revoked_at, row.revoked_reason = self.now, "reuse"
            return error.code
        except TokenError as error:
            return error.code
        if act is Act.RECOVER:
            self._restore(session, presented)
        if act is Act.REPLACE:
            self._renew(session, key, row.started_at)
        elif act is not Act.REISSUE:
            row.previous_jti = row.current_jti
            row.generation += 1
            row.rotated_at = self.now
            self._renew(session, key, row.issued_at)
        return self._hand_out(presented.sid)

    def judge(self, presented: Token, key: str, *, purged: bool = True) -> str:
        session = self.sessions[presented.sid]
        since = self.purged_before if purged else START
        try:
            return self._act(session, presented, key, since).name
        except TokenError as error:
            return error.code

    def use(self, token: Token) -> str:
        code, row = self.verify(token), self.sessions[token.sid].row
        is_current = self._claims(token).refreshable_jti == row.current_jti
        if code == OK and is_current and row.confirmed_at is None:
            row.confirmed_at = self.now
        return code

    def verify(self, token: Token) -> str:
        claims, session = self._claims(token), self.sessions[token.sid]
        if claims.expired:
            return "token_expired"
        try:
            if claims.kind is Kind.REFRESH:
                self._act(session, token, "", self.purged_before)
            self._check_alive(claims, session.row)
        except TokenError as error:
            return "token_invalid" if isinstance(error, StaleRetry | TokenReused) else error.code
        return OK

    def row(self, sid: str) -> dict[str, Any]:
        return asdict(self.sessions[sid].row)

    def log_out(self, token: Token) -> None:
        row = self.sessions[token.sid].row
        row.revoked_at, row.revoked_reason = row.revoked_at or self.now, "logout"

    def deactivate(self, token: Token) -> None:
        self.sessions[token.sid].row.active = False

    def set_password(self, token: Token) -> None:
        self.sessions[token.sid].row.same_password = False

    def set_own_password(self, token: Token) -> Held | str:
        code, row = self.use(token), self.sessions[token.sid].row
        return self._take_place_of(row) if code == OK else code

    def purge(self) -> None:
        self.purged_before = max(self.purged_before, self.now - max(GRACE, RETRY))

    def backup(self, sid: str) -> Session:
        session = self.sessions[sid]
        return Session(replace(session.row), [*session.records])

    def restore(self, sid: str, backup: Session) -> None:
        self.sessions[sid] = backup

    def _take_place_of(self, row: Row) -> Held:
        row.revoked_at, row.revoked_reason = self.now, "password_changed"
        return self._begin(
            Row(
                style=row.style,
                lifetime=row.lifetime,
                refresh_lifetime=row.refresh_lifetime,
                started_at=row.started_at,
                rotated_at=self.now,
                ends_at=row.ends_at,
            )
        )

    def _begin(self, row: Row) -> Held:
        sid = f"session {len(self.sessions)}"
        self.sessions[sid] = Session(row)
        self._renew(self.sessions[sid], "", row.started_at)
        return self._hand_out(sid)

    def _act(self, session: Session, presented: Token, key: str, since: datetime) -> Act:
        claims = self._claims(presented)
        records = [record for record in session.records if record.expires_at >= since]
        self._check_alive(claims, session.row)
        return verdict(
            session.row,
            claims,
            *_records_of(session.row, claims.jti, records),
            now=self.now,
            windows=WINDOWS,
            key_hashes={key} - {""},
        )

    def _check_alive(self, claims: Claims, row: Row) -> None:
        owner = Owner(OWNER, row.active, row.same_password)
        try:
            check_alive(row, owner, claims, now=self.now)
        except (UserInactive, PasswordChanged) as error:
            if row.revoked_at is None:
                row.revoked_at, row.revoked_reason = self.now, error.code
            raise

    def _claims(self, token: Token) -> Claims:
        expired = self.now.timestamp() >= token.claims["exp"]
        return Claims(Kind(token.encoded), MappingProxyType({**token.claims}), expired)

    def _restore(self, session: Session, lost: Token) -> None:
        row = session.row
        issued_at, expires_at = (
            datetime.fromtimestamp(lost.claims[name], tz=UTC) for name in ("iat", "exp")
        )
        row.previous_jti, row.current_jti = row.current_jti, lost.jti
        row.generation += 1
        row.issued_at, row.expires_at = issued_at, expires_at
        session.records.append(Record(lost.jti, row.generation, issued_at, expires_at, ""))

    def _renew(self, session: Session, key: str, least: datetime) -> None:
        """``least``: before which it is not issued, whatever the clock says."""
        row = session.row
        self.count += 1
        row.current_jti = f"token-{self.count}"
        row.issued_at = max(self.now.replace(microsecond=0), least)
        expires_at = row.issued_at + (row.refresh_lifetime or row.lifetime)
        row.expires_at = min(expires_at, row.ends_at or expires_at)
        row.confirmed_at = None
        record = Record(row.current_jti, row.generation, self.now, row.expires_at, key)
        session.records.append(record)

    def _hand_out(self, sid: str) -> Held:
        row = self.sessions[sid].row
        style = Style(row.style)
        refreshable = Kind.SLIDING if style is Style.SLIDING else Kind.REFRESH
        jti, exp = row.current_jti, row.expires_at
        current = _token(refreshable, sid, row, jti, row.issued_at, exp)
        if style is Style.SLIDING:
            return Held(current, current)
        self.count += 1
        issued_at = max(self.now, row.started_at)
        exp = min(issued_at + row.lifetime, exp)
        access = _token(Kind.ACCESS, sid, row, f"access {self.count}", issued_at, exp)
        access = replace(access, claims={**access.claims, "origin_jti": jti})
        return Held(access, current)


def _records_of(row: Row, jti: str, records: list[Record]) -> tuple[Record | None, Record | None]:
    """The record of a token, and of what took its place."""
    known = [record.jti for record in records]
    if jti == row.previous_jti:
        return None, records[-1]
    if jti == row.current_jti or jti not in known:
        return None, None
    own = known.index(jti)
    return records[own], records[own + 1]


def _token(kind: Kind, sid: str, row: Row, jti: str, issued_at: datetime, exp: datetime) -> Token:
    instants = {"auth_time": row.started_at, "iat": issued_at, "exp": exp}
    seconds = {name: int(instant.timestamp()) for name, instant in instants.items()}
    return Token(sid, jti, {"sub": OWNER, "sid": sid, "jti": jti} | seconds, encoded=kind.value)
