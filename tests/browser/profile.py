"""A browser of one person: tabs that share storage and cookies, and a clock that the test turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import time_machine

from tests.browser.serving import PAGES, PATIENCE, Held, Site
from tests.support.devices import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

BEFORE = (PAGES / "before.js").read_text()
FLIGHT = 0.1
"""How long a refresh takes, in seconds: tabs whose timers are no further apart do so at once."""
PAUSES = 50
"""How often the browser is waited for, which grants a lock or does cryptography: half a second."""
ANSWER_LIMIT = 15
"""After how many seconds the client gives up an answer."""
LIFETIME = 600
"""How long a token authenticates in these tests, in seconds."""
FRESH = 0.78
"""For which part of it no tab wants to refresh."""
DUE = 0.9 * LIFETIME + 1
"""After how many seconds each tab wants to refresh, whatever its jitter."""
Options = Mapping[str, Any]


class Tab:
    """A page with a session, as a project writes it."""

    def __init__(self, page: Page, options: Options, *, twice: bool) -> None:
        self.page = page
        self._options = dict(options)
        self._twice = twice
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def load(self) -> Tab:
        """Load the page, again for one that is open, and open the session."""
        self.page.goto(self.page.url if self.page.url != "about:blank" else self._options["page"])
        options = {name: value for name, value in self._options.items() if name != "page"}
        self.run(
            "([options, twice]) => window.open_session(options, twice)", [options, self._twice]
        )
        return self

    def run(self, code: str, given: Any = None) -> Any:
        return self.page.evaluate(code, given)

    def start(self, code: str) -> None:
        """Begin what takes time; ``window.done`` is its outcome."""
        self.run(
            f"() => {{ window.done = undefined; ({code}).then((it) => window.done = {{it}}); }}"
        )

    @property
    def done(self) -> Any:
        return self.run("() => window.done")

    def login(self, name: str, password: str = PASSWORD) -> Any:
        credentials = {"username": name, "password": password}
        return self.run("(credentials) => window.session.login(credentials)", credentials)

    @property
    def stored(self) -> str:
        """All that scripts of this site can read of what the browser keeps."""
        kept: str = self.run(
            "() => JSON.stringify([localStorage, sessionStorage, document.cookie])"
        )
        return kept

    @property
    def token(self) -> str:
        """The token as a thief would read it: the one that can be refreshed."""
        return str(
            self.run("""() => {
            const held = JSON.parse(Object.values(localStorage)[0]);
            return held.refresh ?? held.access;
        }""")
        )

    def call(self, path: str = "/me/", init: Any = None) -> int:
        """Call the API by the session; return the status that the page sees."""
        status: int = self.run("([path, init]) => window.call(path, init)", [path, init])
        return status

    def logout(self) -> bool:
        heard: bool = self.run("() => window.session.logout()")
        return heard

    @property
    def state(self) -> Any:
        return self.run("() => window.session.state()")

    @property
    def status(self) -> tuple[str, str | None]:
        state = self.state
        return state["status"], state["reason"]

    @property
    def heard(self) -> list[Any]:
        """The states that the page was told, in their order."""
        told: list[Any] = self.run("() => window.heard")
        return told


class Profile:
    """The tabs of one browser, and their time, which is the server's, ``ahead`` or behind."""

    def __init__(
        self,
        context: BrowserContext,
        site: Site,
        clock: time_machine.Traveller,
        ahead: float,
        wrong: Sequence[str],
    ) -> None:
        self.context = context
        self.site = site
        self._clock = clock
        self._wrong = ", ".join(wrong)
        self.tabs: list[Tab] = []
        self._held: list[Held] = []
        self._pauses = 0
        context.clock.install(time=time.time() + ahead - 1)
        context.clock.pause_at(time.time() + ahead)

    def tab(self, *, twice: bool = False, **options: Any) -> Tab:
        page = self.context.new_page()
        page.add_init_script(f"({BEFORE})({len(self.tabs)}, {self._wrong!r})")
        given = {"storage": "local", "page": f"{self.site.url}/", **options}
        tab = Tab(page, given, twice=twice).load()
        self.tabs.append(tab)
        return tab

    def close(self, tab: Tab) -> None:
        self.tabs.remove(tab)
        tab.page.close()

    def settle(self) -> float:
        """Wait until no tab has a request under way, and what came in was dealt with.

        Return after how many seconds the next timer of a tab is due.
        """
        due: float = min(tab.run("() => window.idle()") for tab in self.tabs)
        return due

    def begin(self, seconds: float) -> None:
        """Let time pass, and do not wait for what that begins."""
        self._clock.shift(seconds)
        self.context.clock.run_for(round(seconds * 1000))

    def elapse(self, seconds: float) -> None:
        """Let time pass, for the server and for all tabs, with all that is due in it."""
        while seconds > 0:
            step = min(self.settle() + FLIGHT, seconds)
            self.begin(step)
            seconds -= step
        self.settle()

    def next(self) -> None:
        """Let time pass until the next timer of a tab, and for as long as a request may take."""
        self.begin(self.settle() + FLIGHT)
        self.settle()

    def hold(self, path: str, *, answered: bool = False) -> Held:
        """Let time pass until a tab asks for ``path``; hold that request up, or its answer."""
        held = Held(answered=answered)
        self._held.append(held)
        self.site.next(path, held)
        self.until(lambda: held.waits, self.rush)
        return held

    def rush(self) -> None:
        """As ``next``, where the test holds up a request; time stands still for any other.

        So it does, for a while, for a lock, which the browser grants in its own time: the tab
        whose request is held up may have it.
        """
        asking = sum(tab.run("() => window.asking") for tab in self.tabs)
        under_way = sum(tab.run("() => window.locking + window.working") for tab in self.tabs)
        if asking > sum(held.waits for held in self._held):
            pause()
        elif under_way and self._pauses < PAUSES:
            self._pauses += 1
            pause()
        else:
            self._pauses = 0
            self.begin(min(tab.run("() => window.wait()") for tab in self.tabs) + FLIGHT)

    def sleep(self, seconds: float) -> None:
        """Close the lid: afterwards it is later, and each timer that was due fires once."""
        self._clock.shift(seconds)
        self.context.clock.fast_forward(round(seconds * 1000))
        self.settle()

    def until(self, condition: Callable[[], Any], step: Callable[[], None] | None = None) -> None:
        """Wait until ``condition`` holds: in real time, or by ``next`` or ``rush``."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            (step or pause)()

    def reach(self, generation: int, *tabs: Tab) -> None:
        """Let time pass until each of these ``tabs`` knows that it was refreshed so often.

        To be called while the token is fresh: most of its life passes in one step.
        """
        self.begin(FRESH * LIFETIME)
        self.settle()
        self.until(lambda: {tab.state["generation"] for tab in tabs} == {generation}, self.next)


def pause() -> None:
    time.sleep(0.01)


@contextmanager
def opened(
    browser: Browser,
    site: Site,
    clock: time_machine.Traveller,
    ahead: float,
    wrong: Sequence[str],
) -> Iterator[Profile]:
    with browser.new_context() as context:
        profile = Profile(context, site, clock, ahead, wrong)
        yield profile
        assert [tab.complaints for tab in profile.tabs if tab.complaints] == []
