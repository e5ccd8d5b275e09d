from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import time_machine
from pytest_django import Settings

from tests.browser.profile import LIFETIME, Profile, opened
from tests.browser.serving import Site, serving
from tests.support.devices import make_user
from tests.support.servers import HOST, leave_out

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
Open = Callable[..., Profile]


def path_of_chromium() -> str:
    """Return the path of Chromium; leave the test out where it or Playwright is not installed."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None or find_spec("playwright") is None:
        leave_out(
            "There is no Chromium, or no Playwright: make .venv/.browser, and chromium in PATH."
        )
    return found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = path_of_chromium()
    from playwright.sync_api import sync_playwright

    # Playwright runs a loop in this thread. No coroutine of it asks the database.
    unsafe = mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"})
    with unsafe, sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=FLAGS)


@pytest.fixture(params=["sliding"])
def style(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The sliding style; a test may ask for the other one, or for both."""
    lifetimes: dict[str, Any] = {"LIFETIME": timedelta(seconds=LIFETIME)}
    if request.param == "pair":
        lifetimes["REFRESH_LIFETIME"] = timedelta(days=14)
    settings.JWT_REFRESH = lifetimes
    settings.ALLOWED_HOSTS = ["localhost", HOST]
    chosen: str = request.param
    return chosen


@pytest.fixture
def site(chromium: Browser, transactional_db: None, style: str) -> Iterator[Site]:
    """A server, with ``ann`` for a user."""
    make_user("ann")
    with serving() as site:
        yield site


@pytest.fixture
def browse(chromium: Browser, site: Site, clock: time_machine.Traveller) -> Iterator[Open]:
    """Open a browser: ``browse(*wrong, ahead=seconds)``."""
    with ExitStack() as stack:

        def browse(*wrong: str, ahead: float = 0) -> Profile:
            return stack.enter_context(opened(chromium, site, clock, ahead, wrong))

        yield browse
