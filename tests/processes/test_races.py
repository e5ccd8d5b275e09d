"""Many server processes at the same instant: a family of tokens never forks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import checking
from tests.support.backups import Backup
from tests.support.devices import Device
from tests.support.http import claims

from .acts import (
    HASHERS,
    Answer,
    change_own_password,
    encode_anew,
    end_and_purge,
    login,
    refresh,
    refresh_and_use,
    revoke_all,
)
from .rows import age, check_rows
from .steps import Steps
from .workers import FEW_ROUNDS, PROCESSES, ROUNDS, Workers

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("for_races"),
]


def one_successor(answers: list[tuple[Answer, Answer]]) -> str:
    """Everybody got one and the same, and could use it at once."""
    for refreshed, used in answers:
        assert (refreshed.status, used.status) == (200, 200), (refreshed, used)
    assert len({claims(refreshed.refreshable)["jti"] for refreshed, _ in answers}) == 1
    return answers[0][0].refreshable


def test_all_who_present_one_token_get_one_successor(workers: Workers, phone: Device) -> None:
    """At once (A30)."""
    phone.login()
    token = phone.refreshable
    for generation in range(1, ROUNDS + 1):
        token = one_successor(workers.race([partial(refresh_and_use, token)] * PROCESSES))
        assert Session.objects.get().generation == generation
    check_rows()
    assert IssuedToken.objects.count() == 1 + ROUNDS


def test_all_who_present_a_token_that_the_database_lost_get_one_successor(
    workers: Workers, phone: Device
) -> None:
    phone.login()
    token = phone.refreshable
    for recovered in range(1, ROUNDS + 1):
        backup = Backup()
        phone.refresh(token)
        backup.restore()
        asks = [partial(refresh_and_use, phone.refreshable)] * PROCESSES
        token = one_successor(workers.race(asks))
        assert Session.objects.get().generation == 2 * recovered
    check_rows()


def test_all_who_ask_for_a_lost_answer_get_one_replacement(workers: Workers, phone: Device) -> None:
    phone.login()
    token = phone.refreshable
    for generation in range(1, ROUNDS + 1):
        lost = phone.refresh(token).json()
        age()
        token = one_successor(workers.race([partial(refresh_and_use, token)] * PROCESSES))
        assert token not in lost.values()
        assert Session.objects.get().generation == generation
    check_rows()
    assert IssuedToken.objects.count() == 1 + 2 * ROUNDS


def test_all_who_ask_for_a_lost_answer_by_its_key_get_it(workers: Workers, phone: Device) -> None:
    """Once somebody has used it, the others are late, and change nothing."""
    phone.login()
    for _ in range(FEW_ROUNDS):
        token = phone.refreshable
        phone.refresh(token, idempotency_key="once")
        age()
        lost = claims(phone.refreshable)["jti"]
        answers = workers.race([partial(refresh, token, idempotency_key="once")] * PROCESSES)
        assert {(said.status, claims(said.refreshable)["jti"]) for said in answers} == {(200, lost)}
        asks = partial(refresh_and_use, token, idempotency_key="once")
        statuses = {refreshed.status for refreshed, _ in workers.race([asks] * PROCESSES)}
        assert 200 in statuses <= {200, 409}
        assert phone.refresh().status_code == 200
    check_rows()
    assert IssuedToken.objects.count() == 1 + 2 * FEW_ROUNDS


def test_of_two_who_hold_one_session_one_side_goes_on(workers: Workers, phone: Device) -> None:
    """One asks for an answer lost long ago, while another, who has it, refreshes: the first is
    an honest client and gets another, which displaces that one; or a thief, and is found out."""
    for _ in range(FEW_ROUNDS):
        phone.login()
        first = phone.refreshable
        phone.refresh()
        age()
        sides = [partial(refresh_and_use, token) for token in (first, phone.refreshable)]
        answers = [refreshed for refreshed, _ in workers.race(sides * (PROCESSES // 2))]
        assert {answer.status for answer in answers} <= {200, 401, 409}
        got = [answer for answer in answers if answer.status == 200]
        assert len({claims(answer.refreshable)["jti"] for answer in got}) == 1
        found_out = "token_reused" in [answer.body.get("code") for answer in answers]
        assert phone.refresh(got[0].refreshable).status_code == (401 if found_out else 200)
    check_rows()


def test_a_purge_takes_nothing_from_those_who_live(
    workers: Workers, phone: Device, laptop: Device
) -> None:
    phone.login()
    token = phone.refreshable
    for generation in range(1, ROUNDS + 1):
        sessions.revoke(sessions.start(laptop.user).session, "test")
        clients = [partial(refresh_and_use, token)] * (PROCESSES - 4)
        *answers, _, _, _, _ = workers.race([*clients, *[sessions.purge] * 4])
        token = one_successor(answers)
        session: Any = Session.objects.get()
        assert session.generation == generation
    check_rows()
    assert IssuedToken.objects.count() == 1 + ROUNDS


def after_the_read(act: Callable[[], object]) -> Steps:
    """``act`` is done as soon as the next request has read its session, which it then changes."""
    return Steps(range(2, 3), act)


@pytest.mark.parametrize("end", [revoke_all, end_and_purge])
def test_a_session_that_was_read_alive_and_ended_has_no_successor(
    phone: Device, end: Callable[[Any], None]
) -> None:
    phone.login()
    with after_the_read(partial(end, phone.user)):
        refused = phone.refresh()
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    assert not IssuedToken.objects.filter(generation=1).exists()


def test_a_session_that_was_read_before_its_user_changed_the_password_has_no_successor(
    phone: Device,
) -> None:
    phone.login()
    kept: list[tuple[str, str]] = []
    change = partial(change_own_password, phone.token, "another", atomic=True)
    with after_the_read(lambda: kept.append(change())):
        refused = phone.refresh()
    assert (refused.status_code, refused.json()["code"]) == (401, "password_changed")
    ((phone.token, phone.refresh_token),) = kept
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_a_session_that_was_read_before_its_password_was_encoded_anew_lives(
    phone: Device, settings: Settings
) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    encode_anew(phone.user)
    tokens = sessions.start(phone.user)
    phone.token, phone.refresh_token = tokens.access_token, tokens.refresh_token or ""
    with after_the_read(partial(login, phone.user)):
        assert phone.refresh().status_code == 200
    assert type(phone.user)._default_manager.get().password.startswith("md5$")
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_who_read_the_session_before_another_refreshed_it_gets_the_same(phone: Device) -> None:
    phone.login()
    others: list[Answer] = []
    with after_the_read(lambda: others.append(refresh(phone.refreshable))):
        assert phone.refresh().status_code == 200
    assert claims(phone.refreshable)["jti"] == claims(others[0].refreshable)["jti"]
    check_rows()


def test_who_read_the_session_before_another_recovered_it_gets_the_same(phone: Device) -> None:
    """The token is unknown to the row that it has read, and on record a moment later."""
    phone.login()
    backup = Backup()
    phone.refresh()
    backup.restore()
    others: list[Answer] = []
    with after_the_read(lambda: others.append(refresh(phone.refreshable))):
        assert phone.refresh().status_code == 200
    assert claims(phone.refreshable)["jti"] == claims(others[0].refreshable)["jti"]
    check_rows()


def test_a_token_that_was_used_after_the_read_is_not_replaced(phone: Device) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    age()
    with after_the_read(partial(checking.authenticate, phone.token, None)):
        assert phone.refresh(first).status_code == 409
    assert phone.refresh().status_code == 200
    check_rows()


def test_a_token_that_was_refreshed_after_the_read_confirms_no_successor(phone: Device) -> None:
    phone.login()
    with after_the_read(partial(refresh, phone.refreshable)):
        assert phone.get().status_code == 200
    assert Session.objects.get().confirmed_at is None
