"""What the three rules have in common: a session that exchanges tokens or refuses to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from copy import copy
from typing import ClassVar, NamedTuple

from jwt_refresh.exceptions import SessionRevoked, TokenAlreadyExpired, TokenInvalid, TokenReused

from .world import DAY, MINUTE, Plan

LIFETIME = 30 * MINUTE
AHEAD = MINUTE
"""How long before its end an access token is due to be refreshed."""
GRACE = 30.0
RETRY = DAY


class Pair(NamedTuple):
    """A refresh token and the access token issued with it, as a client keeps them."""

    session: Session
    jti: str
    issued_at: float
    expires_at: float
    access_expires_at: float


class Session(ABC):
    """One login under one rule. Instants are seconds since the start of the run."""

    name: ClassVar[str]
    stored: ClassVar[tuple[str, ...]] = ("revoked_at", "expires_at", "newest")
    """What the database keeps of it."""

    def __init__(self, now: float, plan: Plan) -> None:
        self.plan = plan
        self.started_at = now
        self.is_gone = False
        self.is_set_back = False
        """Whether the database forgot the token of its client, who has not refreshed since."""
        self.key: int | None = None
        """The key that it is bound to, by its number in the plan of the device."""
        self.revoked_at: float | None = None
        self.issued = 0
        self.ends_at = float("inf") if plan.absolute is None else now + plan.absolute
        self.expires_at = now
        self.first = self.new_pair(now)

    def new_pair(self, now: float) -> Pair:
        """Tokens that nobody has yet, in whole seconds."""
        self.issued += 1
        self.newest = str(self.issued)
        issued_at = float(int(now))
        self.expires_at = min(issued_at + self.plan.idle, self.ends_at)
        return self.pair(str(self.issued), issued_at, self.expires_at, now)

    def pair(self, jti: str, issued_at: float, expires_at: float, now: float) -> Pair:
        """A refresh token, and an access token of this moment."""
        return Pair(self, jti, issued_at, expires_at, min(int(now) + LIFETIME, expires_at))

    def backup(self) -> Callable[[], None]:
        """What brings back the session as it is now."""
        stored = {name: copy(getattr(self, name)) for name in self.stored}
        return lambda: vars(self).update(stored)

    def vanish(self, now: float) -> None:
        """The database forgets that there ever was such a login."""
        self.is_gone, self.revoked_at = True, now

    def has_ended(self, now: float) -> bool:
        """Whether it lay idle too long, or reached its absolute end."""
        return now >= self.expires_at

    @abstractmethod
    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        """Exchange a refresh token; raises the ``TokenError`` that refuses it.

        ``key`` is the ``Idempotency-Key``; ``proves`` the number of the key of the device that the
        request proves, if any.
        """

    @abstractmethod
    def authenticate(self, pair: Pair, now: float) -> None:
        """A request with an access token that has not expired."""

    @abstractmethod
    def verify(self, pair: Pair, now: float) -> float:
        """When the verify endpoint says that a refresh token will expire."""

    @abstractmethod
    def exchanges(self, held: Collection[str], now: float) -> bool:
        """Whether one of these tokens could be exchanged now, if the session has not ended."""


class OneTimeSession(Session):
    """Strict one-time rotation: what comes a second time revokes the family at once."""

    name = "strict one-time rotation"

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        self.authenticate(pair, now)
        if pair.jti != self.newest:
            self.revoked_at = now
            raise TokenReused("used before")
        return self.new_pair(now)

    def authenticate(self, pair: Pair, now: float) -> None:
        if self.revoked_at is not None or self.has_ended(now):
            raise SessionRevoked("revoked or ended")

    def verify(self, pair: Pair, now: float) -> float:
        self.authenticate(pair, now)
        if not self.exchanges((pair.jti,), now) or now >= pair.expires_at:
            raise TokenInvalid("superseded or expired")
        return pair.expires_at

    def exchanges(self, held: Collection[str], now: float) -> bool:
        return self.revoked_at is None and self.newest in held


class ForkingSession(OneTimeSession):
    """A fixed grace that mints a new branch: within it a used token gets one more successor,
    while the successors it has got live on. Used later, it revokes the family."""

    name = "a grace that forks"
    stored = (*OneTimeSession.stored, "used_at")

    def __init__(self, now: float, plan: Plan) -> None:
        self.used_at: dict[str, float] = {}
        super().__init__(now, plan)

    def refresh(self, pair: Pair, key: str, now: float, proves: int | None = None) -> Pair:
        self.authenticate(pair, now)
        if not self._takes(pair.jti, now):
            self.revoked_at = now
            raise TokenReused("used too long ago")
        if now >= pair.expires_at:
            raise TokenAlreadyExpired("past exp")
        self.used_at.setdefault(pair.jti, now)
        return self.new_pair(now)

    def exchanges(self, held: Collection[str], now: float) -> bool:
        return self.revoked_at is None and any(self._takes(jti, now) for jti in held)

    def _takes(self, jti: str, now: float) -> bool:
        return now - self.used_at.get(jti, now) <= GRACE
