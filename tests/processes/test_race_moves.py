"""Many server processes meet one old token for the first time: a project moves under load."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from jwt_refresh.contrib.simplejwt.models import ExchangedToken
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import PAIR
from tests.support.front import old_token
from tests.support.http import claims

from .acts import move_in
from .rows import check_rows
from .workers import FEW_ROUNDS, FOR_RACES, PROCESSES, Workers


@pytest.mark.django_db(transaction=True)
def test_an_old_token_that_many_present_at_once_starts_one_session(
    workers: Workers, ann: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = PAIR | FOR_RACES
    for number in range(1, FEW_ROUNDS + 1):
        tokens = workers.race([partial(move_in, old_token(ann))] * PROCESSES)
        assert len({claims(token)["jti"] for token in tokens}) == 1
        assert Session.objects.count() == ExchangedToken.objects.count() == number
    check_rows()
    assert IssuedToken.objects.count() == 2 * FEW_ROUNDS
