"""Counters in a cache that counts, in one that is away, and in one that hides it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command
from django.db import OperationalError, connection

from jwt_refresh.exceptions import Unavailable
from jwt_refresh.models import Session
from jwt_refresh.stores.cache import add_once, cache_key, count_down, count_of, count_up
from tests.support.devices import Device
from tests.support.http import said

BACKENDS = "django.core.cache.backends"


@pytest.fixture
def cache_of(settings: Any) -> Any:
    """Sets a backend up as the default cache."""

    def set_up(backend: str, **options: Any) -> Any:
        cache = {"BACKEND": backend, "LOCATION": backend} | options
        settings.CACHES = {"default": cache}
        return caches["default"]

    return set_up


class Hiding(LocMemCache):
    """Gone, as django-redis answers where it ignores exceptions."""

    answer: Any = None

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self.answer

    incr = decr = has_key = set = add

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return default


class HidingMemcached(Hiding):
    """As pymemcache answers there."""

    answer = False


class Full(LocMemCache):
    """Takes nothing in any more: the table of a database that is read-only."""

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return False


class Ending(LocMemCache):
    """A counter that ends between two questions."""

    def incr(self, key: Any, *args: Any, **kwargs: Any) -> int:
        self.delete(key)
        return super().incr(key, *args, **kwargs)


class Strange(LocMemCache):
    """Keeps something else under our keys."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return "3"


AWAY = ["Hiding", "HidingMemcached", "Full"]


@pytest.fixture(params=["locmem.LocMemCache", "db.DatabaseCache", "filebased.FileBasedCache"])
def default_cache(request: pytest.FixtureRequest, db: None, cache_of: Any, tmp_path: Any) -> None:
    """The default cache is one of Django's own, and empty."""
    place = str(tmp_path) if "file" in request.param else "entries"
    cache = cache_of(f"{BACKENDS}.{request.param}", LOCATION=place)
    call_command("createcachetable", verbosity=0)
    cache.clear()


@pytest.mark.usefixtures("default_cache")
def test_a_counter_goes_up_and_down() -> None:
    assert count_of("default", "a") == 0
    assert [count_up("default", "a", 60) for _ in range(3)] == [1, 2, 3]
    count_down("default", "a")
    assert (count_of("default", "a"), count_of("default", "b")) == (2, 0)
    count_down("default", "b")
    assert count_of("default", "b") == 0
    assert count_up("default", "a", 60) == 3


@pytest.mark.usefixtures("default_cache")
def test_an_entry_is_written_once() -> None:
    assert [add_once("default", name, 60) for name in "abab"] == [True, True, False, False]


def test_an_entry_lasts_as_long_as_it_is_told(cache_of: Any, clock: Any) -> None:
    cache_of(f"{BACKENDS}.locmem.LocMemCache").clear()
    assert add_once("default", "a", 60)
    clock.shift(59)
    assert not add_once("default", "a", 60)
    clock.shift(2)
    assert add_once("default", "a", 60)


@pytest.mark.parametrize("backend", AWAY)
def test_what_keeps_no_entry_cannot_be_asked(cache_of: Any, backend: str) -> None:
    """Else each entry would seem to be there already, or to be new."""
    cache_of(f"{__name__}.{backend}").clear()
    with pytest.raises(Unavailable, match=r"^the cache 'default' keeps no entry$"):
        add_once("default", "a", 60)


def test_a_key_is_a_keyed_hash_of_its_parts(settings: Any) -> None:
    """By SHA-256; of parts that cannot be told apart from others, and of the project's key."""
    keys = {cache_key("scope", "a", "b"), cache_key("scope", "ab"), cache_key("other", "a", "b")}
    settings.SECRET_KEY = "another"
    keys.add(cache_key("scope", "a", "b"))
    assert len(keys) == 4
    for key in keys:
        assert re.fullmatch(r"jwt_refresh:(scope|other):[0-9a-f]{64}", key)


def test_a_counter_lasts_as_long_as_it_is_told(cache_of: Any, clock: Any) -> None:
    cache_of(f"{BACKENDS}.locmem.LocMemCache").clear()
    count_up("default", "a", 60)
    clock.shift(59)
    assert count_up("default", "a", 60) == 2
    clock.shift(2)
    assert count_of("default", "a") == 0


def test_a_counter_that_ends_meanwhile_begins_anew(cache_of: Any) -> None:
    cache_of(f"{__name__}.Ending").clear()
    assert [count_up("default", "a", 60) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("backend", AWAY)
def test_what_keeps_no_count_cannot_be_asked(cache_of: Any, backend: str) -> None:
    cache_of(f"{__name__}.{backend}")
    with pytest.raises(Unavailable, match=r"^the cache 'default' (keeps|answered) no "):
        count_up("default", "a", 60)


def test_what_is_no_number_is_no_count(cache_of: Any) -> None:
    cache_of(f"{__name__}.Strange")
    with pytest.raises(Unavailable, match=r"^the cache 'default' answered no number$"):
        count_of("default", "a")


@pytest.mark.django_db
@pytest.mark.parametrize("backend", AWAY)
def test_without_a_count_nobody_logs_in_and_sessions_go_on(
    phone: Device, cache_of: Any, settings: Any, log: Any, backend: str
) -> None:
    kept = settings.CACHES
    phone.login()
    cache_of(f"{__name__}.{backend}")
    assert phone.refresh().status_code == 200
    assert phone.verify().status_code == 200
    assert [it.scope for it in log.records if getattr(it, "event", "") == "store_unavailable"] == [
        "refresh",
        "verify",
    ]
    for _ in range(15):
        assert said(phone.login())[:2] == (503, "unavailable")
    settings.CACHES = kept
    assert phone.login().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_without_the_table_of_the_database_cache_nobody_logs_in(
    phone: Device, cache_of: Any
) -> None:
    """DatabaseCache tells of nothing that it could not write."""
    cache_of(f"{BACKENDS}.db.DatabaseCache", LOCATION="counters")
    call_command("createcachetable", verbosity=0)

    def read_only(execute: Any, sql: str, *args: Any) -> Any:
        if "counters" in sql and not sql.startswith("SELECT"):
            raise OperationalError("read-only")
        return execute(sql, *args)

    with connection.execute_wrapper(read_only):
        for _ in range(5):
            assert said(phone.login())[:2] == (503, "unavailable")
    assert not Session.objects.exists()
    assert phone.login().status_code == 200
