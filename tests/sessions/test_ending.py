"""The ends of sessions, called from Python."""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from django.db import transaction

from jwt_refresh import sessions, signals
from jwt_refresh.models import Session
from jwt_refresh.sessions import ending
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


@pytest.mark.parametrize("count", [4, 5])
@pytest.mark.parametrize("inside", [nullcontext, transaction.atomic])
def test_however_many_sessions_end_a_few_are_in_memory_at_a_time(
    ann: Any,
    monkeypatch: pytest.MonkeyPatch,
    inside: type[AbstractContextManager[Any]],
    count: int,
) -> None:
    monkeypatch.setattr(ending, "BATCH", 2)
    expected = {sessions.start(ann).session.pk for _ in range(count)}
    seen: list[Any] = []
    most = 0

    def note(session: Session, **facts: Any) -> None:
        nonlocal most
        seen.append((session.pk, weakref.ref(session)))
        most = max(most, sum(alive() is not None for _, alive in seen))

    signals.session_revoked.connect(note)
    try:
        # The update, and a query for every two: the last finds one or none.
        with statements(1 + 3), inside():
            assert sessions.revoke_user(ann, "test") == count
    finally:
        signals.session_revoked.disconnect(note)
    assert {pk for pk, _ in seen} == expected
    assert len(seen) == count
    assert most <= 4
