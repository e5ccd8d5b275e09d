"""Counting: by session, by many at once, without the cache; and what asks nobody."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from rest_framework.exceptions import Throttled

from jwt_refresh.models import Session
from jwt_refresh.sessions import refreshing
from jwt_refresh.web.limits import Limit, parse_rate
from tests.support.devices import PAIR, Device, make_user
from tests.support.http import DAY, MINUTE, said
from tests.support.statements import statements
from tests.support.threads import race
from tests.web.guessing import HOME, copy_of, guess

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "3/min", "REFRESH_RATE": "2/min"}


# By session


@pytest.mark.parametrize("act", ["refresh", "verify"])
def test_a_session_refreshes_and_verifies_only_so_often(
    phone: Device, laptop: Device, clock: Any, act: str
) -> None:
    for device in (phone, laptop):
        device.login()
    statuses = [getattr(phone, act)().status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert said(getattr(phone, act)())[1] == "throttled"
    other = {"refresh": "verify", "verify": "refresh"}[act]
    assert getattr(phone, other)().status_code == 200
    assert getattr(laptop, act)().status_code == 200
    clock.shift(MINUTE)
    assert getattr(phone, act)().status_code == 200


@pytest.mark.parametrize("act", ["refresh", "verify"])
def test_nobody_uses_up_the_tries_of_somebody_else(phone: Device, bob: Device, act: str) -> None:
    """Anybody can read a sid in a token that has leaked and expired, and name it in a forgery."""
    for device in (phone, bob):
        device.login()
    payload = phone.token.split(".")[1]
    header, _, signature = bob.token.split(".")
    for forged in (f"{header}.{payload}.{signature}", phone.token[:-10] + "AAAAAAAAAA", "junk"):
        for _ in range(5):
            assert said(bob.post(f"/auth/{act}/", token=forged))[:2] == (401, "token_invalid")
    for _ in range(5):
        getattr(bob, act)()
    assert getattr(phone, act)().status_code == 200


def test_a_refresh_that_is_throttled_consumes_nothing(phone: Device, clock: Any) -> None:
    phone.login()
    for _ in range(2):
        phone.refresh()
    before = Session.objects.values().get()
    assert phone.refresh().status_code == 429
    assert Session.objects.values().get() == before
    clock.shift(MINUTE)
    assert phone.refresh().status_code == 200


# After the verdict


def test_a_thief_who_spends_all_tries_does_not_hide_the_token_that_betrays_him(
    phone: Device, clock: Any, style: str, settings: Any
) -> None:
    settings.JWT_REFRESH = {**settings.JWT_REFRESH, "REFRESH_RATE": "2/min"}
    phone.login()
    thief = copy_of(phone)
    thief.refresh()
    thief.get()
    clock.shift(MINUTE)
    assert [thief.refresh().status_code for _ in range(3)] == [200, 200, 429]
    assert said(phone.refresh())[:2] == (401, "token_reused")
    assert Session.objects.revoked().exists()
    assert said(thief.refresh())[:2] == (401, "session_revoked")
    assert said(thief.get())[:2] == (401, "session_revoked")


@pytest.mark.parametrize("answer", ["stale_retry", "token_expired"])
def test_what_is_not_exchanged_counts_for_nothing(
    phone: Device, clock: Any, settings: Any, answer: str
) -> None:
    """A late duplicate; a token that somebody found after its end."""
    settings.JWT_REFRESH = {"REFRESH_RATE": "3/min"}
    phone.login()
    old = phone.token
    clock.shift(MINUTE * 20)
    for _ in range({"stale_retry": 2, "token_expired": 1}[answer]):
        phone.refresh()
    clock.shift({"stale_retry": 20, "token_expired": MINUTE * 15}[answer])
    thief = copy_of(phone)
    assert {said(thief.refresh(old))[1] for _ in range(5)} == {answer}
    assert phone.refresh().status_code == 200


@pytest.mark.parametrize("act", ["refresh", "verify"])
def test_what_ended_is_told_however_often_it_is_asked(phone: Device, act: str) -> None:
    phone.login()
    phone.logout()
    answers = [said(getattr(phone, act)())[:2] for _ in range(5)]
    assert answers == [(401, "session_revoked")] * 5


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_verification_that_is_refused_counts_for_nothing(
    phone: Device, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = PAIR | {"REFRESH_RATE": "2/min"}
    phone.login()
    superseded = phone.refresh_token
    phone.refresh()
    phone.get()
    clock.shift(MINUTE)
    for _ in range(5):
        response = phone.post("/auth/verify/", token=superseded)
        assert said(response)[:2] == (401, "token_invalid")
    assert phone.verify().status_code == 200


def test_a_refresh_counts_once_however_many_rounds_it_takes(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JWT_REFRESH = {"REFRESH_RATE": "1/min"}
    phone.login()
    lost = iter([None, None])
    swap = refreshing._swap
    monkeypatch.setattr(refreshing, "_swap", lambda *args: next(lost, ...) and swap(*args))
    assert phone.refresh().status_code == 200
    assert next(lost, "both were lost") == "both were lost"
    assert phone.refresh().status_code == 429


def test_none_counts_nothing_and_needs_no_cache(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None, "REFRESH_RATE": None}
    cached_in(settings, Leaving)
    assert phone.login().status_code == 200
    assert {phone.refresh().status_code for _ in range(80)} == {200}
    assert {phone.verify().status_code for _ in range(80)} == {200}


def test_counting_asks_the_database_whose_a_name_is_and_nothing_else(phone: Device) -> None:
    phone.login()
    # Whose is it; the user; a count and two inserts; the time of the login, noted by Django.
    with statements(6):
        phone.login()
    with statements(3):
        phone.refresh()
    with statements(1):
        phone.verify()
    guess(HOME, phone, 3)
    with statements(0):
        assert guess(HOME, phone) == [429]


# At once, and gone


class Far(LocMemCache):
    """All threads share it, and an answer takes its time, as over a network."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().get(*args, **kwargs)
        time.sleep(0.01)
        return answer


