from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from pytest_django import Settings

from tests.processes.workers import for_races, workers  # noqa: F401
from tests.support.devices import PAIR, START, Device, make_user
from tests.support.told import Told, listening

# A noisy machine is no defect; and what fails in CI must fail again.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=os.environ.get("CI") == "true"
)
hypothesis.settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """No test is throttled for what another one tried."""
    cache.clear()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still; ``clock.shift(seconds)`` lets it pass."""
    # By a number: a datetime would take its time zone along.
    with time_machine.travel(START.timestamp(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann(db: None) -> Any:
    """A user, whatever the user model of this world is."""
    return make_user("ann@example.com")


@pytest.fixture
def phone(ann: Any) -> Device:
    return Device(ann)


@pytest.fixture
def laptop(ann: Any) -> Device:
    return Device(ann)


@pytest.fixture
def bob(db: None) -> Device:
    """A device of somebody else."""
    return Device(make_user("bob@example.com"))


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def atomic_requests(request: pytest.FixtureRequest) -> Iterator[bool]:
    """The test runs in both worlds: each view in a transaction, or none."""
    for connection in connections.all():
        connection.settings_dict["ATOMIC_REQUESTS"] = request.param
    yield request.param
    for connection in connections.all():
        connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture(params=["sliding", "pair"])
def style(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The test runs in both styles."""
    chosen: str = request.param
    settings.JWT_REFRESH = PAIR if chosen == "pair" else {}
    return chosen


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the app logs, from the least level on."""
    caplog.set_level(logging.DEBUG, logger="jwt_refresh")
    return caplog


@pytest.fixture
def told() -> Iterator[Told]:
    """The signals of the app, as they are sent."""
    with listening() as heard:
        yield heard
