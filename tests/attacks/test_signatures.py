"""The cost of a signature is paid once: each request has its token verified one time.

And its proof, where the token is bound to a key.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.sessions import proving
from tests.support.devices import Device
from tests.support.proofs import ProofKey
from tests.support.statements import made

from .places import LOGOUT, PLACES, Place

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a key was asked about a signature."""
    asked: Counter[str] = Counter()
    verifies = Key.verifies

    def counted(key: Key, message: bytes, signature: bytes) -> bool:
        asked["checks"] += 1
        return verifies(key, message, signature)

    monkeypatch.setattr(Key, "verifies", counted)
    return asked


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("place", PLACES, ids=lambda it: f"{it.path}{it.member}")
def test_a_request_has_its_token_verified_once(
    phone: Device, checks: Counter[str], place: Place
) -> None:
    phone.login()
    takes_refreshable = place.path.startswith("/auth/refresh/")
    answer: Any = place.send(phone.refreshable if takes_refreshable else phone.token)
    assert answer.status_code in (200, 204) or "sessions/" in place.path, place
    assert checks["checks"] == 1


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("place", PLACES, ids=lambda it: f"{it.path}{it.member}")
def test_a_bound_token_costs_one_signature_more_and_no_statement(
    ann: Any, settings: Settings, checks: Counter[str], place: Place
) -> None:
    """A logout looks at no proof."""
    key = ProofKey()
    costs: list[tuple[int, int]] = []
    for dpop in ("off", "all"):
        settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": dpop}
        tokens = sessions.start(ann, jkt=key.jkt if dpop == "all" else "")
        takes_refreshable = place.path.startswith("/auth/refresh/")
        token = (takes_refreshable and tokens.refresh_token) or tokens.access_token
        nonce = proving.nonce()
        proof = key.proof(place.method.upper(), place.path, token=token, nonce=nonce)
        is_bound = tokens.token_type == "DPoP" and token == tokens.access_token
        checks.clear()
        with CaptureQueriesContext(connection) as captured:
            answer = place.send(token, "DPoP" if is_bound else "Bearer", DPoP=proof)
        assert answer.status_code in (200, 204) or "sessions/" in place.path, place
        costs.append((checks["checks"], len(made(captured))))
    (bearer, statements), (bound, as_many) = costs
    assert (bearer, bound) == (1, 1 if place.path == LOGOUT.path else 2)
    assert as_many == statements
