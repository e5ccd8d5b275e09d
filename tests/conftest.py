from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import Settings

from tests.processes.workers import for_races, workers  # noqa: F401
from tests.support import receivers
from tests.support.devices import PAIR, START, Device, make_user
from tests.support.flushing import flush
from tests.support.lanes import LANE, Lane, sized
from tests.support.told import Told, listening

BROWSER = Path(__file__).parent / "browser"
WORLD = {"TEST_DATABASE", "TEST_USER_MODEL", "TEST_USE_TZ"}

# A noisy machine is no defect; and what fails must fail again.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=LANE is not Lane.RANDOM,
)
hypothesis.settings.load_profile("tests")


def pytest_report_header() -> str:
    """Name the lane and the world of this run."""
    world = {name: text for name, text in sorted(os.environ.items()) if name in WORLD}
    return f"lane: {LANE.value}; world: {world or 'default'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is marked ``full`` in the quick lane, and the browser where it is not named."""
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    browses = any("tests/browser" in argument for argument in config.args)
    for item in items:
        wanted = sized(item.get_closest_marker("full") is None, True)
        chosen[wanted and (browses or BROWSER not in item.path.parents)].append(item)
    items[:] = chosen[True]
    config.hook.pytest_deselected(items=chosen[False])


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Leave the names of the databases alone: in ``tests.settings`` they name the worker."""


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    with mock.patch.object(TransactionTestCase, "_fixture_teardown", flush):
        yield


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """No test is throttled for what another one tried."""
    cache.clear()


@pytest.fixture
def core_alone() -> Iterator[None]:
    """As without ``contrib.simplejwt``."""
    receivers.disconnect()
    yield
    receivers.connect()


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
