"""The demo page of the example project, as its reader goes through it.

The server is a process of its own, as ``make demo`` starts it. Its time is real; in the browser a
test lets time pass, and the session refreshes when its own clock says so.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.servers import HOST, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
LIFETIME = 40
PATIENCE = 30_000
"""How long the browser may take for one thing, in milliseconds."""
LOOKS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
REFUSED = re.compile("the server responded with a status of (400|401|502)")
"""What Chromium itself writes about an answer that is part of the story."""
GATEWAY = """
const { fetch } = window;
window.fetch = (input, ...rest) =>
  window.isDown && /\\/(auth|api)\\//.test(input.url ?? input)
    ? Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 }))
    : fetch(input, ...rest);
"""
"""What stands between the page and a server that may be down."""
SILENT = "No answer came. Is the server still there?"
REUSED = "Theft caught: your old token was used by somebody else."


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_DATABASE": str(folder / "db.sqlite3"),
        "LIFETIME": str(LIFETIME),
    }
    command = [sys.executable, "manage.py", "demo", "--port", str(port)]
    with running(command, port, ROOT, environment, folder / "log"):
        yield f"http://{HOST}:{port}/"


class Reader:
    """Somebody before the page, who sees and hears what is on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._errors: list[str] = []
        self._written: list[ConsoleMessage] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("console", lambda message: self._written.append(message))

    @property
    def complaints(self) -> list[str]:
        """Errors, and what is in the console beside refusals that are part of the story."""
        written = (it.text for it in self._written if it.type in ("error", "warning"))
        return [*self._errors, *(text for text in written if not REFUSED.search(text))]

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> Reader:
        """Press a link that opens a tab; return who reads that."""
        # By a stack, since coverage would lose track of the frame that enters this by itself.
        with ExitStack() as stack:
            opened = stack.enter_context(self.page.expect_popup())
            self.page.get_by_role("link", name=name).click()
        return Reader(opened.value)

    def login(self) -> Reader:
        """Log in as ann, whose name and password the form has."""
        self.press("Log in")
        self.sees("h2:visible", "Your session")
        return self

    def sees(self, selector: str, sentence: str | re.Pattern[str]) -> Locator:
        """Wait until the first element of ``selector`` has this text."""
        from playwright.sync_api import expect

        found = self.page.locator(selector).first
        expect(found).to_contain_text(sentence, timeout=PATIENCE)
        return found

    def hears(self, sentence: str | re.Pattern[str]) -> None:
        """Wait until a screen reader is told so."""
        self.sees("#said[role=status]", sentence)

    @property
    def token(self) -> str:
        return self.page.inner_text("#token")

    @property
    def focus(self) -> str:
        found: str = self.page.evaluate("document.activeElement.textContent")
        return found

    def check_looks(self) -> None:
        """Look for faults of accessibility on phone and desktop, light and dark."""
        from axe_playwright_python.sync_playwright import Axe

        for width, scheme in LOOKS:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found: dict[str, Any] = Axe().run(self.page).response
            assert found["violations"] == [], (width, scheme)
            assert {"color-contrast", "label"} & {rule["id"] for rule in found["passes"]}
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width


Open = Callable[..., Reader]


@pytest.fixture
def arrive(chromium: Browser, server: str) -> Iterator[Open]:
    """Open the page: ``arrive()``, each time in a browser of its own."""
    readers = []
    with ExitStack() as stack:

        def arrive(language: str = "en") -> Reader:
            context = stack.enter_context(chromium.new_context(locale=language))
            page = context.new_page()
            page.clock.install()
            reader = Reader(page)
            readers.append(reader)
            page.goto(server)
            return reader

        yield arrive
        assert [reader.complaints for reader in readers if reader.complaints] == []


def test_log_in_and_watch_the_session_refresh_itself(arrive: Open) -> None:
    ann = arrive()
    ann.sees("h2:visible", "Log in")
    ann.check_looks()
    ann.page.get_by_label("Password").fill("wrong")
    ann.page.keyboard.press("Enter")
    ann.hears("No active account has these credentials.")
    assert ann.page.evaluate("document.activeElement.id") == "password"
    ann.check_looks()
    ann.page.get_by_label("Password").fill("violet-harbor-93")
    ann.page.keyboard.press("Enter")
    ann.hears("You are logged in.")
    assert ann.focus == "Your session"
    assert re.fullmatch(r"0 min (40|3\d) s", ann.page.inner_text("#left"))
    ann.check_looks()
    ann.press("Call the API")
    ann.hears("The API answers: you are ann.")
    before = ann.token
    ann.page.clock.fast_forward(1000 * (LIFETIME - 4))
    ann.sees("#generation", "1")
    assert ann.token != before
    ann.press("Refresh the token")
    ann.sees("#generation", "2")
    ann.hears(f"The token is now {ann.token}.")
    ann.sees("#log", "answered by this page, to make the session refresh")


