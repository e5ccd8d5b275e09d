"""The rules for the caches, which count tries and keep the denylist: not each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS, BaseCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

from jwt_refresh.conf import conf

from .rules import is_private
from .types import warning

ENOUGH = 100_000
"""How many entries a cache must hold before a stranger cannot push out the others."""


def check_counting() -> Iterator[CheckMessage]:
    cache = _shared(DEFAULT_CACHE_ALIAS)
    counts = conf.LOGIN_RATE is not None or conf.REFRESH_RATE is not None
    if counts and cache is not None and _takes_steps(cache):
        text = f"The default cache does not count in one step: {cache['BACKEND']}."
        hint = "Of many guesses at once too many get through, and a count in the database is "
        hint += "lost where a transaction round the request rolls back: take Redis or Memcached."
        yield Warning(text, hint=hint, id="jwt_refresh.W030")


def check_denylist_keeps() -> Iterator[CheckMessage]:
    cache = _shared(conf.DENYLIST_CACHE or "")
    if cache is None:
        return
    if _culls(cache) or issubclass(backend_of(cache), BaseMemcachedCache):
        hint = "A revoked token is good again without its entry: take a Redis of its own that "
        hint += f"evicts nothing, or at least set MAX_ENTRIES to {ENOUGH} or more in OPTIONS."
        yield warning("W031", "DENYLIST_CACHE", "may throw entries away.", hint)


def check_proofs_are_kept() -> Iterator[CheckMessage]:
    cache = _shared(DEFAULT_CACHE_ALIAS)
    if conf.DPOP == "off" or cache is None:
        return
    if _takes_steps(cache) or _culls(cache):
        text = "The default cache may not know which proofs were used."
        hint = "It throws entries away, does not add one in one step, or loses it where a "
        hint += "transaction rolls back, so that a proof could be used twice: take Redis or "
        hint += "Memcached."
        yield Warning(text, hint=hint, id="jwt_refresh.W037")


def _shared(alias: str) -> dict[str, Any] | None:
    """Return the settings of a cache that other processes see, too; ``None`` for any other."""
    cache: dict[str, Any] | None = settings.CACHES.get(alias)
    return None if cache is None or is_private(cache) else cache


def _takes_steps(cache: dict[str, Any]) -> bool:
    """Tell whether a cache reads and writes an entry in steps, between which others may come."""
    return getattr(backend_of(cache), "incr", None) is BaseCache.incr


def _culls(cache: dict[str, Any]) -> bool:
    """Tell whether a cache throws entries away once there are a few hundred of them."""
    most = cache.get("OPTIONS", {}).get("MAX_ENTRIES", 0)
    return hasattr(backend_of(cache), "_cull") and not (isinstance(most, int) and most >= ENOUGH)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_counting,
    check_denylist_keeps,
    check_proofs_are_kept,
)


def backend_of(cache: dict[str, Any]) -> type[object]:
    """Return the class of a cache of ``CACHES``; where there is none, Django itself says so."""
    try:
        backend: type[object] = import_string(cache["BACKEND"])
    except ImportError:
        return object
    return backend
