"""Fixtures for pytest, for projects that name this module in ``pytest_plugins``.

``docs/testing.md`` shows their use. Django may not be set up yet when pytest loads this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.test import APIClient

C = TypeVar("C", bound="Client")

__all__ = ["jwt_api_client", "jwt_client", "jwt_counters"]


@pytest.fixture(autouse=True)
def jwt_counters() -> None:
    """Begin the counts of logins and refreshes anew."""
    from jwt_refresh.testing import clear_counters

    clear_counters()


@pytest.fixture
def jwt_client() -> Callable[..., Client]:
    """Return what makes a client of Django that is logged in: ``jwt_client(user, age=…)``."""
    from django.test import Client

    return _logged_in(Client)


@pytest.fixture
def jwt_api_client() -> Callable[..., APIClient]:
    """Return what makes a client of REST framework that is logged in, in the same way."""
    from rest_framework.test import APIClient

    return _logged_in(APIClient)


def _logged_in(kind: type[C]) -> Callable[..., C]:
    from jwt_refresh.testing import log_in

    def make(user: Any, **how: Any) -> C:
        client = kind()
        log_in(client, user, **how)
        return client

    return make
