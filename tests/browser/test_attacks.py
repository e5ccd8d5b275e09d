"""A page of another origin, and one of a sibling host, in the browser of somebody who is logged in.

Each attack is tried with ``Sec-Fetch-*``, and without it as in an old browser: the server does not
get the headers. (Whoever intercepts requests in Chromium has its questions of CORS answered with a
yes.) It is also tried from a page of the site itself, where it succeeds: so it is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path as route

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from tests import urls
from tests.browser.serving import PAGES, PATIENCE, Site, answer, serving
from tests.support.browsing import ACCESS, REFRESH
from tests.support.devices import PAIR, PASSWORD, make_user
from tests.support.forging import segments_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.urls(__name__)

HOME, SIBLING, OTHER = "app.site.localhost", "www.site.localhost", "evil.localhost"
"""Chromium takes these for hosts of this machine, and as safe as by TLS."""
ANN, BOB = "ann@example.com", "bob@example.com"
SECRETS = [ANN, "eyJ", "expires_in", "started_at"]
"""What answers have in them: who it is, a token, its end, the list of sessions."""
SETTINGS: dict[str, dict[str, Any]] = {
    "pair, as recommended": PAIR
    | {"REFRESH_RATE": None, "ACCESS_COOKIE": ACCESS, "REFRESH_COOKIE": REFRESH},
    "sliding, sent by everybody": {
        "REFRESH_RATE": None,
        "ACCESS_COOKIE": "access",
        "COOKIE_SAMESITE": "None",
    },
}


def page(request: HttpRequest) -> HttpResponse:
    """A page of the site; by it an old browser gets the token of Django."""
    get_token(request)
    return HttpResponse('<!doctype html><title>Home</title><link rel="icon" href="data:,">')


urlpatterns = [route("page/", page), *urls.urlpatterns]


class Attack(NamedTuple):
    name: str
    path: str
    """Where the request goes: ``{sid}`` is that of the victim, which the attacker knows."""
    code: str
    """What the page does, in which ``path`` is this path."""
    method: str = "POST"
    from_outside: str = ""
    """What a page of another origin makes arrive in its place: ``OPTIONS``, or ``nothing``."""
    at_home: bool = True
    """A page of the site itself changes or learns something by it."""
    leaves: bool = False
    """The page gives its place to the answer."""


FORM = "application/x-www-form-urlencoded"
MULTIPART, PLAIN = "multipart/form-data", "text/plain"
BY_BOB = "{username: 'bob@example.com', password: password}"
LOGOUT, LOGIN = "/auth/logout/", "/auth/login/"
ALL, OTHERS, ONE = "/auth/logout/all/", "/auth/logout/others/", "/auth/sessions/{sid}/"
LIST, RENEW, VERIFY = "/auth/sessions/", "/auth/refresh/", "/auth/verify/"
JSON = "{'content-type': 'application/json'}"
SMUGGLED = """{['{"username": "bob@example.com", "password": "' + password + '", "a": "']: '"}'}"""

ATTACKS = [
    # Forms
    Attack("form", LOGOUT, "form(path)"),
    Attack("form, multipart", LOGOUT, f"form(path, {{}}, {{enctype: '{MULTIPART}'}})"),
    Attack("form, plain", LOGOUT, f"form(path, {{}}, {{enctype: '{PLAIN}'}})"),
    Attack(
        "form in the place of the page", LOGOUT, "form(path, {}, {target: '_self'})", leaves=True
    ),
    Attack("form in a new tab", LOGOUT, "form(path, {}, {target: '_blank'})"),
    Attack("form that tells no referrer", LOGOUT, "form(path, {}, {rel: 'noreferrer'})"),
    Attack(
        "form in a sandbox",
        LOGOUT,
        "orphan(path, (srcdoc) => ({srcdoc, sandbox: 'allow-scripts allow-forms'}))",
        at_home=False,
    ),
    Attack(
        "form in a page of data",
        LOGOUT,
        "orphan(path, (text) => ({src: `data:text/html,${encodeURIComponent(text)}`}))",
        at_home=False,
    ),
    Attack("form in a blank page", LOGOUT, "orphan(path, (srcdoc) => ({srcdoc}))"),
    Attack("form that is sent on", LOGOUT, "form(away)"),
    Attack("form with a guess at Django's token", LOGOUT, "form(path, {csrfmiddlewaretoken: 'x'})"),
    Attack("form: refresh", RENEW, "form(path)"),
    Attack(
        "form: refresh in the place of the page",
        RENEW,
        "form(path, {}, {target: '_self'})",
        leaves=True,
    ),
    Attack("form: refresh, plain", RENEW, f"form(path, {{}}, {{enctype: '{PLAIN}'}})"),
    Attack("form: verify", VERIFY, "form(path)"),
    Attack("form: all sessions", ALL, "form(path)"),
    Attack("form: all sessions, multipart", ALL, f"form(path, {{}}, {{enctype: '{MULTIPART}'}})"),
    Attack("form: the other sessions", OTHERS, "form(path)"),
    Attack("form: one session", ONE, "form(path, {_method: 'DELETE'})", at_home=False),
    Attack("form: a view", "/me/", "form(path)"),
    Attack("form: a view of plain Django", "/hello/", "form(path)"),
    Attack("form: by GET", LOGOUT, "form(path, {}, {method: 'get'})", "GET", at_home=False),
    # The attacker's own session
    Attack("form: login", LOGIN, f"form(path, {BY_BOB})"),
    Attack("form: login, multipart", LOGIN, f"form(path, {BY_BOB}, {{enctype: '{MULTIPART}'}})"),
    Attack("form: login in a new tab", LOGIN, f"form(path, {BY_BOB}, {{target: '_blank'}})"),
    Attack(
        "form: login in the place of the page",
        LOGIN,
        f"form(path, {BY_BOB}, {{target: '_self'}})",
        leaves=True,
    ),
    Attack("form: login without cookies", LOGIN, f"form(path, {{...{BY_BOB}, transport: 'body'}})"),
    Attack(
        "form: login, JSON as plain text",
        LOGIN,
        f"form(path, {SMUGGLED}, {{enctype: '{PLAIN}'}})",
        at_home=False,
    ),
    Attack(
        "form: login by GET",
        LOGIN,
        f"form(path, {BY_BOB}, {{method: 'get'}})",
        "GET",
        at_home=False,
    ),
    Attack("form: logout by a token of one's own", LOGOUT, "form(path, {token})", at_home=False),
    Attack("form: refresh of a token of one's own", RENEW, "form(path, {token})", at_home=False),
    Attack("fetch: login", LOGIN, f"send(path, {{body: new URLSearchParams({BY_BOB})}})"),
    Attack(
        "fetch: login, no CORS",
        LOGIN,
        f"send(path, {{mode: 'no-cors', body: new URLSearchParams({BY_BOB})}})",
    ),
    Attack(
        "fetch: login, JSON",
        LOGIN,
        f"send(path, {{headers: {JSON}, body: JSON.stringify({BY_BOB})}})",
        from_outside="OPTIONS",
    ),
    Attack("beacon: login", LOGIN, f"beacon(path, new URLSearchParams({BY_BOB}))"),
    # Scripts that send
    Attack("fetch", LOGOUT, "send(path)"),
    Attack("fetch, no CORS", LOGOUT, "send(path, {mode: 'no-cors'})"),
    Attack("fetch, no CORS: refresh", RENEW, "send(path, {mode: 'no-cors'})"),
    Attack("fetch: refresh", RENEW, "send(path)"),
    Attack("fetch: verify", VERIFY, "send(path)"),
    Attack("fetch, without cookies", LOGOUT, "send(path, {credentials: 'omit'})", at_home=False),
    Attack("fetch, cookies of its own origin", LOGOUT, "send(path, {credentials: 'same-origin'})"),
    Attack(
        "fetch, of its own origin alone",
        LOGOUT,
        "send(path, {mode: 'same-origin'})",
        from_outside="nothing",
    ),
    Attack("fetch that outlives its page", ALL, "send(path, {mode: 'no-cors', keepalive: true})"),
    Attack(
        "fetch with the headers of a browser",
        LOGOUT,
        "send(path, {mode: 'no-cors', headers: {'sec-fetch-site': 'same-origin', origin: home}})",
    ),
    Attack(
        "fetch of a type of no name",
        LOGOUT,
        "send(path, {mode: 'no-cors', body: new Blob(['a=b'])})",
        at_home=False,
    ),
    Attack(
        "fetch with JSON as plain text",
        RENEW,
        "send(path, {mode: 'no-cors', headers: {'content-type': 'text/plain'}, body: '{}'})",
        at_home=False,
    ),
    Attack(
        "fetch with JSON",
        RENEW,
        f"send(path, {{headers: {JSON}, body: '{{}}'}})",
        from_outside="OPTIONS",
    ),
    Attack(
        "fetch with a header of Django",
        LOGOUT,
        "send(path, {headers: {'x-csrftoken': 'x'}})",
        from_outside="OPTIONS",
    ),
    Attack(
        "fetch: one session",
        ONE,
        "send(path, {method: 'DELETE'})",
        "DELETE",
        from_outside="OPTIONS",
    ),
    Attack("fetch that is sent on", LOGOUT, "send(away, {mode: 'no-cors'})"),
    Attack("XMLHttpRequest", LOGOUT, "ajax('POST', path)"),
    Attack("XMLHttpRequest: refresh", RENEW, "ajax('POST', path)"),
    Attack(
        "XMLHttpRequest: one session", ONE, "ajax('DELETE', path)", "DELETE", from_outside="OPTIONS"
    ),
    Attack("beacon", LOGOUT, "beacon(path)"),
    Attack("beacon: a form", ALL, "beacon(path, new FormData())"),
    Attack(
        "beacon: JSON",
        RENEW,
        "beacon(path, new Blob(['{}'], {type: 'application/json'}))",
        from_outside="OPTIONS",
    ),
    Attack(
        "link that tells of a click",
        LOGOUT,
        "element('a', {href: '#', ping: new URL(path, home).href}).click()",
        at_home=False,
    ),
    # What is read
    Attack("image", LIST, "element('img', {src: home + path})", "GET", at_home=False),
    Attack("video", "/me/", "element('video', {src: home + path})", "GET", at_home=False),
    Attack("script", LIST, "element('script', {src: home + path})", "GET", at_home=False),
    Attack(
        "module",
        LIST,
        "import(home + path).then((it) => note(JSON.stringify(it)), note)",
        "GET",
        at_home=False,
    ),
    Attack(
        "worker",
        LIST,
        "new Worker(home + path).onerror = note",
        "GET",
        from_outside="nothing",
        at_home=False,
    ),
    Attack(
        "style",
        LIST,
        "element('link', {rel: 'stylesheet', href: home + path})",
        "GET",
        at_home=False,
    ),
    Attack(
        "prefetch",
        "/me/",
        "element('link', {rel: 'prefetch', href: home + path})",
        "GET",
        at_home=False,
    ),
    Attack(
        "preload",
        "/hello/",
        "element('link', {rel: 'preload', as: 'fetch', crossOrigin: 'use-credentials', "
        "href: home + path})",
        "GET",
        at_home=False,
    ),
    Attack("frame", "/me/", "frame({src: home + path})", "GET"),
    Attack("frame: the sessions", LIST, "frame({src: home + path})", "GET"),
    Attack("object", "/me/", "element('object', {data: home + path})", "GET"),
    Attack(
        "events",
        "/me/",
        "new EventSource(home + path, {withCredentials: true}).onerror = note",
        "GET",
        at_home=False,
    ),
    Attack("socket", "/me/", "new WebSocket(home + path).onerror = note", "GET", at_home=False),
    Attack("fetch to read", LIST, "send(path, {method: 'GET'})", "GET"),
    Attack("fetch to read, no CORS", "/me/", "send(path, {method: 'GET', mode: 'no-cors'})", "GET"),
    Attack("XMLHttpRequest to read", "/me/", "ajax('GET', path)", "GET"),
    Attack("new tab", "/me/", "visit(path)", "GET"),
    Attack(
        "new tab, with the domain given up",
        LIST,
        "read(() => { document.domain = 'site.localhost'; }); visit(path)",
        "GET",
    ),
    Attack(
        "link", LIST, "element('a', {href: home + path}).click()", "GET", at_home=False, leaves=True
    ),
]


@dataclass
class Victim:
    """The browser of ann, who is logged in at home, and is lured to a page of somebody else."""

    site: Site
    context: BrowserContext
    home: Page
    lure: Page
    ann: Any = None
    bob: Any = None
    """Whose cookie it is to be in the place of hers."""
    token: str = ""
    """One of bob."""
    sid: str = ""
    """The session of this browser: ann has another one."""
    under_way: set[Any] = field(default_factory=set)
    """Requests of the browser that are not over."""
    read: list[str] = field(default_factory=list)
    """All that scripts of the site have read: headers and bodies."""

    def begin(self) -> None:
        """Log ann in, where nothing else is but a session of hers elsewhere, and one of bob."""
        Session.objects.all().delete()
        self.token = sessions.start(self.bob).access_token
        sessions.start(self.ann)
        self.context.clear_cookies()
        self.home.goto(self.url(HOME, "/page/"))
        self.login()
        self.sid = str(Session.objects.filter(user=self.ann).latest("started_at").pk)
        self.check_honest()

    def url(self, host: str, path: str = "") -> str:
        return f"http://{host}:{self.site.port}{path}"

    def ask(self, *requests: tuple[str, str], content: Any = None) -> list[int]:
        """Send requests as a page of the site does, with Django's token for an old browser.

        Return what they were answered with; ``read`` is all that the scripts got.
        """
        answers: list[Any] = self.home.evaluate(
            """([requests, content]) => Promise.all(requests.map(async ([method, url]) => {
                const token = /csrftoken=([^;]*)|$/.exec(document.cookie)[1] ?? '';
                const headers = {'content-type': 'application/json', 'x-csrftoken': token};
                const body = content && JSON.stringify(content);
                const response = await fetch(url, {method, headers, body});
                return [response.status, [...response.headers].join() + await response.text()];
            }))""",
            [requests, content],
        )
        self.read += [text for _, text in answers]
        return [status for status, _ in answers]

    def login(self) -> None:
        credentials = {"username": ANN, "password": PASSWORD}
        assert self.ask(("POST", LOGIN), content=credentials) == [200]

    def check_honest(self) -> None:
        """Ask what a page of the site asks, but for what ends a session."""
        assert self.ask(("GET", "/me/"), ("POST", "/me/"), ("POST", VERIFY)) == [200] * 3
        assert [ANN in text for text in self.read[-3:]] == [True, True, False]

    @property
    def cookies(self) -> list[tuple[str, str, str]]:
        kept = self.context.cookies(self.url(HOME, "/auth/"))
        return sorted((it["name"], it["value"], it["domain"]) for it in kept)

    @property
    def state(self) -> list[Any]:
        """All that an attacker would change."""
        own = Session.objects.filter(user=self.ann)
        tokens = IssuedToken.objects.filter(session__in=own)
        return [
            self.cookies,
            [*own.order_by("pk").values()],
            [*tokens.order_by("pk").values()],
        ]

    def attack(self, attack: Attack, host: str, *, works: bool = False) -> list[str]:
        """Do it from a page of ``host``. Return what came of it, for which to wait if it ``works``.

        Nothing comes of an attack that fails.
        """
        self.last = attack
        before = self.state
        path = attack.path.format(sid=self.sid)
        page = self.url(host, "/attacker.html")
        if self.lure.url != page:
            self.lure.goto(page)
        since = len(self.site.calls)
        self.site.faults = {"/away/": [answer(307, {}, Location=self.url(HOME, path))]}
        self.lure.evaluate(
            f"([origin, path, password, token]) => begin(origin, () => {{ {attack.code}; }})",
            [self.url(HOME), path, PASSWORD, self.token],
        )
        asks = (attack.method if host == HOME else attack.from_outside or attack.method, path)

        def has_arrived() -> bool:
            calls = self.site.calls[since:]
            return asks[0] == "nothing" or asks in [
                (it.method, it.path) for it in calls if it.status
            ]

        self.until(lambda: has_arrived() and not self.under_way)
        if attack.leaves and not works:
            self.lure.wait_for_url(f"{self.url(HOME)}/**")
        if works:
            self.until(lambda: self._came(attack, before))
        came = self._came(attack, before)
        for tab in self.context.pages:
            if tab not in (self.home, self.lure):
                tab.close()
        return came

    def _came(self, attack: Attack, before: list[Any]) -> list[str]:
        loot = "" if attack.leaves else self.lure.evaluate("() => loot()")
        named = zip(("cookies", "sessions", "tokens"), before, self.state, strict=True)
        return [
            *(f"read {it}" for it in SECRETS if it in loot),
            *(f"changed {name}" for name, old, new in named if old != new),
        ]

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.site.calls[-1:]
            # Playwright tells of requests only while it is asked for something.
            self.home.evaluate("() => new Promise((resolve) => setTimeout(resolve, 5))")


@pytest.fixture(scope="module")
def lured(chromium: Browser) -> Iterator[Victim]:
    with serving() as site, chromium.new_context() as context:
        site.files["/attacker.html"] = (PAGES / "attacker.html").read_text()
        victim = Victim(site, context, context.new_page(), context.new_page())
        context.on("request", lambda it: victim.under_way.add(it))
        context.on("requestfinished", lambda it: victim.under_way.discard(it))
        context.on("requestfailed", lambda it: victim.under_way.discard(it))
        yield victim


@pytest.fixture(params=["pair, as recommended"])
def victim(
    lured: Victim, transactional_db: None, settings: Any, request: pytest.FixtureRequest
) -> Victim:
    settings.JWT_REFRESH = SETTINGS[request.param]
    settings.ALLOWED_HOSTS = [".localhost"]
    lured.site.hidden = ()
    lured.ann, lured.bob = make_user(ANN), make_user(BOB)
    lured.begin()
    return lured


in_each = pytest.mark.parametrize("victim", SETTINGS, indirect=True)
BROWSERS = {"today": (), "old": ("HTTP_SEC_FETCH_",)}
each_browser = pytest.mark.parametrize("hidden", BROWSERS.values(), ids=BROWSERS)


@pytest.mark.parametrize(
    ("victim", "host"),
    [
        ("pair, as recommended", OTHER),
        ("pair, as recommended", SIBLING),
        # What a sibling sends has either cookies: SameSite does not concern it.
        ("sliding, sent by everybody", OTHER),
    ],
    indirect=["victim"],
)
@each_browser
def test_no_page_of_somebody_else_succeeds(
    victim: Victim, hidden: tuple[str, ...], host: str
) -> None:
    victim.site.hidden = hidden
    came, honest = {}, []
    for attack, asked in zip(
        ATTACKS, cycle([("GET", "/me/"), ("POST", "/me/"), ("POST", VERIFY)]), strict=False
    ):
        came[attack.name] = victim.attack(attack, host)
        honest += victim.ask(asked)
    assert honest == [200] * len(came) == [200] * len(ATTACKS)
    assert {name: outcome for name, outcome in came.items() if outcome} == {}
    assert victim.ask(("POST", RENEW)) == [200]
    victim.check_honest()
    assert victim.ask(("POST", LOGOUT)) == [204]


def test_on_a_page_of_the_site_they_would(victim: Victim) -> None:
    came = {}
    for attack in ATTACKS:
        came[attack.name] = victim.attack(attack, HOME, works=attack.at_home)
        if came[attack.name]:
            victim.begin()
    assert {name for name, it in came.items() if it} == {it.name for it in ATTACKS if it.at_home}


# Cookies of a sibling

PLANTED = [
    "{name}={token}; Domain=site.localhost; Path=/; Secure",
    "{name}={token}; Domain=site.localhost; Path=/",
    "{name}={token}; Domain=site.localhost; Path=/me/; Secure",
    "{name}={token}; Domain=site.localhost; Path=/auth/; Secure; SameSite=None",
    "{name}={token}; Domain=app.site.localhost; Path=/; Secure",
    "{name}={token}; Path=/; Secure",
    "{name}=; Domain=site.localhost; Path=/; Secure; Max-Age=0",
    "={name}={token}; Domain=site.localhost; Path=/; Secure",
    "\u2000{name}={token}; Domain=site.localhost; Path=/; Secure",
    " {name} ={token}; Domain=site.localhost; Path=/me/; Secure",
    "{upper}={token}; Domain=site.localhost; Path=/; Secure",
    "a={token}{name}={token}; Domain=site.localhost; Path=/; Secure",
]
"""As a script of a sibling sets cookies, for all hosts of its domain."""


def plant(victim: Victim, *cookies: str, name: str) -> None:
    victim.lure.goto(victim.url(SIBLING, "/attacker.html"))
    given = {"name": name, "upper": name.upper(), "token": victim.token}
    texts = [cookie.format(**given) for cookie in cookies]
    victim.lure.evaluate("(texts) => texts.forEach((it) => { document.cookie = it; })", texts)


@each_browser
@pytest.mark.parametrize("cookie", PLANTED)
def test_no_sibling_sets_a_cookie_of_the_recommended_names(
    victim: Victim, hidden: tuple[str, ...], cookie: str
) -> None:
    victim.site.hidden = hidden
    own, rows = victim.cookies, victim.state[1:]
    for name in (ACCESS, REFRESH):
        plant(victim, cookie, name=name)
    assert [it for it in victim.cookies if it[0] in (ACCESS, REFRESH)] == [
        it for it in own if it[0] in (ACCESS, REFRESH)
    ]
    victim.check_honest()
    assert victim.state[1:] == rows
    assert victim.ask(("POST", RENEW)) == [200]
    assert victim.ask(("POST", LOGOUT)) == [204]
    # And whoever is not logged in is nobody.
    assert victim.ask(("GET", "/me/"), ("POST", RENEW)) == [401, 401]


@pytest.mark.parametrize("victim", ["sliding, sent by everybody"], indirect=True)
@each_browser
@pytest.mark.parametrize("cookie", PLANTED[:4])
def test_beside_ones_own_no_cookie_of_a_sibling_counts(
    victim: Victim, hidden: tuple[str, ...], cookie: str
) -> None:
    """It can lock its victim out, but not put a session of its own under his hands."""
    victim.site.hidden = hidden
    rows = victim.state[1:]
    plant(victim, cookie, name="access")
    victim.ask(("GET", "/me/"), ("POST", "/me/"), ("POST", VERIFY), ("POST", RENEW))
    assert not any(BOB in text for text in victim.read)
    assert 400 in victim.ask(("GET", "/me/"), ("POST", VERIFY))
    assert len(victim.state[1]) == len(rows[0])
    assert victim.ask(("POST", LOGOUT)) == [204]
    assert Session.objects.filter(user=victim.ann).live().count() == 1


@in_each
@each_browser
@pytest.mark.parametrize("where", ["Path=/", "Path=/auth/"])
def test_no_sibling_sets_the_token_of_django_for_a_form(
    victim: Victim, hidden: tuple[str, ...], where: str
) -> None:
    victim.site.hidden = hidden
    plant(victim, f"csrftoken={'x' * 32}; Domain=site.localhost; {where}", name="")
    field = f"csrfmiddlewaretoken: '{'x' * 32}'"
    for path, more in ((LOGOUT, "{}"), (RENEW, "{}"), (ALL, "{}"), (LOGIN, BY_BOB)):
        attack = Attack("form", path, f"form(path, {{...{more}, {field}}})")
        assert victim.attack(attack, SIBLING) == []


def test_a_sibling_that_fills_the_store_puts_nobody_else_there(victim: Victim) -> None:
    """A browser keeps so many cookies of one domain, and drops others: which, it decides."""
    many = [f"a{n}={n}; Domain=site.localhost; Path=/x; Secure" for n in range(400)]
    plant(victim, *many, PLANTED[0], name=ACCESS)
    assert victim.ask(("GET", "/me/")) in ([200], [401])
    assert BOB not in victim.read[-1]
    assert Session.objects.filter(user=victim.ann).live().count() == 2


# What others show, and what scripts read


@pytest.mark.parametrize("host", [OTHER, SIBLING])
@pytest.mark.parametrize("denied", [True, False])
def test_the_admin_is_shown_in_no_frame(
    victim: Victim, settings: Any, host: str, denied: bool
) -> None:
    """As in the example project, which has Django's middleware."""
    if denied:
        denying = "django.middleware.clickjacking.XFrameOptionsMiddleware"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, denying]
    victim.site.stop()
    victim.site.start()
    victim.attack(Attack("frame", "/admin/login/", "frame({src: home + path})", "GET"), host)
    victim.until(lambda: victim.lure.frames[1].url not in ("", "about:blank"))
    assert victim.lure.frames[1].url.startswith("chrome-error:") is denied


