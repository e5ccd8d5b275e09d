"""What an observer of a server writes down of each session, and what he must never see.

P1 to P8 are the properties that the two machines prove:

- P1: an owner alone is never logged out, as far as ``owner`` says what he may rely on; not by a
  database that loses what it has answered either.
- P2: of a thief and an owner who hold different tokens, one who gets a new token shuts the
  other out, whose next try after the grace ends the session. A successor is handed out again
  within the grace of its issue, twice as long while nobody has used it, or within the retry
  window to the request that made it; one in use is never displaced. That a token expired, or
  that its record was purged, shields nobody.
- P3: a family never forks: only the current token and its predecessor are ever exchanged, and
  only the current one begins a generation. Of those that the database lost, the first one does
  that comes back, and none that is older than the current one.
- P4: what ended a session refuses every token of it, from the next request on; and where it was
  a new password, or that its user is inactive, that request ends it for good. So does the user's
  own new password, which hands out a session in its place.
- P5: what a refresh hands out is good.
- P6: a refusal changes nothing else, and verify never does, nor tells it of a refresh; only use
  confirms.
- P7: a session keeps its id, its beginning and its end, the one in its place keeps the last two,
  and no token outlives it. One that
  expired is not exchanged, but for the previous one in pair style.
- P8: a purge changes no answer for tokens that expired no longer than the windows ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .terms import (
    ACTS,
    DEAD,
    ENDING,
    GRACE,
    OK,
    RETRY,
    SECOND,
    STEP,
    WAIT,
    Exchange,
    Held,
    Refresh,
    Token,
    origin_of,
)

FORGOTTEN = ("previous", "current", "used_at", "exchanges")
"""What the ledger takes back where the database loses a write."""


class Moment(NamedTuple):
    """A session as it was: what brings it back, and what the ledger says of it."""

    backup: Any
    facts: dict[str, Any]
    known: set[str]
    """The tokens on record."""


class Ledger:
    """Of one session. Instants are those of a clock on the wall, which no server can see."""

    def __init__(self, held: Held, row: Mapping[str, Any]) -> None:
        first = held.refreshable
        self.sid = first.sid
        self.is_pair = held.token != first
        self.started = first.claims["auth_time"]
        self.ends = int(row["ends_at"].timestamp())
        self.issued = {first.jti: first}
        self.exchanges: dict[str, Exchange] = {}
        self.previous, self.current = "", first.jti
        self.used_at: datetime | None = None
        """When somebody first used the current token."""
        self.is_over = False
        self.is_safe = True
        """Whether the owner alone refreshed so far, in time."""
        self.lost: set[str] = set()
        """The tokens that the database has forgotten."""
        self.past: list[Moment] = []
        """What was there before each change."""
        self._check_claims(held)

    def now(self, backup: Any) -> Moment:
        """What the database has, as it is in ``backup``."""
        facts = {name: deepcopy(getattr(self, name)) for name in FORGOTTEN}
        return Moment(backup, facts, self.issued.keys() - self.lost)

    def lose(self, changes: int) -> Any:
        """So many changes of the session, if there were any; return the backup of before them."""
        moment = self.past[-changes]
        del self.past[-changes:]
        vars(self).update(deepcopy(moment.facts))
        self.lost = self.issued.keys() - moment.known
        return moment.backup

    def may_recover(self, token: Token) -> bool:
        """Whether it is one that the database lost, and no older than the current one."""
        current = self.issued[self.current]
        return token.jti in self.lost and token.claims["iat"] >= current.claims["iat"]

    def note_end(self) -> None:
        self.is_over, self.is_safe = True, False

    def note_code(self, code: str) -> None:
        assert not self.is_over or code in DEAD, "P4"

    def note_use(
        self,
        token: Token,
        code: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        at: datetime,
    ) -> None:
        self.note_code(code)
        confirms = code == OK and origin_of(token) == self.current and self.used_at is None
        after = self._as_if_not_ended(code, before, after)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == ({"confirmed_at"} if confirms else set()), "P6"
        self.used_at = at if confirms else self.used_at

    def note_verify(self, code: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.note_code(code)
        assert self._as_if_not_ended(code, before, after) == before, "P6"

    def note_place(
        self, other: Ledger, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Another session took its place, after a request with a token of this one."""
        assert not self.is_over, "P4"
        changed = {name for name in before if before[name] != after[name]} - {"confirmed_at"}
        assert changed == {"revoked_at", "revoked_reason"}, "P4"
        assert after["revoked_reason"] == "password_changed", "P4"
        assert other.sid != self.sid, "P4"
        assert (other.started, other.ends, other.is_pair) == (
            self.started,
            self.ends,
            self.is_pair,
        ), "P7"

    def _as_if_not_ended(
        self, code: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The row after a request, but for the end that it writes where its user may not go on."""
        if code not in ENDING or before["revoked_at"] is not None:
            return after
        assert self.is_over, "P4"
        assert (after["revoked_at"] is None, after["revoked_reason"]) == (False, code), "P4"
        return {**after, "revoked_at": None, "revoked_reason": ""}

    def note_refusal(
        self, refresh: Refresh, code: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        self.check(refresh, code)
        after = self._as_if_not_ended(code, before, after)
        if code == "token_reused":
            self.is_over = True
            assert after["revoked_at"] is not None, "P4"
            after = {**after, "revoked_at": None, "revoked_reason": ""}
        assert after == before, "P6"

    def note_successor(
        self, refresh: Refresh, held: Held, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        self._check_claims(held)
        new = held.refreshable
        if new.jti in self.issued:
            self.check(refresh, "REISSUE")
            assert (new.jti, new.claims) == (self.current, self.issued[new.jti].claims), "P3"
            assert after == before, "P6"
            return
        recovers, rotates = refresh.jti in self.lost, refresh.jti == self.current
        self.check(refresh, "RECOVER" if recovers else "ROTATE" if rotates else "REPLACE")
        # What it recovers is on record, as of a generation of its own.
        assert after["generation"] == before["generation"] + rotates + 2 * recovers, "P3"
        replaces = not (rotates or recovers)
        assert not replaces or after["rotated_at"] == before["rotated_at"], "P2"
        assert (after["previous_jti"], after["current_jti"]) == (refresh.jti, new.jti), "P3"
        assert (after["confirmed_at"], after["ends_at"]) == (None, before["ends_at"]), "P7"
        self._note_new(refresh, new)

    def _note_new(self, refresh: Refresh, new: Token) -> None:
        at, key = refresh.at, refresh.key
        self.issued[new.jti] = new
        if refresh.jti in self.lost:
            self.lost.remove(refresh.jti)
            since = datetime.fromtimestamp(refresh.presented.claims["iat"], tz=UTC)
            self.exchanges[self.current] = Exchange(since, since, [""])
        exchange = self.exchanges.setdefault(refresh.jti, Exchange(at, at))
        exchange.last = at
        exchange.keys.append(key)
        if refresh.jti == self.previous:
            self.exchanges[self.current] = Exchange(at, at, [key])
        self.previous, self.current, self.used_at = refresh.jti, new.jti, None

    def check(self, refresh: Refresh, outcome: str) -> None:
        """Whether the rule lets a refresh come to this."""
        self.note_code(outcome)
        if refresh.jti in self.lost:
            self._check_lost(refresh, outcome)
            return
        if outcome in ACTS:
            self._check_in_time(refresh)
        if outcome == "ROTATE":
            assert refresh.jti == self.current, "P3"
        elif outcome == "REISSUE":
            self._check_reissue(refresh, self.exchanges[refresh.jti])
        elif outcome == "REPLACE":
            self._check_replace(refresh, self.exchanges[refresh.jti])
        elif outcome == "stale_retry":
            assert self._may_be_stale(refresh, self.exchanges[refresh.jti]), "P2"
        elif outcome == "token_expired":
            assert self._may_have_expired(refresh), "P2"
        elif outcome == "token_reused":
            assert not self.bears(refresh.presented, refresh.key, refresh.at), "P1"

    def _check_lost(self, refresh: Refresh, outcome: str) -> None:
        can = self.may_recover(refresh.presented)
        expired = refresh.now >= refresh.presented.claims["exp"]
        if outcome == "RECOVER":
            assert can, "P3"
            assert not expired, "P7"
        elif outcome == "token_reused":
            assert not can, "P1"
        elif outcome != WAIT:
            assert outcome in DEAD, "P3"
            assert self.is_over or expired or not can, "P1"

    def _check_in_time(self, refresh: Refresh) -> None:
        outlives = self.is_pair and refresh.jti == self.previous
        assert outlives or refresh.now < refresh.presented.claims["exp"], "P7"
        assert refresh.now < self.issued[self.current].claims["exp"], "P7"

    def _check_reissue(self, refresh: Refresh, exchange: Exchange) -> None:
        assert refresh.jti == self.previous, "P3"
        grace = 2 * GRACE if self.used_at is None else GRACE
        if refresh.at - exchange.last > grace + STEP:
            assert refresh.key == exchange.keys[-1] != "", "P2"
            assert refresh.at - exchange.first <= RETRY + STEP, "P2"

    def _check_replace(self, refresh: Refresh, exchange: Exchange) -> None:
        assert refresh.jti == self.previous, "P3"
        assert self.used_at is None, "P2"
        assert refresh.at - exchange.first <= RETRY + STEP, "P2"
        assert refresh.at - exchange.last > 2 * GRACE - STEP - SECOND, "P1"
        assert not refresh.key or refresh.key != exchange.keys[-1], "P1"

    def _may_be_stale(self, refresh: Refresh, exchange: Exchange) -> bool:
        age = refresh.at - exchange.last
        used_at = self.used_at if refresh.jti == self.previous else None
        just_used = used_at is not None and refresh.at - used_at <= GRACE + STEP
        keyed = refresh.key in set(exchange.keys) - {""} and age <= RETRY + STEP
        return just_used or keyed or age <= GRACE + STEP

    def _may_have_expired(self, refresh: Refresh) -> bool:
        """Whether no thief hides behind the end of what he presents."""
        if refresh.now >= self.issued[self.current].claims["exp"]:
            return True
        assert refresh.now >= refresh.presented.claims["exp"], "P7"
        exchange = self.exchanges[refresh.jti]
        may_ask_again = refresh.jti == self.previous and self.used_at is None
        may_ask_again &= refresh.at - exchange.first <= RETRY + STEP
        return may_ask_again or self._may_be_stale(refresh, exchange)

    def bears(self, token: Token, key: str, at: datetime) -> bool:
        """Whether an overtaken request surely does no harm."""
        exchange = self.exchanges[token.jti]
        lost_for = at - exchange.first
        keyed = exchange.keys == [key] != [""] and lost_for <= RETRY - STEP
        if token.jti != self.previous:
            return keyed or lost_for <= GRACE - STEP
        # A replacement counts from its whole second.
        since = exchange.last - SECOND * (len(exchange.keys) > 1)
        if self.used_at is None:
            repeated = at - since < 2 * GRACE - STEP and lost_for <= RETRY - STEP
            return keyed or repeated or at - since <= GRACE - STEP
        return keyed or at - max(since, self.used_at) <= GRACE - STEP

    def _check_claims(self, held: Held) -> None:
        for claims in (held.token.claims, held.refreshable.claims):
            assert (claims["sid"], claims["auth_time"]) == (self.sid, self.started), "P7"
            assert claims["iat"] < claims["exp"] <= self.ends, "P7"
        assert origin_of(held.token) == held.refreshable.jti, "P5"
