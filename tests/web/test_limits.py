"""How often a login may be tried, and what an attacker can do to others by trying."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from rest_framework.settings import api_settings

from jwt_refresh.web.limits import KNOWN_FOR
from tests.support.devices import Device
from tests.support.http import DAY, MINUTE
from tests.web.guessing import CAFE, HOME, OFFICE, guess, try_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "3/min"}


# By address


def test_an_address_has_only_so_many_guesses(phone: Device, bob: Device, log: Any) -> None:
    assert guess(HOME, phone, 2) + guess(HOME, bob) == [401] * 3
    bob.http.defaults["REMOTE_ADDR"] = HOME
    response = bob.login()
    assert response.status_code == 429
    # The counters are those of a window, and time stands still at the start of one.
    assert response["Retry-After"] == "60"
    assert response["Cache-Control"] == "no-store"
    assert response.json().keys() == {"detail", "code", "retry_after"}
    assert response.json()["retry_after"] == 60
    assert response.json()["code"] == "throttled"
    (told,) = (record for record in log.records if getattr(record, "event", "") == "throttled")
    assert told.getMessage() == "event=throttled scope=login-address"
    assert try_from(OFFICE, bob) == 200


def test_windows_roll_over(phone: Device, clock: Any) -> None:
    """By the clock, for everybody at once: what Retry-After says is true of every counter."""
    clock.shift(20)
    assert guess(HOME, phone, 4) == [401, 401, 401, 429]
    clock.shift(MINUTE - 20.5)
    phone.http.defaults["REMOTE_ADDR"] = HOME
    # Never 0, after which a client would come too early.
    response = phone.login()
    assert (response["Retry-After"], response.json()["retry_after"]) == ("1", 1)
    clock.shift(0.5)
    assert try_from(HOME, phone) == 200


def test_only_failures_count(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "1/min"}
    assert [try_from(HOME, phone) for _ in range(5)] == [200] * 5
    assert guess(HOME, phone) == [401]
    assert try_from(HOME, phone) == 429


def test_a_login_takes_back_its_own_try_and_no_guess(phone: Device, bob: Device) -> None:
    """An attacker with an account of his own must not reset the counter of his address."""
    assert guess(HOME, bob, 2) == [401] * 2
    assert try_from(HOME, phone) == 200
    # Of an account that is not counted here, so that the address alone decides.
    assert guess(HOME, phone, 2) == [401, 429]


def test_whoever_has_a_prefix_of_ipv6_is_one_address(phone: Device, bob: Device) -> None:
    for device, last in zip((phone, phone, bob), ("1", "2", "ffff:ffff:ffff:ffff"), strict=True):
        assert guess(f"2001:db8::{last}", device) == [401]
    assert try_from("2001:db8::dead:beef", bob) == 429
    assert try_from("2001:db8:0:1::1", bob) == 200


def test_an_ipv4_address_is_the_same_in_ipv6(phone: Device) -> None:
    assert guess(HOME, phone, 3) == [401] * 3
    assert try_from(f"::ffff:{HOME}", phone) == 429
    assert try_from(OFFICE, phone) == 429


@pytest.mark.parametrize(("proxies", "last"), [(0, 429), (1, 401)])
def test_a_forged_header_makes_no_new_address(
    phone: Device, bob: Device, monkeypatch: pytest.MonkeyPatch, proxies: int, last: int
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies)
    victims = itertools.cycle((phone, bob))
    answers = [
        guess(HOME, next(victims), x_forwarded_for=f"203.0.113.{number}") for number in range(4)
    ]
    assert answers == [[401], [401], [401], [last]]


def test_what_stands_before_our_own_proxy_wrote_it_counts_for_nothing(
    phone: Device, bob: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1)
    victims = itertools.cycle((phone, bob))
    forged = [f"203.0.113.{number}, {CAFE}" for number in range(4)]
    answers = [guess(HOME, next(victims), x_forwarded_for=text) for text in forged]
    assert answers == [[401], [401], [401], [429]]


@pytest.mark.parametrize(
    "forwarded",
    ["203.0.113.5:{}", "[2001:db8::1]:{}", "2001:db8::{}", "unknown:{}", "client", "{},"],
)
def test_whatever_a_proxy_writes_is_an_address(
    phone: Device,
    bob: Device,
    laptop: Device,
    monkeypatch: pytest.MonkeyPatch,
    forwarded: str,
) -> None:
    """Some write the port, which is another one each time."""
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1)
    victims = itertools.cycle((phone, bob))
    answers = [
        guess(HOME, next(victims), x_forwarded_for=forwarded.format(4711 + number))
        for number in range(4)
    ]
    assert answers == [[401], [401], [401], [429]]
    assert guess(HOME, bob, x_forwarded_for="198.51.100.1") == [401]


def test_behind_a_proxy_that_nobody_told_of_one_attacker_shuts_out_nobody_else(
    phone: Device, bob: Device, settings: Any, log: Any
) -> None:
    settings.REST_FRAMEWORK = {}
    assert guess(HOME, phone, 4, x_forwarded_for="203.0.113.5") == [401] * 3 + [429]
    assert try_from(HOME, bob, x_forwarded_for="198.51.100.1") == 200
    warnings = [record for record in log.records if record.levelname == "WARNING"]
    (told,) = [record for record in warnings if record.name == "jwt_refresh"]
    assert told.event == "misconfigured"
    assert "NUM_PROXIES" in told.why
    # Once in a process, and anew where the settings have changed.
    log.clear()
    assert try_from(HOME, bob, x_forwarded_for="198.51.100.1") == 200
    assert "misconfigured" not in log.text
    settings.REST_FRAMEWORK = {}
    assert try_from(HOME, bob, x_forwarded_for="198.51.100.1") == 200
    assert log.text.count("misconfigured") == 1


def test_an_address_behind_an_unknown_proxy_is_never_known(
    phone: Device, laptop: Device, settings: Any
) -> None:
    """It would be that of everybody."""
    settings.REST_FRAMEWORK = {}
    assert try_from(HOME, phone, x_forwarded_for="198.51.100.1") == 200
    assert guess(HOME, laptop, 4, x_forwarded_for="203.0.113.5") == [401] * 3 + [429]
    assert try_from(HOME, phone, x_forwarded_for="198.51.100.1") == 429


@pytest.mark.parametrize("proxies", [-1, "1"])
def test_a_number_of_proxies_that_is_none_is_as_if_it_were_not_set(
    phone: Device, monkeypatch: pytest.MonkeyPatch, proxies: Any
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies)
    assert try_from(HOME, phone, x_forwarded_for="203.0.113.5") == 200


# By account


def test_an_account_has_only_so_many_guesses_from_all_addresses(phone: Device, log: Any) -> None:
    """Trying passwords (A38)."""
    assert [guess(f"203.0.113.{number}", phone) for number in range(4)] == [[401]] * 3 + [[429]]
    assert "event=throttled scope=login-account" in log.text
    # Whoever is shut out by address counts for no account.
    assert try_from(HOME, phone) == 429


def test_the_owner_at_a_known_address_logs_in_however_full_the_counter_is(
    phone: Device, laptop: Device, clock: Any
) -> None:
    assert try_from(HOME, phone) == 200
    clock.shift(29 * DAY)
    for _ in range(3):
        for number in range(5):
            guess(f"203.0.113.{number}", phone)
        assert guess(OFFICE, phone) == [429]
        assert try_from(HOME, phone, "mistyped") == 401
        assert try_from(HOME, phone) == 200
        for number in range(5, 10):
            guess(f"203.0.113.{number}", phone)
        # From elsewhere the owner waits for the attacker to pause.
        assert try_from(CAFE, laptop) == 429
        clock.shift(MINUTE)
    assert try_from(CAFE, laptop) == 200


def test_a_known_address_has_no_more_guesses_than_others(phone: Device) -> None:
    assert try_from(HOME, phone) == 200
    assert guess(HOME, phone, 4) == [401] * 3 + [429]


def test_an_address_is_known_for_one_account_and_for_a_time(
    phone: Device, bob: Device, clock: Any
) -> None:
    assert try_from(HOME, bob) == 200
    assert try_from(OFFICE, phone) == 200
    assert [guess(f"203.0.113.{number}", phone) for number in range(3)] == [[401]] * 3
    assert try_from(HOME, phone) == 429
    clock.shift(KNOWN_FOR + 1)
    assert [guess(f"203.0.113.{number}", phone) for number in range(3)] == [[401]] * 3
    assert try_from(OFFICE, phone) == 429


def test_a_guess_does_not_make_an_address_known(phone: Device) -> None:
    guess(HOME, phone)
    assert [guess(f"203.0.113.{number}", phone) for number in range(2)] == [[401]] * 2
    assert try_from(HOME, phone) == 429


@pytest.mark.parametrize("address", ["", "unix:"])
def test_a_server_that_names_no_address_counts_by_account(
    phone: Device, bob: Device, address: str
) -> None:
    assert try_from(address, phone) == 200
    assert guess(address, phone, 4) == [401] * 3 + [429]
    assert try_from(address, phone) == 429
    assert try_from(address, bob) == 200


class Careless(ModelBackend):
    """Lets users in that it then says may not be."""

    def authenticate(self, request: Any, *args: Any, **credentials: Any) -> Any:
        return get_user_model()._default_manager.get()


def test_an_inactive_user_is_a_failure(phone: Device, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Careless"]
    type(phone.user)._default_manager.update(is_active=False)
    assert [try_from(HOME, phone) for _ in range(4)] == [401] * 3 + [429]


def test_neither_a_name_nor_an_address_is_in_a_key(phone: Device, bob: Device) -> None:
    """A cache is read by more people than a database, and minds long keys and spaces."""
    try_from(HOME, phone)
    guess(HOME, bob)
    name = bob.user.USERNAME_FIELD
    strange = {name: "a \t" + "é" * 4000, "password": "x"}
    assert bob.post("/auth/login/", strange).status_code == 401
    stored: Any = cache
    keys = "\n".join(stored._cache)
    assert keys.count("jwt_refresh:") == len(stored._cache) == 6
    for told in ("ann", "bob", "example", HOME, "é"):
        assert told not in keys


def test_none_counts_nothing(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None}
    assert guess(HOME, phone, 20) == [401] * 20
    assert try_from(HOME, phone) == 200
    stored: Any = cache
    assert not stored._cache
