"""A session that is bound to a key of its browser, by ``bound.js`` (docs/bound-sessions.md).

The page of these tests has a strict Content-Security-Policy.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import time_machine
from pytest_django import Settings

from jwt_refresh.models import IssuedToken, Session
from tests.browser.conftest import FLAGS, Open, path_of_chromium
from tests.browser.profile import DUE, LIFETIME, Profile, Tab
from tests.browser.serving import Call, Site, answer, lose, proceed
from tests.support.browsing import STYLES
from tests.support.documents import TEXTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

both_styles = pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)
NONCE = answer(
    401,
    {"code": "token_invalid"},
    DPoP_Nonce="n1",
    WWW_Authenticate='DPoP error="use_dpop_nonce", algs="ES256"',
)


@pytest.fixture(params=["all"])
def mode(request: pytest.FixtureRequest, style: str, settings: Settings) -> str:
    """The setting ``DPOP``."""
    chosen: str = request.param
    settings.JWT_REFRESH = {**settings.JWT_REFRESH, "DPOP": chosen}
    return chosen


both_modes = pytest.mark.parametrize("mode", ["refresh", "all"], indirect=True)
both_of_both = pytest.mark.parametrize(
    ("style", "mode"), [("sliding", "all"), ("pair", "refresh")], indirect=True
)


def open_bound(profile: Profile) -> Tab:
    return profile.tab(bind=True, storage=None)


def stored(tab: Tab) -> dict[str, Any]:
    """What the browser keeps of the session, but for the key."""
    return dict(json.loads(tab.run("async () => (await kept()).text")))


def statuses(calls: list[Call]) -> list[int]:
    return [call.status for call in calls]


def claims(call: Call) -> dict[str, Any]:
    return dict(jwt.decode(call.proof, options={"verify_signature": False}))


def answered(profile: Profile, tab: Tab) -> int:
    """Call the API, and let time pass as long as that waits; return the status."""
    tab.start("window.call('/me/')")
    profile.until(lambda: tab.done, profile.next)
    return int(tab.done["it"])


@both_modes
@both_styles
def test_tabs_share_a_key_and_its_token(
    browse: Open, mode: str, style: str, caplog: pytest.LogCaptureFixture
) -> None:
    profile = browse()
    site = profile.site
    console: list[str] = []
    profile.context.on(
        "console", lambda it: console.append(it.text) if it.type == "error" else None
    )
    first = open_bound(profile)
    assert first.login("ann")["status"] == "active"
    tabs = [first, *(open_bound(profile) for _ in range(2))]
    for generation in range(1, 4):
        profile.reach(generation, *tabs)
        assert [tab.call() for tab in tabs] == [200] * 3
        tabs[generation % 3].load()
    session = Session.objects.live().get()
    assert session.jkt
    assert IssuedToken.objects.count() == 4
    # Each refresh is told a nonce, and so takes two requests: whichever tab does it.
    assert statuses(site.refreshes) == [401, 200] * 3
    assert all("401" in text for text in console), "the browser itself tells of each"
    assert {bool(call.proof) for call in site.of("/me/")} == {mode == "all"}
    assert tabs[1].logout()
    profile.settle()
    assert {tab.status for tab in tabs} == {("anonymous", "logout")}
    assert "eyJ" not in json.dumps(stored(first))
    assert [it for it in caplog.records if it.levelname == "ERROR"] == []


def test_the_page_in_the_documents(browse: Open, mode: str) -> None:
    (script,) = re.findall(r"```js\n(.*?)```", TEXTS["docs/bound-sessions.md"], re.DOTALL)
    profile = browse()
    profile.site.files["/recipe.js"] = f"{script}\nexport {{ session }};"
    tab = profile.tab()
    tab.run("async () => { window.session = (await import('/recipe.js')).session; }")
    tab.login("ann")
    profile.reach(1, tab)
    assert tab.call() == 200
    assert Session.objects.get().jkt


def test_each_request_has_a_proof_of_its_own(browse: Open, mode: str) -> None:
    profile = browse()
    site = profile.site
    tab = open_bound(profile)
    tab.login("ann")
    for _ in range(2):
        assert tab.call("/me/?a=1#b", {"method": "POST", "body": "text"}) == 200
    first, second = (claims(call) for call in site.of("/me/"))
    assert first["htu"] == second["htu"] == f"{site.url}/me/"
    assert first["htm"] == "POST"
    assert first["ath"] == second["ath"] != ""
    assert first["jti"] != second["jti"]
    assert "ath" not in claims(site.of("/auth/login/")[0])


def test_a_restart_of_the_browser(
    chromium: Browser,
    site: Site,
    mode: str,
    clock: time_machine.Traveller,
    tmp_path: Path,
) -> None:
    seen = []
    for run in range(3):
        with chromium.browser_type.launch_persistent_context(
            tmp_path, executable_path=path_of_chromium(), args=FLAGS
        ) as context:
            profile = Profile(context, site, clock, 0, [])
            tab = open_bound(profile)
            if not run:
                tab.login("ann")
            profile.elapse(DUE)
            assert tab.call() == 200
            seen.append((tab.status, tab.state["generation"]))
            assert tab.complaints == []
    assert seen == [(("active", None), run + 1) for run in range(3)]
    assert Session.objects.count() == 1


def test_the_key_cannot_be_exported(browse: Open, mode: str) -> None:
    tab = open_bound(browse())
    tab.login("ann")
    found = tab.run("""async () => {
        const { privateKey } = (await kept()).key;
        const refused = ["jwk", "pkcs8", "raw"].map((format) =>
            crypto.subtle.exportKey(format, privateKey).catch((error) => error.name));
        return [privateKey.extractable, privateKey.usages, await Promise.all(refused)];
    }""")
    assert found == [False, ["sign"], ["InvalidAccessError"] * 3]
    assert "eyJ" not in tab.stored


@both_of_both
def test_a_token_without_its_key_is_refused_and_the_owner_goes_on(browse: Open, mode: str) -> None:
    owner, thief = browse(), browse()
    tab, stranger = open_bound(owner), open_bound(thief)
    tab.login("ann")
    text = json.dumps(stored(tab))
    stranger.run("async (text) => keep({ ...(await kept()), text })", text)
    assert stranger.load().status == ("active", None)
    # With "refresh" the access token is a bearer token: it works until its end.
    assert answered(thief, stranger) == (200 if mode == "refresh" else 401)
    owner.reach(1, tab)
    thief.context.clock.fast_forward(1000 * LIFETIME)
    thief.until(lambda: stranger.status == ("ended", "token_invalid"))
    assert stranger.call() == 401
    owner.reach(2, tab)
    assert tab.call() == 200
    assert statuses(owner.site.refreshes).count(200) == 2
    assert Session.objects.live().count() == 1


@both_of_both
def test_a_lost_answer_is_asked_for_again(browse: Open, mode: str) -> None:
    profile = browse()
    site = profile.site
    tab = open_bound(profile)
    tab.login("ann")
    site.next("/auth/refresh/", proceed, lose, proceed, lose)
    profile.reach(1, tab)
    assert tab.call() == 200
    # Twice lost; the nonce that is known by then needs no further round.
    assert statuses(site.refreshes)[:2] == [401, 0]
    assert IssuedToken.objects.count() == 2
    assert len({call.key for call in site.refreshes}) == 1


@both_of_both
def test_an_old_token_gets_the_current_one(browse: Open, mode: str, style: str) -> None:
    """As after a backup of the browser's files, or a write that a crash has lost."""
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    tab.run("async () => { window.old = await kept(); }")
    for generation in range(1, 4):
        profile.reach(generation, tab)
    current = stored(tab)
    tab.run("async () => { await keep(window.old); session.dispose(); }")
    tab.load()
    assert tab.state["generation"] == 0
    assert tab.call() == 200
    # In pair style with a new access token.
    kind = "refresh" if style == "pair" else "access"
    assert stored(tab)[kind] == current[kind]
    assert Session.objects.live().count() == 1
    assert IssuedToken.objects.count() == 4