def test_a_second_tab_shares_the_session(arrive: Open) -> None:
    ann = arrive().login()
    second = ann.follow("Open a second tab")
    second.sees("h2:visible", "Your session")
    assert second.token == ann.token
    before = ann.token
    second.press("Refresh the token")
    ann.sees("#generation", "1")
    assert second.token == ann.token != before
    second.press("Log out")
    ann.sees("#reason", "You are logged out.")
    assert second.complaints == []


def test_an_answer_that_is_lost_is_asked_for_again(arrive: Open) -> None:
    ann = arrive().login()
    ann.press("Refresh, and lose the answer")
    ann.sees("#generation", "1")
    ann.hears(f"The answer with {ann.token} was lost. The session asked again and got {ann.token}.")
    ann.sees("#log", "answer thrown away")


def test_a_thief_is_caught_by_the_owner(arrive: Open) -> None:
    ann = arrive().login()
    ann.press("Steal the token")
    ann.sees("#tale[role=status]", "The thief has copied")
    ann.press("Let the thief refresh it")
    ann.sees("#tale", "reads your name: ann")
    ann.check_looks()
    ann.sees("#hint", "Now refresh the token yourself")
    ann.press("Refresh the token")
    ann.sees("#reason", REUSED)
    assert ann.focus.startswith(REUSED)
    ann.check_looks()
    ann.press("Let the thief refresh it")
    ann.sees("#tale", "The thief is refused: The session has ended.")
    ann.login()
    assert not ann.page.is_visible("#tale")


def test_a_thief_gives_himself_away(arrive: Open) -> None:
    ann = arrive().login()
    ann.press("Steal the token")
    ann.press("Refresh the token")
    ann.hears("Refreshed.")
    ann.press("Call the API")
    ann.hears("The API answers: you are ann.")
    ann.sees("#hint", "Now refresh the token yourself")
    ann.press("Let the thief refresh it")
    ann.sees("#reason", "The session was ended: by a logout elsewhere, or because")
    ann.sees("#tale", "The thief holds a token that is worth nothing any more.")
    assert ann.focus == "Let the thief refresh it"
    ann.hears("The session was ended")


def test_a_thief_without_the_key_of_the_browser_is_refused(arrive: Open) -> None:
    ann = arrive()
    ann.page.get_by_label("Bind the session to this browser's key").check()
    ann.check_looks()
    ann.login()
    ann.sees("#log", "with a proof of the key")
    assert "eyJ" not in ann.page.evaluate("Object.values(localStorage).join()")
    ann.check_looks()
    for _ in range(2):
        ann.press("Steal the token")
        ann.sees("#tale", f"The thief has copied {ann.token}")
        ann.press("Let the thief refresh it")
        ann.sees("#tale", "The thief is refused: The token is not valid. Your session goes on.")
        ann.press("Refresh the token")
        ann.hears("Refreshed. The token is now")
    ann.sees("#log", "the server asks for a proof with its nonce")
    ann.press("Let the thief refresh it")
    ann.sees("#tale", "Your session goes on.")
    ann.check_looks()
    ann.press("Refresh, and lose the answer")
    ann.hears("The session asked again and got")
    second = ann.follow("Open a second tab")
    second.sees("h2:visible", "Your session")
    assert second.token == ann.token
    second.press("Log out")
    ann.sees("#reason", "You are logged out.")
    assert second.complaints == []


