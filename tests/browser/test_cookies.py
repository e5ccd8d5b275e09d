"""The session is in cookies that no script reads; tabs share when it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwt_refresh.models import Session
from tests.browser.conftest import Open
from tests.browser.profile import DUE, LIFETIME, Profile, Tab
from tests.browser.serving import answer, lose
from tests.support.browsing import STYLES

pytestmark = pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)


@pytest.fixture(autouse=True)
def _cookies(style: str, settings: Any) -> None:
    settings.JWT_REFRESH = STYLES[style] | {"LIFETIME": timedelta(seconds=LIFETIME)}


def logged_in(profile: Profile, **options: Any) -> Tab:
    tab = profile.tab(storage="cookie", **options)
    tab.login("ann")
    return tab


def test_no_script_sees_a_token(browse: Open, style: str) -> None:
    profile = browse()
    tab = logged_in(profile)
    assert tab.call() == 200
    assert tab.call("/me/", {"method": "POST"}) == 200
    profile.elapse(DUE)
    assert tab.state["generation"] == 1
    assert tab.call() == 200
    assert "eyJ" not in tab.stored
    assert "eyJ" not in tab.run("() => JSON.stringify(window.heard)")
    assert {call.token for call in profile.site.calls} == {""}
    cookies = profile.context.cookies()
    assert [cookie["httpOnly"] for cookie in cookies] == [True] * (2 if style == "pair" else 1)


@pytest.mark.parametrize("wrong", [[], ["no lock is granted"], ["nothing can be stored"]])
def test_five_tabs_share_it_over_many_lifetimes(browse: Open, wrong: list[str]) -> None:
    profile = browse(*wrong)
    tabs = [profile.tab(storage="cookie") for _ in range(5)]
    tabs[0].login("ann")
    for generation in range(1, 9):
        profile.reach(generation, *tabs)
        assert {tab.call() for tab in tabs} == {200}
    assert {call.status for call in profile.site.refreshes} == {200}
    assert len(profile.site.refreshes) == 8
    assert Session.objects.live().count() == 1


def test_a_lost_answer_is_asked_for_again(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next("/auth/refresh/", lose, answer(503, {}))
    profile.reach(1, tab)
    assert len({call.key for call in profile.site.refreshes}) == 1
    assert tab.call() == 200


def test_a_logout_takes_the_cookies_and_reaches_the_other_tabs(browse: Open) -> None:
    profile = browse()
    tab, other = logged_in(profile), profile.tab(storage="cookie")
    assert other.call() == 200
    assert tab.logout()
    profile.until(lambda: other.status == ("anonymous", "logout"))
    assert profile.context.cookies() == []
    assert not Session.objects.live().exists()
    assert other.call() == 401


def test_a_logout_during_a_refresh_wins(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    held = profile.hold("/auth/refresh/", answered=True)
    assert tab.logout()
    held.let_go()
    profile.settle()
    assert tab.status == ("anonymous", "logout")
    assert tab.call() == 401


def test_an_end_is_told_with_its_reason(browse: Open) -> None:
    profile = browse()
    tab, other = logged_in(profile), profile.tab(storage="cookie")
    Session.objects.get().user.delete()
    assert tab.call() == 401
    profile.until(lambda: {it.status[0] for it in (tab, other)} == {"ended"})
    assert tab.status == other.status


def test_an_end_that_takes_the_cookies_along_is_noticed(browse: Open) -> None:
    profile = browse()
    tab, other = logged_in(profile), profile.tab(storage="cookie")
    assert tab.call("/auth/logout/all/", {"method": "POST"}) == 204
    assert profile.context.cookies() == []
    tab.start("window.call('/me/')")
    profile.until(lambda: tab.done, profile.next)
    assert tab.done == {"it": 401}
    assert tab.status == ("ended", "token_missing")
    profile.until(lambda: other.status == ("ended", "token_missing"))
    assert len(profile.site.refreshes) == 1


def test_a_page_whose_store_is_empty_finds_the_session_by_its_cookies(
    browse: Open, style: str
) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.close(tab)
    tab = profile.tab(storage="cookie")
    tab.run("() => { window.session.dispose(); localStorage.clear(); }")
    tab.load()
    assert tab.status == ("anonymous", None)
    assert tab.call() == 200
    profile.site.next("/me/", answer(401, {"code": "token_missing"}))
    assert tab.call() == 200
    assert tab.status == ("active", None)
    profile.elapse(DUE)
    assert tab.state["generation"] == 2


def test_a_visitor_is_asked_for_once(browse: Open) -> None:
    profile = browse()
    tab = profile.tab(storage="cookie")
    assert (tab.call(), tab.call()) == (401, 401)
    assert len(profile.site.refreshes) == 1
    assert tab.status == ("anonymous", None)
    assert tab.logout()
    tab.login("ann")
    assert tab.call() == 200
