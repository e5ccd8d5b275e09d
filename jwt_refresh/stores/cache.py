"""The caches, which must answer: where one does not, the request is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import BaseCache, caches
from django.utils.crypto import salted_hmac

from jwt_refresh.exceptions import Unavailable


@contextmanager
def answering(alias: str) -> Iterator[BaseCache]:
    """Give the cache ``alias``. Raises ``Unavailable`` for whatever its client library raises."""
    try:
        yield caches[alias]
    except Exception as error:  # noqa: BLE001 - the errors of cache clients have no common base
        # Its type alone: the text may hold the address of the cache with its password.
        raise Unavailable(f"the cache {alias!r} raised {type(error).__name__}") from None


def cache_key(scope: str, *parts: str) -> str:
    """Make a key of any text: a keyed hash, so that no name or address is readable in a cache."""
    digest = salted_hmac(f"jwt_refresh.{scope}", "\0".join(parts), algorithm="sha256").hexdigest()
    return f"jwt_refresh:{scope}:{digest}"
