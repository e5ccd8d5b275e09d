"""Revoked sessions, told to services that ask no database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import transaction

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests.settings import NAME
from tests.support.devices import PAIR, Device
from tests.support.ends import ENDS, Lost
from tests.support.http import MINUTE, claims, said
from tests.support.servers import HOST, REDIS, Relay, need
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

STATELESS = "/me/stateless/"
REVOCATIONS = [name for name in ENDS if not name.startswith(("its", "a new pass", "dea"))]
"""The ends that somebody brought about by revoking or deleting, or that a request met."""
PASSWORD = "hunter2"
LIFE = timedelta(minutes=30) + timedelta(seconds=5)
"""Of an access token, and LEEWAY."""


class Broken(LocMemCache):
    """A cache that is gone, whose client library says where it was."""

    def set(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionError(f"redis://:{PASSWORD}@cache.example")

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError(f"redis://:{PASSWORD}@cache.example")


class Forgetful(LocMemCache):
    """A cache that keeps nothing, and says nothing of it: full, or read-only."""

    def set(self, *args: Any, **kwargs: Any) -> None:
        pass


class Hiding(Forgetful):
    """A cache that is gone, as a client answers that hides it: django-redis may be set up so."""

    def has_key(self, key: Any, version: Any = None) -> Any:
        return None


def cached_in(settings: Any, **cache: Any) -> None:
    """The default cache stays as it is: the denylist is another one."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    caches = {"denylist": {"BACKEND": backend, "LOCATION": "denylist"} | cache}
    settings.CACHES = settings.CACHES | caches
    settings.JWT_REFRESH = {
        **getattr(settings, "JWT_REFRESH", {}),
        "DENYLIST_CACHE": "denylist",
    }


@pytest.fixture
def denylist(settings: Any, style: str) -> Any:
    cached_in(settings)
    caches["denylist"].clear()
    return caches["denylist"]


def key(sid: object) -> str:
    """What every service asks for, whatever its SECRET_KEY."""
    return f"jwt_refresh:revoked:{sid}"


# What is published, and when


def test_the_table_of_ends_has_all_revocations() -> None:
    assert len(REVOCATIONS) == 17


@pytest.mark.usefixtures("atomic_requests", "denylist")
@pytest.mark.parametrize("name", REVOCATIONS)
def test_whatever_revokes_a_session_is_told(
    phone: Device, laptop: Device, clock: Any, settings: Any, name: str
) -> None:
    lost = Lost(phone, laptop, clock, settings)
    assert phone.get(STATELESS).status_code == 200
    ENDS[name][1](lost)
    with statements(0):
        assert said(phone.get(STATELESS))[:2] == (401, "session_revoked")


@pytest.mark.usefixtures("denylist")
@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "another"}])
def test_what_becomes_of_a_user_is_told_by_the_first_request_that_is_refused_for_it(
    phone: Device, laptop: Device, change: dict[str, Any]
) -> None:
    phone.login()
    laptop.login()
    type(phone.user)._default_manager.update(**change)
    assert phone.get(STATELESS).status_code == 200
    assert phone.get().status_code == 401
    assert said(phone.get(STATELESS))[:2] == (401, "session_revoked")
    assert laptop.get(STATELESS).status_code == 200


@pytest.mark.usefixtures("denylist")
def test_an_entry_ends_no_other_session(phone: Device, laptop: Device, bob: Device) -> None:
    for device in (phone, laptop, bob):
        device.login()
    phone.logout()
    assert laptop.get(STATELESS).status_code == bob.get(STATELESS).status_code == 200


def test_it_is_told_once_it_is_committed(ann: Any, denylist: Any) -> None:
    first, second = (sessions.start(ann).session for _ in range(2))
    with transaction.atomic():
        sessions.revoke(first, "test")
        sessions.revoke_user(ann, "test")
        assert denylist.get_many([key(first.pk), key(second.pk)]) == {}
    assert denylist.get_many([key(first.pk), key(second.pk)]).keys() == {
        key(first.pk),
        key(second.pk),
    }


def test_what_is_rolled_back_is_not_told(ann: Any, denylist: Any) -> None:
    session = sessions.start(ann).session
    with transaction.atomic():
        sessions.revoke(session, "test")
        transaction.set_rollback(True)
    assert denylist.get(key(session.pk)) is None


def test_an_entry_lives_as_long_as_a_token_that_was_issued_before(
    phone: Device, denylist: Any, clock: Any, settings: Any
) -> None:
    """And by LEEWAY longer: the clock of a service may be late by as much."""
    phone.login()
    # The life of its tokens is fixed at login, whatever the setting says later.
    settings.JWT_REFRESH = {**settings.JWT_REFRESH, "LIFETIME": timedelta(seconds=1)}
    phone.logout()
    entry = key(claims(phone.token)["sid"])
    clock.shift(LIFE.total_seconds() - 1)
    assert denylist.get(entry) is not None
    clock.shift(2)
    assert denylist.get(entry) is None
    assert said(phone.get(STATELESS))[1] == "token_expired"


