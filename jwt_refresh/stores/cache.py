"""A cache that must answer: where it cannot be asked, a request is refused, never let in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import BaseCache, caches
from django.utils.crypto import salted_hmac

from jwt_refresh.exceptions import Unavailable

logger = logging.getLogger("jwt_refresh")


@contextmanager
def answering(alias: str) -> Iterator[BaseCache]:
    """The cache ``alias``. Raises ``Unavailable`` for whatever its client library raises."""
    try:
        yield caches[alias]
    except Exception as error:  # noqa: BLE001 - the errors of cache clients have no common base
        # Its type alone: the text may hold the address of the cache with its password.
        logger.error("The cache %r raised %s", alias, type(error).__name__)
        raise Unavailable("cache") from None


def cache_key(scope: str, *parts: str) -> str:
    """A key for any text: no name or address is in it, and no character that a cache minds."""
    digest = salted_hmac(f"jwt_refresh.{scope}", "\0".join(parts), algorithm="sha256").hexdigest()
    return f"jwt_refresh:{scope}:{digest}"