def test_see_logins_and_end_them(arrive: Open) -> None:
    first = arrive().login()
    # Else those of other tests would be listed, until they end by themselves.
    first.press("Log out everywhere")
    first.sees("#reason", "You are logged out.")
    ann, other, third = (arrive().login() for _ in range(3))
    ann.press("Look again")
    ann.hears("Live logins: 3.")
    ann.check_looks()
    logins = ann.page.locator("#sessions li")
    assert logins.filter(has_text="this browser").count() == 1
    logins.filter(has_not_text="this browser").first.get_by_role("button").click()
    ann.hears("That login is over.")
    assert logins.count() == 2
    ann.press("Log out everywhere else")
    ann.hears("All other logins are over.")
    assert logins.count() == 1
    for each in (other, third):
        each.press("Call the API")
        each.sees("#reason", "The session was ended: by a logout elsewhere")
    other.login()
    ann.press("Log out everywhere")
    ann.sees("#reason", "You are logged out.")
    ann.check_looks()
    other.press("Call the API")
    other.sees("#reason", "The session was ended")
    ann.login()
    ann.page.locator("#sessions button").first.click()
    ann.sees("#reason", "The session was ended")


def test_a_server_that_is_down_is_not_taken_for_an_answer(arrive: Open) -> None:
    ann = arrive()
    ann.page.add_init_script(GATEWAY)
    ann.page.reload()
    ann.page.get_by_label("User name").fill(" ")
    ann.press("Log in")
    ann.hears("This field may not be blank.")
    ann.page.get_by_label("User name").fill("ann")
    ann.login()
    logins = ann.page.locator("#sessions li")
    before = logins.count()
    ann.press("Steal the token")
    ann.page.evaluate("window.isDown = true")
    for name in ("Call the API", "Look again", "Log out everywhere else", "Log out everywhere"):
        ann.page.evaluate("document.querySelector('#said').textContent = ''")
        ann.press(name)
        ann.hears(SILENT)
        assert logins.count() == before
    ann.press("Log out")
    ann.sees("#reason", "You are logged out.")
    ann.page.clock.run_for(10_000)
    ann.hears("The server could not be told")
    assert ann.page.inner_text("#tale") == ""
    ann.press("Log in")
    ann.hears(SILENT)
    ann.page.evaluate("window.isDown = false")
    ann.press("Let the thief refresh it")
    ann.sees("#tale", "reads your name: ann")


def test_the_language_is_that_of_the_reader_or_is_chosen(arrive: Open) -> None:
    ann = arrive("ko-KR")
    ann.sees("h1", "스스로 갱신되는 세션")
    ann.press("로그인")
    ann.hears("로그인했습니다.")
    ann.check_looks()
    ann.press("English")
    ann.sees("h1", "A session that refreshes itself")
    ann.sees("h2:visible", "Your session")
    assert ann.page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize(
    ("locale", "lang"),
    [
        ("ja-JP", "ja"),
        ("zh-CN", "zh-hans"),
        ("es-MX", "es"),
        ("de-AT", "de"),
        ("fr-CA", "fr"),
        ("pt-BR", "pt-br"),
    ],
)
def test_the_page_is_fit_to_be_read_in_each_language(arrive: Open, locale: str, lang: str) -> None:
    ann = arrive(locale)
    assert ann.page.get_attribute("html", "lang") == lang
    ann.page.locator("#login button").click()
    ann.page.locator("#sessions li").first.wait_for(timeout=PATIENCE)
    ann.check_looks()


@pytest.fixture
def admin(chromium: Browser, server: str) -> Iterator[Page]:
    """An administrator on the first page of the admin."""
    with ExitStack() as stack:
        page = stack.enter_context(chromium.new_context()).new_page()
        page.goto(f"{server}admin/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill("silver-meadow-27")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Sessions", exact=True).wait_for()
        yield page


def test_the_lists_of_the_admin_fit(arrive: Open, server: str, admin: Page) -> None:
    """A row is two lines, four with a long reason, and on a desktop no column is out of sight."""
    arrive().login()
    for width, scheme in LOOKS:
        admin.set_viewport_size({"width": width, "height": 800})
        admin.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for name in ("session", "issuedtoken"):
            admin.goto(f"{server}admin/jwt_refresh/{name}/")
            assert admin.evaluate("document.documentElement.scrollWidth") <= width
            if width == 1280:
                heights = admin.locator("#result_list tbody tr").evaluate_all(
                    "rows => rows.map(row => row.offsetHeight)"
                )
                assert 20 < min(heights) < 55
                assert max(heights) < 90
                hidden = "box => box.scrollWidth - box.clientWidth"
                assert admin.locator("#changelist .results").evaluate(hidden) == 0
