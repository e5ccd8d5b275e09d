"""Which account a name counts for, whose addresses are known, and which tries are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.backends import BaseBackend
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import MultipleObjectsReturned, PermissionDenied
from django.db import OperationalError, connection
from rest_framework.exceptions import AuthenticationFailed

from jwt_refresh.exceptions import InvalidCredentials, TokenInvalid, Unavailable
from jwt_refresh.web import limits
from tests.support.devices import PASSWORD, Device, make_user
from tests.support.statements import statements
from tests.support.told import connected
from tests.web.guessing import CAFE, HOME, OFFICE, guess, try_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NAME = get_user_model().USERNAME_FIELD
MANAGER: Any = get_user_model()._default_manager


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": "3/min"}


@pytest.fixture
def _folding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose users need not mind the case of their names."""

    def find(self: Any, username: str) -> Any:
        return self.get(**{f"{NAME}__iexact": username})

    monkeypatch.setattr(type(MANAGER), "get_by_natural_key", find)


def strangers() -> Iterator[str]:
    return map("203.0.113.{}".format, range(200))


def answers(*names: str, password: str = "guess") -> list[int]:
    """The statuses of logins by these names, each from an address of its own."""
    statuses = []
    for name, address in zip(names, strangers(), strict=False):
        device = Device(None)
        device.http.defaults["REMOTE_ADDR"] = address
        credentials = {NAME: name, "password": password}
        statuses.append(device.post("/auth/login/", credentials, token=None).status_code)
    return statuses


# Which account


@pytest.mark.parametrize(
    "spelling", ["ANN@example.com", "änn@example.com", "a\u0301nn@example.com"]
)
def test_what_the_database_takes_for_one_name_is_one_account(phone: Device, spelling: str) -> None:
    """MariaDB, as it comes, takes no notice of case and accents."""
    same = MANAGER.filter(**{NAME: get_user_model().normalize_username(spelling)}).exists()
    assert same == (connection.vendor == "mysql")
    assert answers(*[spelling] * 3) == [401] * 3
    assert try_from(HOME, phone) == (429 if same else 200)


@pytest.mark.usefixtures("_folding")
def test_what_the_project_takes_for_one_name_is_one_account(phone: Device) -> None:
    assert answers("ann@example.com", "ANN@example.com", "Ann@EXAMPLE.com") == [401] * 3
    assert try_from(HOME, phone) == 429


