"""The plugin for pytest. In a project that has nothing else of this one: ``tests/stories``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from jwt_refresh.stores import cache
from jwt_refresh.testing import assert_live, assert_revoked

pytest_plugins = ["jwt_refresh.contrib.pytest"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fixture", "kind"), [("jwt_client", Client), ("jwt_api_client", APIClient)]
)
def test_each_call_makes_a_client(
    ann: Any, style: str, fixture: str, kind: Any, request: pytest.FixtureRequest
) -> None:
    make: Callable[..., Any] = request.getfixturevalue(fixture)
    phone, laptop = make(ann), make(ann, age=timedelta(days=1), amr=["otp"])
    assert type(phone) is kind
    assert phone.post("/auth/logout/").status_code == 204
    assert_revoked(phone, reason="logout")
    assert_live(laptop)
    assert laptop.get("/me/").status_code == 200


ERAS: set[str] = set()


@pytest.mark.parametrize("number", [1, 2])
def test_counters_begin_anew_with_each_test(number: int) -> None:
    """The cache is emptied here by our own fixture, which tells nothing."""
    assert cache.era not in ERAS | {""}
    ERAS.add(cache.era)