def test_storage_that_was_cleared_is_a_login_told_as_such(browse: Open, mode: str) -> None:
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    tab.run("() => clear()")
    assert tab.load().status == ("ended", "key_lost")
    assert tab.call() == 401
    assert open_bound(profile).status == ("ended", "key_lost")
    assert tab.load().status == ("ended", "key_lost")
    tab.login("ann")
    assert {each.load().status for each in profile.tabs} == {("active", None)}
    assert tab.logout()
    tab.run("() => clear()")
    assert tab.load().status == ("anonymous", None)


def test_a_record_without_its_key_is_no_session(browse: Open, mode: str) -> None:
    """As a browser reads it whose store of keys was lost."""
    tab = open_bound(browse())
    tab.login("ann")
    tab.run("async () => keep({ ...(await kept()), key: null })")
    assert tab.load().status == ("ended", "key_lost")


def test_all_that_the_browser_kept_is_gone(browse: Open, mode: str) -> None:
    tab = open_bound(browse())
    tab.login("ann")
    tab.run("async () => { await clear(); localStorage.clear(); }")
    assert tab.load().status == ("anonymous", None)


def test_a_tab_that_has_the_key_goes_on_and_writes_it_again(browse: Open, mode: str) -> None:
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    tab.run("() => clear()")
    other = open_bound(profile)
    assert other.status == ("ended", "key_lost")
    assert tab.call() == 200
    other.run("() => window.dispatchEvent(new Event('focus'))")
    profile.settle()
    assert other.state["status"] == "active"
    assert other.call() == 200
    profile.reach(1, tab, other)
    assert Session.objects.live().count() == 1


