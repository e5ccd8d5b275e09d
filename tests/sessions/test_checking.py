"""What the database says of a token."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.sessions import checking
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_hand_made_transaction_does_not_stop_a_request(ann: Any, log: Any) -> None:
    encoded = sessions.start(ann).access_token
    transaction.set_autocommit(False)
    try:
        assert checking.authenticate(encoded, None)[0].user == ann
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert "hand-made transaction" in log.text
    assert Session.objects.get().confirmed_at is None


def test_a_request_confirms_after_its_transaction(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    with transaction.atomic():
        with statements(1):
            checking.authenticate(encoded, None)
        assert Session.objects.get().confirmed_at is None
    assert Session.objects.get().confirmed_at is not None


def test_only_the_current_token_confirms(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    successor = sessions.refresh(encoded).access_token
    with statements(1):
        checking.authenticate(encoded, None)
    assert Session.objects.get().confirmed_at is None
    checking.authenticate(successor, None)
    assert Session.objects.get().confirmed_at is not None
