"""Limits on how often something may be tried, counted in the default cache.

A counter is one number for one window of time, raised by ``incr``, which caches do in one step:
of any number of guesses at once, no more get through than of guesses in a row. REST framework's
own throttles read a list and write it back.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cache
from inspect import unwrap
from ipaddress import ip_network
from itertools import filterfalse, pairwise
from traceback import walk_tb
from typing import Any, Self
from unicodedata import combining, normalize

from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import Signal
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.throttling import SimpleRateThrottle

from jwt_refresh.conf import conf
from jwt_refresh.core.users import auth_hash_of
from jwt_refresh.exceptions import InvalidCredentials, Unavailable
from jwt_refresh.sessions import events
from jwt_refresh.sessions.device import address_of, forwarded_for, proxies
from jwt_refresh.stores.cache import answering, cache_key, count_down, count_of, count_up
from jwt_refresh.stores.database import is_away

KNOWN_FOR = 30 * 24 * 60 * 60
"""How long the address of a login is remembered, in seconds."""
SUBSCRIBER = {4: 32, 6: 64}
"""How many bits of an address tell one subscriber, who picks the rest, by the version of IP."""

_SENDING = (unwrap(authenticate).__code__, Signal.send.__code__)
"""The code of Django that sends ``user_login_failed``, which is the only signal it sends there."""
_EXACT = BaseUserManager.get_by_natural_key
"""The question for a name, where no project has another one: for the very name."""


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
            count = count_of(DEFAULT_CACHE_ALIAS, self._key(self.rate, whose))
            self._refuse_above(self.rate, count + 1)

    def hit(self, *whose: str) -> str:
        """Count a try, and return the key of its counter. Raises ``Throttled`` at one too many."""
        if self.rate is None:
            return ""
        key = self._key(self.rate, whose)
        count = count_up(DEFAULT_CACHE_ALIAS, key, parse_rate(self.rate)[1])
        self._refuse_above(self.rate, count)
        return key

    def _refuse_above(self, rate: str, count: int) -> None:
        most, seconds = parse_rate(rate)
        if count > most:
            events.throttled(self.scope)
            raise TooManyTries(seconds - time.time() % seconds)

    def _key(self, rate: str, whose: tuple[str, ...]) -> str:
        window = time.time() // parse_rate(rate)[1]
        return cache_key(self.scope, str(window), *whose)


def limit_session(scope: str, sid: str) -> None:
    """Count a refresh or a verification of a session, which is good as far as the database knows.

    Where the cache cannot be asked, it goes on: whether the session lives is known without, and
    no more is at stake than how often its own client may ask. Raises ``Throttled``.
    """
    try:
        Limit(scope, conf.REFRESH_RATE).hit(sid)
    except Unavailable as error:
        events.unavailable(error, scope=scope)


class LoginLimits(AbstractContextManager["LoginLimits"]):
    """The limits on failed logins of one address, and to one account, round the block of one try.

    An account is ground through from many addresses as well, hence the second count. It leaves
    out the addresses that its owner has logged in from, since the password is what it is: whoever
    keeps it full shuts out strangers, but not the owner at home. A server that names no address
    (behind a Unix socket) counts by account alone.

    A try counts against the account before the password is looked at, so that of many at once
    no more get through; against the address only when it has failed: a whole school logs in
    within one second, from one address. No login takes back what others have tried: they would
    see that its owner is there, and could go on.

    The block says by ``InvalidCredentials`` that the try has failed. Its end takes the try back,
    and so does an outage; any other error may be the way in which a backend says no.
    """

    def __init__(self, request: HttpRequest, username: object) -> None:
        self._username = username
        self._address = subscriber_of(request) if conf.LOGIN_RATE is not None else ""
        self._by_address = Limit("login-address", conf.LOGIN_RATE)
        self._by_account = Limit("login-account", conf.LOGIN_RATE)
        self._counter = ""
        """The key of the counter that has this try, until it is taken back."""

    def __enter__(self) -> Self:
        """Count a try, before the password is looked at. One query.

        Raises ``Throttled`` and ``Unavailable``.
        """
        if conf.LOGIN_RATE is not None:
            if self._address:
                self._by_address.check(self._address)
            self._found = _user_named(self._username)
            self._account = _account_of(self._found, self._username)
            if not self._is_known():
                self._counter = self._by_account.hit(self._account)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Count a refusal. Raises ``Throttled`` and ``Unavailable``."""
        if isinstance(error, InvalidCredentials):
            if self._address:
                self._by_address.hit(self._address)
        elif error is None or _is_outage(error):
            self.take_back()

    def take_back(self) -> None:
        """Take the try of this login back, and none of others. It raises nothing."""
        counter, self._counter = self._counter, ""
        try:
            if counter:
                count_down(DEFAULT_CACHE_ALIAS, counter)
        except Unavailable as error:
            events.unavailable(error)

    def succeeded(self, user: Any) -> None:
        """Take the try of this login back, and remember its address as one of its owner.

        Where the cache does not answer, the try stays counted and the login stands: its session
        is written, and a refusal would leave it to nobody.
        """
        self.take_back()
        try:
            if self._address:
                with answering(DEFAULT_CACHE_ALIAS) as cache:
                    # Of a name that only a backend knows, the user does not show at the next try.
                    shown = self._found if self._found._state.adding else user
                    cache.set(self._known_key(shown), 1, KNOWN_FOR)
        except Unavailable as error:
            events.unavailable(error)

    def _is_known(self) -> bool:
        if not self._address:
            return False
        with answering(DEFAULT_CACHE_ALIAS) as cache:
            return cache.get(self._known_key(self._found)) is not None

    def _known_key(self, user: Any) -> str:
        return cache_key("known-address", self._account, auth_hash_of(user), self._address)


