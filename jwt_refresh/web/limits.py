"""Limits on how often something may be tried, counted in the default cache.

A counter is one number for one window of time, raised by ``incr``, which caches do in one step:
of any number of guesses at once, no more get through than of guesses in a row. REST framework's
own throttles read a list and write it back.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.throttling import SimpleRateThrottle

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import Unavailable
from jwt_refresh.sessions import events
from jwt_refresh.sessions.device import address_of
from jwt_refresh.stores.cache import answering, cache_key

KNOWN_FOR = 30 * 24 * 60 * 60
"""How long the address of a login is remembered, in seconds."""
SUBSCRIBER = {4: 32, 6: 64}
"""How many bits of an address tell one subscriber, who picks the rest, by the version of IP."""


class TooManyTries(Throttled):
    """REST framework's own error, with the seconds to wait in the body as well.

    A page of another origin cannot read ``Retry-After``.
    """

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.detail: Any = {
            "detail": self.detail,
            "code": self.default_code,
            "retry_after": math.ceil(wait),
        }


class _Rates(SimpleRateThrottle):
    rate = "1/s"


def parse_rate(rate: str) -> tuple[int, int]:
    """Read REST framework's notation, ``"10/min"``: how many tries in how many seconds.

    Raises ``ValueError`` for anything else.
    """
    try:
        most, seconds = _Rates().parse_rate(rate)
    except (KeyError, IndexError):
        raise ValueError("no period of time") from None
    return int(most or 0), int(seconds or 0)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of so many tries by each in a window of time; ``rate`` ``None``: any number.

    All methods raise ``Unavailable`` where the cache cannot be asked.
    """

    scope: str
    rate: str | None

    def check(self, *whose: str) -> None:
        """Raise ``Throttled`` where there were enough tries."""
        if self.rate is not None:
            with answering(DEFAULT_CACHE_ALIAS) as cache:
                count = cache.get(self._key(self.rate, whose)) or 0
            self._refuse_above(self.rate, count + 1)

    def hit(self, *whose: str) -> None:
        """Count a try. Raises ``Throttled`` where there were enough."""
        if self.rate is None:
            return
        key, count = self._key(self.rate, whose), 1
        with answering(DEFAULT_CACHE_ALIAS) as cache:
            if not cache.add(key, 1, parse_rate(self.rate)[1]):
                # It may vanish between the two, with the end of its time.
                with suppress(ValueError):
                    count = cache.incr(key)
        self._refuse_above(self.rate, count)

    def reset(self, *whose: str) -> None:
        """Take all tries of this window back."""
        if self.rate is not None:
            with answering(DEFAULT_CACHE_ALIAS) as cache:
                cache.delete(self._key(self.rate, whose))

    def _refuse_above(self, rate: str, count: int) -> None:
        most, seconds = parse_rate(rate)
        if count > most:
            events.throttled(self.scope)
            raise TooManyTries(seconds - time.time() % seconds)

    def _key(self, rate: str, whose: tuple[str, ...]) -> str:
        window = time.time() // parse_rate(rate)[1]
        return cache_key(self.scope, str(window), *whose)


class LoginLimits:
    """The limits on failed logins of one address, and to one account.

    An account is ground through from many addresses as well, hence the second count. It leaves
    out the addresses that its owner has logged in from: whoever keeps it full shuts out strangers,
    but not the owner at home. A server that names no address (behind a Unix socket) counts by
    account alone.

    A try counts against the account before the password is looked at, so that of many at once
    no more get through; against the address only when it has failed: a whole school logs in
    within one second, from one address.
    """

    def __init__(self, request: HttpRequest, username: object) -> None:
        self._account = str(username).casefold()
        address = address_of(request)
        self._address = ""
        if address is not None:
            self._address = str(ip_network((address, SUBSCRIBER[address.version]), strict=False))
        self._by_address = Limit("login-address", conf.LOGIN_RATE)
        self._by_account = Limit("login-account", conf.LOGIN_RATE)

    def check(self) -> None:
        """Count a try, before the password is looked at.

        Raises ``Throttled`` and ``Unavailable``.
        """
        if self._address:
            self._by_address.check(self._address)
        if not self._is_known():
            self._by_account.hit(self._account)

    def failed(self) -> None:
        """Count a refusal. Raises ``Throttled`` and ``Unavailable``."""
        if self._address:
            self._by_address.hit(self._address)

    def succeeded(self) -> None:
        """Take the tries of the account back after a login, and remember its address.

        Where the cache does not answer, the tries stay counted and the login stands: its session
        is written, and a refusal would leave it to nobody.
        """
        try:
            if self._address:
                self._remember()
            self._by_account.reset(self._account)
        except Unavailable as error:
            events.unavailable(error)

    def _is_known(self) -> bool:
        if conf.LOGIN_RATE is None or not self._address:
            return False
        with answering(DEFAULT_CACHE_ALIAS) as cache:
            return cache.get(self._known_key()) is not None

    def _remember(self) -> None:
        if conf.LOGIN_RATE is not None:
            with answering(DEFAULT_CACHE_ALIAS) as cache:
                cache.set(self._known_key(), 1, KNOWN_FOR)

    def _known_key(self) -> str:
        return cache_key("known-address", self._account, self._address)
