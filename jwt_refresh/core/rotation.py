"""The verdict on a token that was presented: a pure function of row, claims, records and time.

A session hands out one token of each generation. Whoever presents the current one gets its
successor. Whoever presents its predecessor is an honest client whose answer was late or lost,
or a thief; the windows and the *confirmation* of the successor tell them apart.

All functions raise the ``TokenError`` that refuses the token, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from jwt_refresh.exceptions import (
    PasswordChanged,
    SessionRevoked,
    StaleRetry,
    TokenAlreadyExpired,
    TokenError,
    TokenInvalid,
    TokenReused,
    UserInactive,
)

from .claims import Claims, Style, numeric_date

# The column has room for no more, and all that we ever issued are like this.
_of_ours = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch


class Row(Protocol):
    """A session as the verdict sees it."""

    style: str
    current_jti: str
    previous_jti: str | None
    issued_at: datetime
    rotated_at: datetime
    confirmed_at: datetime | None
    expires_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str


class Record(Protocol):
    """A record of an issued token as the verdict sees it."""

    generation: int
    issued_at: datetime
    key_hash: str


class Act(Enum):
    """The thing that a refreshable token is exchanged for."""

    ROTATE = "a successor, which begins a new generation"
    REISSUE = "the successor that it was exchanged for already"
    REPLACE = "a new successor in the place of one that nobody has used"
    RECOVER = "a successor, though the database has lost the refresh that made the token"


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows in which a superseded token is still an honest mistake.

    ``grace``: for tabs that refresh at once, and late duplicates; from the issue of the successor.
    ``retry``: for a client whose answer was lost, as long as nobody used the successor; from the
    first exchange.
    """

    grace: timedelta
    retry: timedelta


CODES: dict[str, type[TokenError]] = {it.code: it for it in (PasswordChanged, UserInactive)}
"""The errors of sessions that ended for what a refused request met: their code is the reason."""


def has_ended(row: Row, now: datetime) -> bool:
    """Tell whether the session lay idle for too long, or reached its absolute end."""
    return now >= row.expires_at or (row.ends_at is not None and now >= row.ends_at)


@dataclass(frozen=True, slots=True)
class Owner:
    """The user of a session as the verdict sees it.

    ``subject`` is the claim ``sub`` of the user's tokens; ``same_password`` says that the password
    is the one of login.
    """

    subject: str
    active: bool
    same_password: bool


def check_alive(row: Row, owner: Owner, claims: Claims, *, now: datetime) -> None:
    """Raise unless the session lives, and the claims are those of a token of its own.

    The whole list of conditions, in the order of their answers. Raises ``TokenInvalid``,
    ``SessionRevoked``, ``TokenAlreadyExpired``, and ``UserInactive`` and ``PasswordChanged``,
    also where that was the reason for which the session was revoked.
    """
    if claims.kind.style != row.style:
        raise TokenInvalid(f"{claims.kind.value} on a session of style {row.style}")
    if row.revoked_at is not None:
        raise CODES.get(row.revoked_reason, SessionRevoked)("revoked")
    if has_ended(row, now) and not _has_gone_on(row, claims, now):
        # In sliding style the session ends with its last token, so "expired" says it better.
        raise TokenAlreadyExpired("past exp") if claims.expired else SessionRevoked("ended")
    if not owner.active:
        raise UserInactive("inactive")
    if not owner.same_password:
        raise PasswordChanged("password changed")
    if claims.sub != owner.subject:
        raise TokenInvalid("not the user of the session")


def _has_gone_on(row: Row, claims: Claims, now: datetime) -> bool:
    """Tell whether the database has lost the refresh that moved the end of the session on.

    In sliding style a token is refreshed shortly before its end. If that write is lost, the row
    says soon afterwards that the session has ended, and its client holds a token that goes on.
    """
    return (
        numeric_date(now) < claims.exp
        and claims.iat >= numeric_date(row.issued_at)
        and claims.refreshable_jti not in (row.current_jti, row.previous_jti)
        and _of_ours(claims.refreshable_jti) is not None
        and (row.ends_at is None or now < row.ends_at)
    )


