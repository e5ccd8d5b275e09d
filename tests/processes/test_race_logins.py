"""Many server processes log one user in at the same instant."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

import pytest
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests.processes.acts import HASHERS, Answer, device_of, encode_anew, keep_refreshing, login
from tests.processes.answers import check_over, tokens_in
from tests.support.devices import make_user
from tests.support.http import claims

from . import acts
from .rows import check_rows
from .workers import FEW_ROUNDS, FOR_RACES, PROCESSES, ROUNDS, Workers

pytestmark = pytest.mark.django_db(transaction=True)

LOGINS = PROCESSES // 2


def sids_of(answers: list[Answer]) -> set[str]:
    assert {answer.status for answer in answers} == {200}, answers
    return {claims(answer.access)["sid"] for answer in answers}


def test_never_more_sessions_than_a_user_may_have(
    workers: Workers, ann: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = FOR_RACES | {"MAX_SESSIONS": 3}
    for number in range(1, ROUNDS + 1):
        started = sids_of(workers.race([partial(login, ann)] * LOGINS))
        live = {str(session.pk) for session in Session.objects.live()}
        # Which three depends on whose turn came last, and not on who asked last.
        assert len(live) == 3
        assert live < started
        assert Session.objects.count() == number * LOGINS
    check_rows()


def test_a_user_who_is_deleted_during_logins_is_gone(workers: Workers, settings: Settings) -> None:
    settings.JWT_REFRESH = FOR_RACES | {"MAX_SESSIONS": 3}
    for number in range(FEW_ROUNDS):
        user = make_user(f"ann{number}@example.com")
        *answers, _ = workers.race([*[partial(login, user)] * LOGINS, partial(acts.delete, user)])
        # Django deletes from the sessions up to the user, where logins take turns: the databases
        # break that deadlock, and a login that is its victim too often is put off.
        assert {answer.status for answer in answers} <= {200, 401, 503}, answers
        check_over(tokens_in(answers))
    assert not Session.objects.exists()


def test_logins_on_the_day_of_a_new_hasher_end_no_session(
    workers: Workers, ann: Any, settings: Settings
) -> None:
    """Neither theirs, nor those that were there before, nor in between."""
    settings.JWT_REFRESH, settings.PASSWORD_HASHERS = FOR_RACES, HASHERS
    for _ in range(FEW_ROUNDS):
        encode_anew(ann)
        before = sessions.start(ann).access_token
        clients = [partial(keep_refreshing, before)] * 4
        outcomes = workers.race([*[partial(login, ann)] * LOGINS, *clients])
        logins, refreshes = outcomes[:LOGINS], [*chain.from_iterable(outcomes[LOGINS:])]
        assert {answer.status for answer in refreshes} <= {200, 409}
        assert len(sids_of(logins)) == LOGINS
        for token in {before} | tokens_in(logins) | tokens_in(refreshes):
            assert device_of(token=token).get().status_code == 200
        ann.refresh_from_db()
        assert ann.password.startswith("md5$")
    check_rows()