def test_without_the_setting_nobody_is_told(phone: Device, denylist: Any, settings: Any) -> None:
    settings.JWT_REFRESH = PAIR
    phone.login()
    phone.logout()
    assert denylist.get(key(claims(phone.token)["sid"])) is None
    assert phone.get(STATELESS).status_code == 200


# A cache that is gone


def test_a_revocation_that_cannot_be_told_stands(
    phone: Device, settings: Any, log: pytest.LogCaptureFixture
) -> None:
    log.set_level(logging.DEBUG)
    cached_in(settings, BACKEND=f"{__name__}.Broken")
    phone.login()
    assert phone.logout().status_code == 204
    assert said(phone.get())[1] == "session_revoked"
    assert Session.objects.get().revoked_reason == "logout"
    assert "event=session_revoked" in log.text
    (told,) = (it for it in log.records if vars(it).get("event") == "store_unavailable")
    assert vars(told)["why"] == "the cache 'denylist' raised ConnectionError"
    assert told.levelname == "ERROR"
    for secret in (PASSWORD, phone.token, "cache.example"):
        assert secret not in log.text


def test_nobody_is_let_in_while_the_denylist_cannot_be_asked(
    phone: Device, settings: Any, log: pytest.LogCaptureFixture
) -> None:
    cached_in(settings, BACKEND=f"{__name__}.Broken")
    phone.login()
    response = phone.get(STATELESS)
    assert said(response)[:2] == (503, "unavailable")
    assert "WWW-Authenticate" not in response
    assert PASSWORD not in log.text + response.content.decode()
    # The class that asks the database needs no denylist.
    assert phone.get().status_code == 200


@pytest.mark.parametrize("backend", ["Forgetful", "Hiding"])
def test_an_entry_that_was_not_kept_is_told_in_the_log(
    phone: Device, settings: Any, log: pytest.LogCaptureFixture, backend: str
) -> None:
    cached_in(settings, BACKEND=f"{__name__}.{backend}")
    phone.login()
    assert phone.logout().status_code == 204
    (told,) = (it for it in log.records if vars(it).get("event") == "store_unavailable")
    assert vars(told)["why"] == "the cache 'denylist' has not kept an entry"
    assert vars(told)["sid"] == claims(phone.token)["sid"]


@pytest.mark.usefixtures("denylist")
def test_an_entry_that_was_kept_is_not(phone: Device, log: Any) -> None:
    phone.login()
    phone.logout()
    assert "store_unavailable" not in log.text


def test_nobody_is_let_in_where_a_client_hides_that_the_denylist_is_away(
    phone: Device, settings: Any
) -> None:
    cached_in(settings, BACKEND=f"{__name__}.Hiding")
    phone.login()
    assert said(phone.get(STATELESS))[:2] == (503, "unavailable")


# A real server


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    """The way to Redis, where the entries of this run have a prefix of their own."""
    need(REDIS)
    relay = Relay(REDIS)
    cached_in(
        settings,
        BACKEND="django.core.cache.backends.redis.RedisCache",
        LOCATION=f"redis://{HOST}:{relay.port}/0",
        KEY_PREFIX=NAME,
    )
    yield relay
    relay.cut()
    with redis.Redis(*REDIS) as server:
        for entry in entries(server):
            server.delete(entry)


def entries(server: Any) -> list[str]:
    return [entry.decode() for entry in server.scan_iter(match=f"{NAME}:*")]


@pytest.mark.full
def test_redis_keeps_an_entry_for_the_life_of_a_token(
    phone: Device, relay: Relay, settings: Any
) -> None:
    phone.login()
    phone.logout()
    assert said(phone.get(STATELESS))[:2] == (401, "session_revoked")
    with redis.Redis(*REDIS) as server:
        (entry,) = entries(server)
        left: Any = server.ttl(entry)
    assert entry == f"{NAME}:1:{key(claims(phone.token)['sid'])}"
    # By now some seconds of it have passed.
    assert LIFE.total_seconds() - 5 * MINUTE < left <= LIFE.total_seconds()


@pytest.mark.full
def test_redis_may_go_away_and_come_back(phone: Device, laptop: Device, relay: Relay) -> None:
    for device in (phone, laptop):
        device.login()
    phone.logout()
    assert laptop.get(STATELESS).status_code == 200
    relay.cut()
    assert said(laptop.get(STATELESS))[:2] == (503, "unavailable")
    assert said(phone.get(STATELESS))[:2] == (503, "unavailable")
    relay.mend()
    assert laptop.get(STATELESS).status_code == 200
    assert said(phone.get(STATELESS))[:2] == (401, "session_revoked")
    relay.cut()
    assert laptop.logout().status_code == 204
    relay.mend()
    # Nobody tells it again: what remains is the end of the token.
    assert laptop.get(STATELESS).status_code == 200
    assert said(laptop.get())[1] == "session_revoked"