def verdict(
    row: Row,
    claims: Claims,
    record: Record | None,
    successor: Record | None,
    *,
    now: datetime,
    windows: Windows,
    key_hashes: AbstractSet[str],
) -> Act:
    """Decide what a refreshable token of a living session is exchanged for.

    ``record`` is that of the token itself, if it is neither the current nor the previous one, and
    ``successor`` that of the token that took its place, for the previous token the current one;
    ``None`` where there is none. ``key_hashes`` are the hashes of the request's
    ``Idempotency-Key``, none where it has none.

    Raises ``TokenReused`` (the caller must revoke the session), ``TokenAlreadyExpired`` and
    ``StaleRetry``.
    """
    same_request = (
        successor is not None
        and successor.key_hash in key_hashes
        and _age(successor.issued_at, now) <= windows.retry
    )
    act: Act | None = None
    if claims.jti == row.current_jti:
        act = Act.ROTATE
    elif claims.jti == row.previous_jti:
        act = _second_try(row, now, windows, same_request)
    elif record is None:
        act = _recover(row, claims)
    elif successor is None or not (same_request or _age(successor.issued_at, now) <= windows.grace):
        if successor is not None and successor.generation == record.generation:
            raise TokenReused("displaced long ago", case="displaced")
        raise TokenReused("superseded long ago", case="older")
    if claims.expired and not _outlives_itself(row, act):
        raise TokenAlreadyExpired("past exp")
    if act is None:
        raise StaleRetry("late duplicate")
    return act


def bound_verdict(row: Row, claims: Claims) -> Act:
    """Decide what a refreshable token of a living, bound session is exchanged for.

    The caller has proved that it holds the key of the session, so it is no thief, however old its
    token. The current one gets a successor, any other one the current one again. Nothing is ever
    reuse; and until when a token can be refreshed is told by the row, not by its own end.
    """
    if claims.jti == row.current_jti:
        return Act.ROTATE
    # One that is younger than the row knows is of a refresh that the database has lost. What the
    # row knows instead may end at any moment, or has ended already.
    if claims.iat > numeric_date(row.issued_at) and _of_ours(claims.jti):
        return Act.RECOVER
    return Act.REISSUE


def _second_try(row: Row, now: datetime, windows: Windows, same_request: bool) -> Act | None:
    """Decide on the previous token; ``None`` for a late duplicate."""
    # From the issue of a replacement as well: of two tabs that ask for a lost answer at once,
    # neither must be left with a token that the other one has displaced.
    age = _age(max(row.rotated_at, row.issued_at), now)
    if age <= windows.grace:
        return Act.REISSUE
    if row.confirmed_at is not None:
        # Who asked again late in the grace confirms after it; other tabs, and the duplicates of
        # that request, come when they come. They get nothing, and are no theft.
        if same_request or _age(row.confirmed_at, now) <= windows.grace:
            return None
        raise TokenReused("superseded by a token in use", case="in_use")
    if _age(row.rotated_at, now) > windows.retry:
        raise TokenReused("superseded too long ago", case="window_over")
    # A duplicate of the last request in the grace must not displace what that was answered with.
    return Act.REISSUE if same_request or age < 2 * windows.grace else Act.REPLACE


def _recover(row: Row, claims: Claims) -> Act:
    """Decide on a token without a record.

    Records of unexpired tokens are never purged, and only we could have signed it. So the database
    has lost a write that was answered: by a failover to a standby that lags, or a backup. That
    counts once: the first token that is recovered makes the row younger than the others of its
    time, and whoever presents one of those is a thief, or was overtaken by one.
    """
    if claims.iat < numeric_date(row.issued_at) or not _of_ours(claims.jti):
        raise TokenReused("without a record", case="no_record")
    return Act.RECOVER


def _outlives_itself(row: Row, act: Act | None) -> bool:
    """Tell whether the token that asks for a lost answer may be past its end: in pair style."""
    return row.style == Style.PAIR and act in (Act.REISSUE, Act.REPLACE)


def _age(since: datetime, now: datetime) -> timedelta:
    """Return the time since an instant; 0 for one ahead, since the clocks of servers differ."""
    return max(now - since, timedelta(0))
