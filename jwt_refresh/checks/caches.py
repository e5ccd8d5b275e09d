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
    cache: dict[str, Any] | None = settings.CACHES.get(DEFAULT_CACHE_ALIAS)
    counts = conf.LOGIN_RATE is not None or conf.REFRESH_RATE is not None
    if not counts or cache is None or is_private(cache):
        return
    if getattr(backend_of(cache), "incr", None) is BaseCache.incr:
        text = f"The default cache does not count in one step: {cache['BACKEND']}."
        hint = "Of many guesses at once too many get through, and a count in the database is "
        hint += "lost where a transaction round the request rolls back: take Redis or Memcached."
        yield Warning(text, hint=hint, id="jwt_refresh.W030")


def check_denylist_keeps() -> Iterator[CheckMessage]:
    cache: dict[str, Any] | None = settings.CACHES.get(conf.DENYLIST_CACHE or "")
    if cache is None or is_private(cache):
        return
    backend, most = backend_of(cache), cache.get("OPTIONS", {}).get("MAX_ENTRIES", 0)
    culls = hasattr(backend, "_cull") and not (isinstance(most, int) and most >= ENOUGH)
    if culls or issubclass(backend, BaseMemcachedCache):
        hint = "A revoked token is good again without its entry: take a Redis of its own that "
        hint += f"evicts nothing, or at least set MAX_ENTRIES to {ENOUGH} or more in OPTIONS."
        yield warning("W031", "DENYLIST_CACHE", "may throw entries away.", hint)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (check_counting, check_denylist_keeps)


def backend_of(cache: dict[str, Any]) -> type[object]:
    """Return the class of a cache of ``CACHES``; where there is none, Django itself says so."""
    try:
        backend: type[object] = import_string(cache["BACKEND"])
    except ImportError:
        return object
    return backend
