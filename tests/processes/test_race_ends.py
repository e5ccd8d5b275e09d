"""Whatever ends a session ends it, however many server processes refresh it at that instant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import pytest

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from tests.processes.answers import check_answers, check_over, tokens_in
from tests.support.devices import Device, make_user

from . import acts
from .acts import Answer, change_own_password, in_between, keep_refreshing, login
from .rows import check_rows
from .workers import FEW_ROUNDS, PROCESSES, ROUNDS, Workers

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("for_races"),
]

ENDS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "a new password": (acts.change_password, ROUNDS),
    "a new password by a query": (acts.change_password_by_a_query, FEW_ROUNDS),
    "deactivation": (acts.deactivate, FEW_ROUNDS),
    "deactivation by a query": (acts.deactivate_by_a_query, FEW_ROUNDS),
    "deletion": (acts.delete, FEW_ROUNDS),
    "deletion by a query": (acts.delete_by_a_query, FEW_ROUNDS),
}
"""Those of a user: a login that was under way is over as well."""

ENDS_OF_SESSIONS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "revocation": (acts.revoke_all, FEW_ROUNDS),
    "purge": (acts.end_and_purge, ROUNDS),
}


def in_round(number: int, device: Device, end: Callable[[], Any]) -> Callable[[], Any]:
    """Each time at another point of what the clients of ``device`` do."""
    return partial(in_between, device.refreshable, number % 4, end)


def clients_of(device: Device, count: int) -> list[Callable[[], list[Answer]]]:
    return [partial(keep_refreshing, device.refreshable)] * count


@pytest.mark.parametrize("name", ENDS)
def test_no_token_survives_the_end_of_its_user(workers: Workers, name: str) -> None:
    act, rounds = ENDS[name]
    for number in range(rounds):
        phone = Device(make_user(f"ann{number}@example.com"))
        phone.login()
        held = {phone.token, phone.refreshable}
        clients = clients_of(phone, PROCESSES * 3 // 4)
        logins = [partial(login, phone.user)] * (PROCESSES // 4 - 1)
        end = in_round(number, phone, partial(act, phone.user))
        outcomes = workers.race([*clients, *logins, end])
        answers = [*chain.from_iterable(outcomes[: len(clients)]), *outcomes[len(clients) : -1]]
        check_answers(answers)
        check_over(held | tokens_in(answers))
    check_rows()


@pytest.mark.parametrize("name", ENDS_OF_SESSIONS)
def test_no_token_survives_the_end_of_its_session(
    workers: Workers, phone: Device, name: str
) -> None:
    act, rounds = ENDS_OF_SESSIONS[name]
    for number in range(rounds):
        phone.login()
        held = {phone.token, phone.refreshable}
        end = in_round(number, phone, partial(act, phone.user))
        *outcomes, _ = workers.race([*clients_of(phone, PROCESSES - 1), end])
        answers: list[Answer] = [*chain.from_iterable(outcomes)]
        check_answers(answers)
        check_over(held | tokens_in(answers))
    check_rows()


def test_no_token_survives_its_logout(workers: Workers, phone: Device) -> None:
    for number in range(ROUNDS):
        phone.login()
        held = {phone.token, phone.refreshable}
        clients = clients_of(phone, PROCESSES - 8)
        goers: list[Callable[[], Any]] = [partial(acts.logout, phone.token), sessions.purge] * 4
        outcomes = workers.race([*clients, *[in_round(number, phone, goer) for goer in goers]])
        answers: list[Answer] = [*chain.from_iterable(outcomes[: len(clients)])]
        assert {gone.status for gone in outcomes[len(clients) :: 2]} == {204}
        check_answers(answers)
        check_over(held | tokens_in(answers))
    sessions.purge()
    assert not Session.objects.exists()
    assert not IssuedToken.objects.exists()


@pytest.mark.parametrize("atomic", [True, False])
def test_who_changes_the_password_goes_on_with_new_tokens(
    workers: Workers, phone: Device, laptop: Device, atomic: bool
) -> None:
    """Whatever all others hold, of that session or another, or get meanwhile, is void."""
    phone.login()
    for number in range(FEW_ROUNDS):
        assert laptop.login().status_code == 200
        held = {phone.token, phone.refreshable, laptop.token, laptop.refreshable}
        laptop.password = f"secret {number}"
        clients = clients_of(phone, PROCESSES // 2) + clients_of(laptop, PROCESSES // 2 - 1)
        change = partial(change_own_password, phone.token, laptop.password, atomic)
        *outcomes, kept = workers.race([*clients, in_round(number, laptop, change)])
        answers: list[Answer] = [*chain.from_iterable(outcomes)]
        check_answers(answers)
        check_over(held | tokens_in(answers))
        phone.token, phone.refresh_token = kept
        assert phone.get().status_code == phone.refresh().status_code == 200
        assert phone.get().status_code == 200
        assert Session.objects.live().count() == 1
    check_rows()


def test_no_token_survives_a_pause_of_its_user(workers: Workers, phone: Device) -> None:
    for number in range(FEW_ROUNDS):
        phone.login()
        held = {phone.token, phone.refreshable}
        end = in_round(number, phone, partial(acts.deactivate_by_a_query, phone.user))
        *outcomes, _ = workers.race([*clients_of(phone, PROCESSES - 1), end])
        answers: list[Answer] = [*chain.from_iterable(outcomes)]
        check_answers(answers)
        check_over(held | tokens_in(answers))
        acts.reactivate(phone.user)
        check_over(held | tokens_in(answers))
        assert not Session.objects.live().exists()
    check_rows()