def test_names_that_are_not_alike_may_be_of_one_account(
    phone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where people log in by the whole address, or by the part of it that is theirs alone."""

    def find(self: Any, username: str) -> Any:
        return self.get(**{f"{NAME}__startswith": username.partition("@")[0] + "@"})

    monkeypatch.setattr(type(MANAGER), "get_by_natural_key", find)
    assert answers("ann", "ann@example.com", "ann@example.net") == [401] * 3
    assert try_from(HOME, phone) == 429


def test_accounts_of_like_names_are_counted_apart(phone: Device) -> None:
    """Who has one of them must not refill his guesses at the other."""
    victim = Device(make_user("jessica@example.com"))
    # MariaDB has no room for both of the first two.
    like = "jeßica" if connection.vendor != "mysql" else "jessika"
    rival = Device(make_user(f"{like}@example.com"))
    assert guess(HOME, rival, 2) == [401] * 2
    assert [guess(address, victim)[0] for _, address in zip("abc", strangers(), strict=False)] == [
        401
    ] * 3
    assert try_from(HOME, rival) == 200
    assert guess(HOME, victim) == [429]
    assert guess(CAFE, victim) == [429]


@pytest.mark.parametrize("project", ["exact", "folding"])
@pytest.mark.parametrize("spelling", ["ann@EXAMPLE.com", "ANN@example.com", "ánn@example.com"])
def test_spellings_tell_nobody_whether_there_is_an_account(
    phone: Device, request: pytest.FixtureRequest, project: str, spelling: str
) -> None:
    if project == "folding":
        request.getfixturevalue("_folding")
    names = ["ann@example.com", spelling] * 3
    there = answers(*names)
    MANAGER.all().delete()
    cache.clear()
    assert answers(*names) == there


@pytest.mark.parametrize(("vendor", "one"), [("mysql", True), ("postgresql", False)])
def test_names_that_nobody_has_are_compared_as_the_database_would(
    monkeypatch: pytest.MonkeyPatch, vendor: str, one: bool
) -> None:
    nobody = get_user_model()()
    monkeypatch.setattr(connection, "vendor", vendor)
    accounts = {limits._account_of(nobody, name) for name in ("ánn", "a\u0301nn", "ANN", "ann")}
    assert len(accounts) == (1 if one else 4)


def test_a_name_costs_the_same_whether_there_is_an_account_or_not(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Noting(LocMemCache):
        def __getattribute__(self, name: str) -> Any:
            if name in ("add", "get", "set", "incr", "delete", "has_key"):
                asked.append(name)
            return super().__getattribute__(name)

    monkeypatch.setitem(globals(), "Noting", Noting)
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Noting", "LOCATION": "noting"}}
    costs = []
    for name in ("ann@example.com", "nobody@example.com"):
        cache.clear()
        asked.clear()
        with statements(2):
            assert answers(name) == [401]
        costs.append([*asked])
    assert costs[0] == costs[1]
    assert len(costs[0]) >= 4


def test_a_name_that_is_of_several_users_counts_as_it_is(
    phone: Device, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A backend of a project may know what to do with it."""

    def find(self: Any, username: str) -> Any:
        raise MultipleObjectsReturned

    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByAlias"]
    monkeypatch.setattr(type(MANAGER), "get_by_natural_key", find)
    assert answers(*["ann"] * 4) == [401] * 3 + [429]
    assert answers("ann@example.com") == [401]


def test_a_manager_that_finds_no_names_is_not_asked(
    phone: Device, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByAlias"]
    for base in type(MANAGER).__mro__:
        if "get_by_natural_key" in vars(base):
            monkeypatch.delattr(base, "get_by_natural_key")
    assert answers(*["ann"] * 4) == [401] * 3 + [429]
    assert answers("ann", password=PASSWORD) == [429]
    assert answers("ANN") == [429 if connection.vendor == "mysql" else 401]


# Whose address


def test_no_login_of_the_owner_takes_back_a_guess(phone: Device, laptop: Device) -> None:
    """Else a 401 after a 429 tells that there is an account, and its owner at home."""
    assert try_from(HOME, phone) == 200
    assert answers(*["ann@example.com"] * 4) == [401] * 3 + [429]
    assert try_from(HOME, phone) == 200
    assert guess(OFFICE, phone) == [429]


def test_a_login_from_a_new_address_takes_back_its_own_try_alone(phone: Device) -> None:
    assert answers(*["ann@example.com"] * 2) == [401] * 2
    assert try_from(HOME, phone) == 200
    assert guess(OFFICE, phone) + guess(CAFE, phone) == [401, 429]


def test_a_new_password_forgets_the_addresses_of_the_old_one(phone: Device) -> None:
    """The thief who made the owner change it has logged in, too."""
    assert try_from(OFFICE, phone) == 200
    phone.user.set_password("a new one")
    phone.user.save()
    assert try_from(HOME, phone, "a new one") == 200
    assert answers(*["ann@example.com"] * 4) == [401] * 3 + [429]
    assert try_from(OFFICE, phone, "a new one") == 429
    assert try_from(HOME, phone, "a new one") == 200


class ByAlias(BaseBackend):
    """Knows people by the first half of their address."""

    def authenticate(self, request: Any, **credentials: Any) -> Any:
        user = MANAGER.filter(**{f"{NAME}__startswith": f"{credentials['username']}@"}).first()
        return user if user and user.check_password(credentials["password"]) else None


def test_the_owner_is_at_home_also_by_a_name_that_only_a_backend_knows(
    phone: Device, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByAlias"]
    home = next(strangers())
    assert answers("ann", password=PASSWORD) == [200]
    assert guess(home, phone) == [401]
    for address in (CAFE, OFFICE, HOME, "198.51.100.7"):
        phone.http.defaults["REMOTE_ADDR"] = address
        phone.post("/auth/login/", {NAME: "ann", "password": "guess"}, token=None)
    assert answers("ann", password=PASSWORD) == [200]


# Tries that are none


class Failing(BaseBackend):
    """Raises what a test says."""

    error: Exception

    def authenticate(self, request: Any, **credentials: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (OperationalError("gone"), False),
        (ConnectionError("the directory is away"), False),
        (Unavailable("the vault is away"), False),
        (TimeoutError("the directory is slow"), False),
        (AuthenticationFailed("wrong"), True),
        (PermissionDenied("wrong"), True),
        (InvalidCredentials("wrong"), True),
        (TokenInvalid("wrong"), True),
        (KeyError("wrong"), True),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else str(given),
)
def test_a_login_that_an_outage_fails_counts_for_nothing(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, counts: bool
) -> None:
    """Of any other error nobody knows whether it tells a wrong password from a right one."""
    backends = settings.AUTHENTICATION_BACKENDS
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Failing"]
    monkeypatch.setattr(Failing, "error", error, raising=False)
    phone.http.raise_request_exception = False
    answered = {try_from(f"203.0.113.{number}", phone) for number in range(3)}
    assert 200 not in answered
    settings.AUTHENTICATION_BACKENDS = backends
    assert try_from(HOME, phone) == (429 if counts else 200)


def test_a_login_that_fails_after_the_right_password_counts_for_nothing(
    phone: Device, settings: Any
) -> None:
    def fail(user: Any, session: Any) -> Any:
        raise ZeroDivisionError

    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLAIMS": fail}
    phone.http.raise_request_exception = False
    assert {try_from(f"203.0.113.{number}", phone) for number in range(3)} == {500}
    settings.JWT_REFRESH = {"LOGIN_RATE": "3/min"}
    assert try_from(HOME, phone) == 200


def test_what_fails_once_a_password_was_found_wrong_counts(phone: Device) -> None:
    """Whoever finds a broken receiver must not guess on and on."""

    def fail(**facts: Any) -> None:
        raise OperationalError("no such table: audit")

    with connected(signals.user_login_failed, fail):
        assert answers(*["ann@example.com"] * 4) == [503] * 3 + [429]


def test_while_the_database_is_away_no_try_counts(phone: Device) -> None:
    def fail(*args: Any) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        assert answers(*["ann@example.com"] * 5) == [503] * 5
    assert try_from(HOME, phone) == 200
