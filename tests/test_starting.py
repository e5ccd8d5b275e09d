"""The start of a session, called from Python."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from jwt_refresh import sessions
from jwt_refresh.exceptions import UserInactive
from jwt_refresh.models import Session

from .signals import Told, names
from .statements import statements

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_an_inactive_user_starts_no_session(ann: Any) -> None:
    ann.is_active = False
    with pytest.raises(UserInactive):
        sessions.start(ann)
    assert not Session.objects.exists()


def test_start_is_two_inserts_in_the_callers_transaction(ann: Any, told: Told) -> None:
    with statements(2):
        sessions.start(ann)
    with transaction.atomic():
        sessions.start(ann)
        transaction.set_rollback(True)
    assert (Session.objects.count(), names(told)) == (1, ["started"])