@pytest.mark.parametrize("garbage", [None, '{"login": "1", "n": 0}', 7])
def test_what_others_left_in_the_database_is_not_read(
    browse: Open, mode: str, garbage: object
) -> None:
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    tab.run("async (text) => keep({ ...(await kept()), text })", garbage)
    assert tab.call() == 200
    assert stored(tab)["n"] == 0
    assert tab.load().status == ("active", None)


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_a_wrong_clock_locks_nobody_out(browse: Open, mode: str, ahead: int) -> None:
    profile = browse(ahead=ahead)
    site = profile.site
    tab = open_bound(profile)
    tab.login("ann")
    assert statuses(site.of("/auth/login/")) == [401, 200]
    assert [tab.call(), tab.call()] == [200, 200]
    # The nonce of the login does for a while.
    assert statuses(site.of("/me/")) == [200, 200]
    profile.reach(1, tab)
    assert tab.call() == 200
    profile.begin(200)
    assert tab.call() == 200
    assert statuses(site.of("/me/"))[-2:] == [401, 200]


def test_a_nonce_is_asked_for_once(browse: Open, mode: str) -> None:
    profile = browse()
    site = profile.site
    tab = open_bound(profile)
    site.next("/auth/login/", NONCE, NONCE)
    refused = tab.run(
        "() => session.login({username: 'ann', password: 'x'}).catch((error) => error.status)"
    )
    assert refused == 401
    first, second = (claims(call) for call in site.of("/auth/login/"))
    assert ("nonce" in first, second["nonce"]) == (False, "n1")
    assert first["jti"] != second["jti"]
    assert tab.login("ann")["status"] == "active"
    site.next("/me/", NONCE, answer(200, {}))
    assert tab.call("/me/", {"method": "POST", "body": "text"}) == 200
    assert [call.body for call in site.of("/me/")] == ["text", "text"]


def test_a_refusal_for_another_reason_is_not_asked_again(browse: Open, mode: str) -> None:
    profile = browse()
    tab = open_bound(profile)
    wrong = "() => session.login({username: 'ann', password: 'x'}).catch((error) => error.code)"
    assert tab.run(wrong) == "invalid_credentials"
    assert statuses(profile.site.of("/auth/login/")) == [401]


@pytest.mark.parametrize(
    "wrong", ["there are no locks", "no lock is granted", "there is no channel"]
)
def test_tabs_that_refresh_at_once(browse: Open, mode: str, wrong: str) -> None:
    profile = browse(wrong)
    first = open_bound(profile)
    first.login("ann")
    tabs = [first, *(open_bound(profile) for _ in range(4))]
    for generation in range(1, 4):
        profile.elapse(DUE)
        assert {tab.call() for tab in tabs} == {200}
        assert {tab.state["generation"] for tab in tabs} == {generation}
    assert Session.objects.live().count() == 1
    assert tabs[2].logout()
    assert [tab.call() for tab in tabs] == [401] * 5
    assert [tab.status for tab in tabs] == [("anonymous", "logout")] * 5


def test_another_login_takes_the_place_of_the_first(browse: Open, mode: str) -> None:
    profile = browse()
    tab, other = open_bound(profile), open_bound(profile)
    tab.login("ann")
    other.login("ann")
    profile.settle()
    assert {it.call() for it in profile.tabs} == {200}
    assert stored(tab)["access"] == profile.site.of("/me/")[-1].token.removeprefix("DPoP ")
    assert Session.objects.live().count() == 1


def test_without_a_database_the_session_is_the_pages(browse: Open, mode: str) -> None:
    profile = browse("there is no database")
    tab, other = open_bound(profile), open_bound(profile)
    tab.login("ann")
    # Which has another key, and so could do nothing with the token that it hears of.
    profile.reach(1, tab)
    assert other.status == ("anonymous", None)
    assert tab.call() == 200
    assert tab.load().status == ("ended", "key_lost")


def test_a_storage_that_fails_tells_of_no_lost_key(browse: Open, mode: str) -> None:
    profile = browse("nothing can be stored", "nothing can be read")
    tab = open_bound(profile)
    tab.login("ann")
    assert tab.load().call() == 200
    tab.run("() => clear()")
    assert tab.load().status == ("anonymous", None)


@pytest.mark.parametrize("mode", ["off"], indirect=True)
def test_a_server_that_binds_nothing(browse: Open, mode: str) -> None:
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    profile.reach(1, tab)
    assert tab.load().call() == 200
    assert Session.objects.get().jkt == ""


@pytest.mark.parametrize("mode", ["refresh"], indirect=True)
@both_styles
def test_tokens_in_cookies(browse: Open, mode: str, style: str, settings: Settings) -> None:
    settings.JWT_REFRESH = {**STYLES[style], **settings.JWT_REFRESH}
    profile = browse()
    tab = profile.tab(bind=True, storage="cookie")
    tab.login("ann")
    profile.reach(1, tab)
    assert tab.load().call() == 200
    profile.reach(2, tab)
    assert Session.objects.live().get().jkt
    assert tab.logout()


def test_no_other_origin_gets_a_proof(browse: Open, mode: str) -> None:
    profile = browse()
    tab = open_bound(profile)
    tab.login("ann")
    url = profile.site.url.replace("localhost", "127.0.0.1")
    tab.run("(url) => session.fetch(url + '/me/', {mode: 'no-cors'})", url)
    (call,) = profile.site.of("/me/")
    assert (call.proof, call.token, call.method) == ("", "", "GET")