@in_each
def test_no_script_of_the_site_reads_a_token(victim: Victim) -> None:
    victim.lure.goto(victim.url(HOME, "/attacker.html"))
    victim.ask(("GET", LIST), ("POST", RENEW), ("POST", "/auth/nothing/"), ("PUT", "/me/"))
    victim.login()
    kept = victim.home.evaluate("""async () => JSON.stringify([
        document.cookie, {...localStorage}, {...sessionStorage}, await cookieStore.getAll(),
        await caches.keys(), await indexedDB.databases(), performance.getEntries(),
    ])""")
    name, value, _ = victim.cookies[0]
    assert value.startswith("eyJ")
    assert "csrftoken" in kept
    for text in (*victim.read, kept):
        assert not segments_in(text)
        assert value.split(".")[2] not in text
        assert name not in text
    victim.ask(("POST", LOGOUT))
    assert name not in "".join(victim.read)


def test_no_script_of_the_site_writes_one(victim: Victim) -> None:
    """Not even one that got into it, for names that begin with ``__Host-Http-``."""
    before = victim.state
    for name in (ACCESS, REFRESH):
        for age in ("", "; Max-Age=0"):
            victim.home.evaluate(
                "(text) => { document.cookie = text; }",
                f"{name}={victim.token}; Path=/; Secure{age}",
            )
    assert victim.state == before
