"""What the machines know of a server: its settings, what it hands out, what it can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GRACE, RETRY, LEEWAY = 30 * SECOND, timedelta(days=1), 5 * SECOND
STEP = min(LEEWAY, GRACE / 2)
"""By how much more than the time between them two readings of the server's clocks may differ."""

PLANS: dict[str, dict[str, Any]] = {
    "sliding": {"LIFETIME": timedelta(minutes=30), "SESSION_LIFETIME": timedelta(minutes=62)},
    "long sliding": {"LIFETIME": timedelta(hours=25), "SESSION_LIFETIME": timedelta(days=30)},
    "pair": {
        "LIFETIME": timedelta(minutes=5),
        "REFRESH_LIFETIME": timedelta(minutes=30),
        "SESSION_LIFETIME": timedelta(minutes=62),
    },
    "long pair": {
        "LIFETIME": timedelta(minutes=30),
        "REFRESH_LIFETIME": timedelta(days=14),
        "SESSION_LIFETIME": timedelta(days=30),
    },
}
"""The settings at login. The windows and the leeway above are the defaults."""

OK = "ok"
ACTS = {"ROTATE", "REISSUE", "REPLACE", "RECOVER"}
HARMLESS = {"stale_retry", "token_expired"}
WAIT = "throttled"
DEAD = {"session_revoked", "user_inactive", "password_changed", "token_expired"}
ENDING = {"user_inactive", "password_changed"}
"""The refusals that end a session for good."""
VERIFIED = DEAD | {OK, "token_invalid"}


@dataclass(frozen=True)
class Token:
    sid: str
    jti: str
    claims: Mapping[str, Any] = field(repr=False, compare=False)
    encoded: str = field(repr=False, compare=False)


@dataclass(frozen=True)
class Held:
    """What a client gets: the token that authenticates, and the one that can be refreshed."""

    token: Token
    refreshable: Token


@dataclass(frozen=True)
class Refresh:
    """What is presented, and when: by a clock on the wall, and in seconds by the server's."""

    presented: Token
    key: str
    at: datetime
    now: float

    @property
    def jti(self) -> str:
        return self.presented.jti


@dataclass
class Exchange:
    """When a token was first and last exchanged for a new one, and by requests of which keys; or
    when another one displaced it, and the key of the request that made that."""

    first: datetime
    last: datetime
    keys: list[str] = field(default_factory=list)


class Server(Protocol):
    """Answers by what it hands out, by ``OK``, or by the code of what it refuses."""

    def set_clock(self, now: datetime) -> None: ...
    def log_in(self, plan: str) -> Held: ...
    def refresh(self, presented: Token, key: str) -> Held | str: ...
    def judge(self, presented: Token, key: str) -> str:
        """What a refresh would come to, an act or a code. Changes nothing."""

    def use(self, token: Token) -> str: ...
    def verify(self, token: Token) -> str: ...
    def row(self, sid: str) -> dict[str, Any]:
        """The columns; none where the session was purged."""

    def log_out(self, token: Token) -> None: ...
    def deactivate(self, token: Token) -> None: ...
    def set_password(self, token: Token) -> None: ...
    def set_own_password(self, token: Token) -> Held | str:
        """By the owner, who goes on in a session that takes the place of this one."""

    def purge(self) -> None: ...
    def backup(self, sid: str) -> Any:
        """The row and its records, to be restored once."""

    def restore(self, sid: str, backup: Any) -> None: ...


def origin_of(token: Token) -> str:
    """The jti of the refreshable token that it is, or was issued with."""
    origin: str = token.claims.get("origin_jti", token.jti)
    return origin


def key_of(tab: int, token: Token) -> str:
    """The ``Idempotency-Key`` of a tab, the same whenever it asks again; the first sends none."""
    return f"tab {tab}, {token.jti}" if tab else ""