def cached_in(settings: Any, backend: type[LocMemCache]) -> None:
    path = f"{__name__}.{backend.__name__}"
    settings.CACHES = {"default": {"BACKEND": path, "LOCATION": path}}
    cache.clear()


def test_of_many_at_once_no_more_get_through_than_of_many_in_a_row(settings: Any) -> None:
    cached_in(settings, Far)
    for number in range(5):
        results = race(16, lambda number=number: Limit("race", "5/min").hit(str(number)))  # type: ignore[misc]
        assert sum(isinstance(result, str) for result in results) == 5
        assert sum(isinstance(result, Throttled) for result in results) == 11


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_of_many_guesses_at_once_no_more_are_looked_at(phone: Device, settings: Any) -> None:
    cached_in(settings, Far)
    statuses = [result[0] for result in race(10, lambda: guess(HOME, phone))]
    assert sorted(statuses) == [401] * 3 + [429] * 7


class Leaving(LocMemCache):
    """A cache that is gone after so many answers."""

    left = 0

    def __getattribute__(self, name: str) -> Any:
        if name in ("add", "get", "set", "incr", "decr", "delete"):
            if type(self).left < 1:
                raise ConnectionError("redis://:hunter2@cache.example")
            type(self).left -= 1
        return super().__getattribute__(name)


@pytest.mark.parametrize("left", range(4))
def test_a_login_without_the_cache_is_refused_or_whole(
    phone: Device, settings: Any, log: Any, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """What is counted is asked before the password is looked at; afterwards it only takes back."""
    cached_in(settings, Leaving)
    monkeypatch.setattr(Leaving, "left", left)
    response = phone.login()
    assert "the cache 'default' raised ConnectionError" in log.text
    assert "hunter2" not in log.text + response.content.decode()
    if left < 3:
        assert said(response)[:2] == (503, "unavailable")
        assert not Session.objects.exists()
    else:
        assert response.status_code == 200
        assert phone.get().status_code == 200


@pytest.mark.parametrize("act", ["refresh", "verify"])
def test_without_the_cache_sessions_go_on_as_the_database_knows_them(
    phone: Device, settings: Any, log: Any, act: str
) -> None:
    phone.login()
    cached_in(settings, Leaving)
    assert {getattr(phone, act)().status_code for _ in range(5)} == {200}
    told = [record for record in log.records if record.levelname == "ERROR"]
    assert {(record.event, record.scope) for record in told} == {("store_unavailable", act)}
    assert told[0].why == "the cache 'default' raised ConnectionError"
    phone.logout()
    assert said(getattr(phone, act)())[:2] == (401, "session_revoked")


# The parts


@pytest.mark.parametrize(
    ("rate", "expected"),
    [("10/min", (10, 60)), ("1/s", (1, 1)), ("100/hour", (100, 3600)), ("5/day", (5, DAY))],
)
def test_a_rate_is_a_number_in_a_period(rate: str, expected: tuple[int, int]) -> None:
    assert parse_rate(rate) == expected


@pytest.mark.parametrize("rate", ["", "10", "10/", "ten/min", "10/fortnight", "1/2/min", "/min"])
def test_anything_else_is_no_rate(rate: str) -> None:
    with pytest.raises(ValueError):
        parse_rate(rate)


class Forgetful(LocMemCache):
    """A counter that ends between two questions."""

    def incr(self, key: Any, *args: Any, **kwargs: Any) -> int:
        self.delete(key)
        return super().incr(key, *args, **kwargs)


def test_a_counter_that_ends_meanwhile_stops_nobody(settings: Any) -> None:
    cached_in(settings, Forgetful)
    limit = Limit("test", "1/min")
    limit.hit("a")
    limit.hit("a")


def test_tries_are_counted_and_looked_at() -> None:
    limit = Limit("test", "2/min")
    for _ in range(2):
        limit.check("a")
        limit.hit("a")
    for act in (limit.check, limit.hit):
        with pytest.raises(Throttled):
            act("a")
    limit.check("b")
    unlimited = Limit("test", None)
    for _ in range(3):
        unlimited.check("a")
        assert unlimited.hit("a") == ""


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_school_logs_in_from_one_address_at_once(settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "2/min"}
    pupils = iter([Device(make_user(f"pupil{number}@example.com")) for number in range(8)])
    assert {response.status_code for response in race(8, lambda: next(pupils).login())} == {200}


def test_scopes_and_names_are_kept_apart(settings: Any) -> None:
    Limit("test", "1/min").hit("a", "b")
    Limit("other", "1/min").hit("a", "b")
    Limit("test", "1/min").hit("a b")
    Limit("test", "1/min").hit("b", "a")
    with pytest.raises(Throttled):
        Limit("test", "1/min").hit("a", "b")
