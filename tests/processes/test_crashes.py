"""A server process dies between any two of its steps, or the database fails there: the client
asks again with what it has, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.models import Session
from tests.processes.acts import HASHERS, encode_anew
from tests.processes.answers import check_over
from tests.support.backups import Backup
from tests.support.devices import Device

from .acts import Answer, ask_for_another_password, device_of, login, logout, refresh
from .gaps import Begin, Harm, harmed, killed
from .rows import age, check_rows
from .steps import fail, lose
from .workers import Workers

pytestmark = pytest.mark.django_db(transaction=True)

harms = pytest.mark.parametrize(
    "harm",
    [
        pytest.param((fail, 1), id="fails"),
        pytest.param((fail, 1000), id="fails for good", marks=pytest.mark.full),
        pytest.param((lose, 1), id="loses its connection", marks=pytest.mark.full),
    ],
)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.full)], ids=["soon", "late"])
def come_back(request: pytest.FixtureRequest) -> Callable[[], None]:
    """The client does so within the grace, or past it."""
    late: bool = request.param
    return age if late else lambda: None


def rotate(phone: Device) -> None:
    phone.login()


def replace(phone: Device) -> None:
    phone.login()
    refresh(phone.refreshable)
    age()


def recover(phone: Device) -> None:
    phone.login()
    backup = Backup()
    phone.refresh()
    backup.restore()


@pytest.fixture(params=[rotate, replace, pytest.param(recover, marks=pytest.mark.full)])
def begin_refresh(request: pytest.FixtureRequest, phone: Device, for_races: None) -> Begin:
    """The phone asks for a successor, or for one that it lost long ago; or by a token that the
    database lost."""

    def begin() -> Callable[[], Answer]:
        Session.objects.all().delete()
        request.param(phone)
        return partial(refresh, phone.refreshable)

    return begin


def check_goes_on(phone: Device, held: str) -> None:
    """It refreshes with the token that it ``held``, uses what it gets, and refreshes that."""
    check_rows()
    assert phone.refresh(held).status_code == 200
    for answer in phone.get(), phone.refresh(), phone.get():
        assert answer.status_code == 200
    check_rows()
    assert Session.objects.live().count() == 1


def test_a_server_dies_while_it_refreshes(
    workers: Workers, phone: Device, begin_refresh: Begin, come_back: Callable[[], None]
) -> None:
    for _ in killed(workers, begin_refresh, (200, 9)):
        come_back()
        check_goes_on(phone, phone.refreshable)


@harms
def test_the_database_fails_a_refresh(
    workers: Workers, phone: Device, begin_refresh: Begin, harm: Harm
) -> None:
    """The client asked again soon, had no answer then either, and comes back late."""
    for answer in harmed(workers, begin_refresh, (200, 8), harm):
        age()
        check_goes_on(phone, answer.refreshable if answer.status == 200 else phone.refreshable)


@pytest.fixture(
    params=[
        "at first",
        "with a session too many",
        pytest.param("with a new hasher", marks=pytest.mark.full),
    ]
)
def begin_login(
    request: pytest.FixtureRequest, phone: Device, laptop: Device, settings: Settings
) -> Begin:
    """The phone logs in; the laptop is there already."""
    if request.param == "with a session too many":
        settings.JWT_REFRESH = {"MAX_SESSIONS": MOST}
    settings.PASSWORD_HASHERS = HASHERS

    def begin() -> Callable[[], Answer]:
        Session.objects.all().delete()
        if request.param == "with a new hasher":
            encode_anew(phone.user)
        for _ in range(MOST - 1):
            sessions.start(phone.user)
        laptop.token = sessions.start(phone.user).access_token
        return partial(login, phone.user)

    return begin


MOST = 4
"""So many logins that make room, as there are below, do not reach the laptop."""


def check_logs_in(phone: Device, laptop: Device) -> None:
    """It does, and has done no harm to the laptop."""
    check_rows()
    for answer in phone.login(), phone.get(), phone.refresh(), phone.get(), laptop.get():
        assert answer.status_code == 200
    check_rows()
    assert Session.objects.live().count() <= (conf.MAX_SESSIONS or 2 * MOST)


def test_a_server_dies_while_it_logs_in(
    workers: Workers, phone: Device, laptop: Device, begin_login: Begin
) -> None:
    for _ in killed(workers, begin_login, (200, 11)):
        check_logs_in(phone, laptop)


@harms
def test_the_database_fails_a_login(
    workers: Workers, phone: Device, laptop: Device, begin_login: Begin, harm: Harm
) -> None:
    for answer in harmed(workers, begin_login, (200, 10), harm):
        for token in [answer.access] if answer.status == 200 else []:
            assert device_of(token=token).get().status_code == 200
        check_logs_in(phone, laptop)


@pytest.fixture
def begin_logout(phone: Device, style: str) -> Begin:
    def begin() -> Callable[[], Answer]:
        phone.login()
        return partial(logout, phone.token)

    return begin


def check_logs_out(phone: Device) -> None:
    assert phone.logout().status_code == 204
    check_over({phone.token, phone.refreshable})
    assert not Session.objects.live().exists()


def test_a_server_dies_while_it_logs_out(
    workers: Workers, phone: Device, begin_logout: Begin
) -> None:
    for _ in killed(workers, begin_logout, (204, 5)):
        check_logs_out(phone)


@harms
def test_the_database_fails_a_logout(
    workers: Workers, phone: Device, begin_logout: Begin, harm: Harm
) -> None:
    for _ in harmed(workers, begin_logout, (204, 4), harm):
        check_logs_out(phone)


def test_a_server_dies_while_a_password_is_changed(
    workers: Workers, phone: Device, style: str
) -> None:
    """The password and the session change at once, or neither does."""
    passwords = [phone.password]

    def begin() -> Callable[[], Answer]:
        assert phone.login().status_code == 200
        passwords.append(f"secret {len(passwords)}")
        return partial(ask_for_another_password, phone.token, passwords[-1])

    for _ in killed(workers, begin, (200, 12)):
        check_rows()
        if phone.get().status_code != 200:
            check_over({phone.token, phone.refreshable})
            phone.password = passwords[-1]
        assert phone.login().status_code == phone.get().status_code == 200


def test_an_error_in_a_process_is_raised_here(workers: Workers) -> None:
    with (
        workers.one() as process,
        pytest.raises(ValueError, match="invalid literal") as raised,
    ):
        process(partial(int, "x"))
    assert "in outcome_of" in raised.value.__notes__[0]
