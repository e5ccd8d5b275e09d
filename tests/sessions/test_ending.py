"""The ends of sessions, called from Python."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests.support.devices import make_user
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_revocations_join_the_callers_transaction(ann: Any, told: Told) -> None:
    session = sessions.start(ann).session
    with transaction.atomic():
        assert sessions.revoke(session, "test")
        transaction.set_rollback(True)
    assert names(told) == ["started"]
    with transaction.atomic():
        assert sessions.revoke_user(ann, "test") == 1
        assert names(told) == ["started"]
    assert names(told) == ["started", "revoked"]
    assert sessions.revoke_user(ann, "test") == 0
    assert not sessions.revoke(session, "again")
    assert Session.objects.get().revoked_reason == "test"


def test_revoking_a_user_leaves_others_alone(ann: Any, told: Told) -> None:
    other = sessions.start(make_user("bob@example.com")).session
    revoked = {sessions.start(ann).session.pk for _ in range(3)}
    with statements(2):
        assert sessions.revoke_user(ann, "closed") == 3
    assert {facts["session"].pk for name, facts in told if name == "revoked"} == revoked
    assert {facts["reason"] for name, facts in told if name == "revoked"} == {"closed"}
    assert Session.objects.live().get() == other
