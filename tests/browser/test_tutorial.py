"""The page of the tutorial, in a project that is made from its text. The time is real."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import ROOT
from tests.support.servers import HOST
from tests.support.tutorial import ADDRESS, blocks_of, plain_environment, walking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE = 60_000
"""How long the browser may take for one thing, in milliseconds."""
HERE = {
    "python3 -m venv .venv && . .venv/bin/activate": "true",
    "pip install django-jwt-refresh": "true",
}
"""What need not be typed where the package is there already."""


@pytest.fixture(scope="module")
def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the project, served; what is asked of it by curl is left out."""
    binaries = Path(sys.executable).parent
    environment = plain_environment() | {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    with walking(tmp_path_factory.mktemp("tutorial"), environment, HERE) as walk:
        for block in blocks_of("docs/tutorial.md"):
            if ADDRESS not in block.text:
                walk.take(block)
        walk.serve()
        yield f"http://{HOST}:{walk.port}"


def opened(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def sees(page: Page, place: str, words: str | re.Pattern[str]) -> None:
    from playwright.sync_api import expect

    expect(page.locator(place).first).to_contain_text(words, timeout=PATIENCE)


def log_in(page: Page, button: str = "Log in") -> Page:
    page.locator("[name=username]").fill("ann")
    page.locator("[name=password]").fill("violet-harbor-93")
    press(page, button)
    return page


def access_token(context: BrowserContext) -> str | None:
    names = {str(it.get("name")): it.get("value") for it in context.cookies()}
    return names.get("__Host-Http-access-token")


def test_the_page_stays_logged_in(chromium: Browser, shop: str) -> None:
    """For three lifetimes of an access token: no two of the cookies are the same."""
    with chromium.new_context() as context:
        page = opened(context, shop)
        sees(page, "#state", "You are not logged in.")
        page.locator("[name=username]").fill("ann")
        page.locator("[name=password]").fill("wrong")
        press(page, "Log in")
        sees(page, "#answer", "No active account has these credentials.")
        log_in(page)
        sees(page, "#answer", "Welcome!")
        tokens = {access_token(context)}
        for count in (1, 2, 3):
            sees(page, "#state", f"You are logged in, and were refreshed {count} times.")
            press(page, "Who am I?")
            sees(page, "#answer", "ann")
            tokens.add(access_token(context))
        assert len(tokens - {None}) == 4
        assert "eyJ" not in page.evaluate("JSON.stringify([localStorage, document.cookie])")
        page.reload()
        sees(page, "#state", "You are logged in")
        second = opened(context, shop)
        sees(second, "#state", "You are logged in")
        # By a stack, since coverage would lose track of the frame that enters this by itself.
        with ExitStack() as stack:
            stack.enter_context(second.expect_response("**/auth/logout/"))
            press(second, "Log out")
        sees(page, "#state", "You are logged out: logout.")
        assert access_token(context) is None


def test_a_login_is_seen_and_ended(chromium: Browser, shop: str) -> None:
    """In the admin, and by its owner, from another device."""
    with chromium.new_context() as phone, chromium.new_context() as laptop:
        page = log_in(opened(phone, shop))
        sees(page, "#state", "You are logged in")
        admin = log_in(opened(laptop, f"{shop}/admin/"))
        admin.get_by_role("link", name="Sessions", exact=True).click()
        admin.locator("#result_list tbody th a").first.click()
        sees(admin, "#content", "current")
        admin.get_by_role("link", name="Revoke", exact=True).click()
        press(admin, "Yes, revoke it")
        sees(admin, ".messagelist", "1 session was revoked.")
        sees(page, "#state", "You are logged out: session_revoked.")
        log_in(page)
        sees(page, "#state", "You are logged in")
        other = log_in(opened(laptop, shop))
        sees(other, "#state", "You are logged in")
        press(other, "Log out everywhere")
        sees(other, "#state", "You are logged out: logout.")
        press(page, "Who am I?")
        sees(page, "#answer", "The session has ended.")
        sees(page, "#state", "You are logged out: session_revoked.")