def _is_outage(error: BaseException) -> bool:
    """Tell whether a try has failed since something is away: surely no answer.

    What a receiver of ``user_login_failed`` raises is none: whoever finds one that fails must not
    guess uncounted. By the code that sends it, since the variables of a frame may be gone
    (``sealing``).
    """
    away = isinstance(error, Unavailable | ConnectionError | TimeoutError) or is_away(error)
    codes = (frame.f_code for frame, _ in walk_tb(error.__traceback__))
    return away and _SENDING not in pairwise(codes)


def _user_named(username: object) -> Any:
    """Return the user whom the database knows by a name, or one that is not saved. One query.

    The question is the one that Django asks: what its database takes for one name is one account.
    """
    model = get_user_model()
    manager: Any = model._default_manager
    if hasattr(manager, "get_by_natural_key"):
        with suppress(ObjectDoesNotExist, MultipleObjectsReturned):
            return manager.get_by_natural_key(username)
    return model()


def _account_of(user: Any, username: object) -> str:
    """Name the account of a user, or of a name that nobody has.

    Such a name is taken as exactly as the database would take a known one: else the counters of
    two spellings would tell whether there is an account.
    """
    if not user._state.adding:
        return f"pk {user.pk}"
    name, manager = str(username), type(user)._default_manager
    folds = connections[manager.db].vendor == "mysql"
    if folds or getattr(type(manager), "get_by_natural_key", _EXACT) is not _EXACT:
        name = name.casefold()
    if folds:
        name = "".join(filterfalse(combining, normalize("NFKD", name)))
    return f"name {name}"


def subscriber_of(request: HttpRequest) -> str:
    """Return whose address a request comes from; empty where there is none to count by.

    What a proxy of ours wrote counts as it stands where it is no address. Where there seems to be
    a proxy that nobody has told of, all clients would count as one, and its first attacker would
    shut out everybody.
    """
    if proxies() is None and "HTTP_X_FORWARDED_FOR" in request.META:
        _warn_of_proxies()
        return ""
    address = address_of(request)
    if address is None:
        return (forwarded_for(request) or "").casefold()
    return str(ip_network((address, SUBSCRIBER[address.version]), strict=False))


@cache
def _warn_of_proxies() -> None:
    """Log it once in a process."""
    events.misconfigured(
        "X-Forwarded-For arrives and REST_FRAMEWORK['NUM_PROXIES'] is not set: "
        "no login is counted by address"
    )


setting_changed.connect(lambda **_: _warn_of_proxies.cache_clear(), weak=False)
