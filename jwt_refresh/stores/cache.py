"""The caches, which must answer: where one does not, the request is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.core.cache import BaseCache, caches
from django.utils.crypto import salted_hmac

from jwt_refresh.exceptions import Unavailable

era = ""
"""A text in each key. Another one begins all counters anew, as ``testing`` does between tests."""


@contextmanager
def answering(alias: str) -> Iterator[BaseCache]:
    """Give the cache ``alias``. Raises ``Unavailable`` for whatever its client library raises."""
    try:
        yield caches[alias]
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the errors of cache clients have no common base
        # Its type alone: the text may hold the address of the cache with its password.
        raise Unavailable(f"the cache {alias!r} raised {type(error).__name__}") from None


def cache_key(scope: str, *parts: str) -> str:
    """Make a key of any text: a keyed hash, so that no name or address is readable in a cache."""
    text = "\0".join((era, *parts))
    digest = salted_hmac(f"jwt_refresh.{scope}", text, algorithm="sha256").hexdigest()
    return f"jwt_refresh:{scope}:{digest}"


def add_once(alias: str, key: str, seconds: int) -> bool:
    """Write an entry in one step, to last ``seconds``; ``False`` where it was there already.

    Raises ``Unavailable``, also for a cache that has neither written it nor had it: some clients
    hide that their cache is away.
    """
    with answering(alias) as cache:
        if cache.add(key, 1, seconds):
            return True
        if cache.has_key(key) is True:
            return False
    raise Unavailable(f"the cache {alias!r} keeps no entry")


# Counters. Some clients hide that their cache is away: they answer None or False, and no number.


def count_up(alias: str, key: str, seconds: int) -> int:
    """Raise a counter by one and return it. One that is not there begins, to last ``seconds``.

    Raises ``Unavailable``, also for a cache that keeps no number.
    """
    with answering(alias) as cache:
        for _ in range(2):
            if cache.add(key, 1, seconds):
                return 1
            # It may vanish between the two, with the end of its time; twice, it was never written.
            with suppress(ValueError):
                return _number(alias, cache.incr(key))
    raise Unavailable(f"the cache {alias!r} keeps no count")


def count_down(alias: str, key: str) -> None:
    """Take one back of a counter, where that is still there. Raises ``Unavailable``."""
    with answering(alias) as cache, suppress(ValueError):
        cache.decr(key)


def count_of(alias: str, key: str) -> int:
    """Return a counter; 0 where it has not begun. Raises ``Unavailable``."""
    with answering(alias) as cache:
        return _number(alias, cache.get(key, 0))


def _number(alias: str, answer: object) -> int:
    if type(answer) is not int:
        raise Unavailable(f"the cache {alias!r} answered no number")
    return answer
