"""The end of a session reaches all tabs, with its reason; nothing brings it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth import get_user_model

from jwt_refresh import sessions
from jwt_refresh.models import Session
from tests.browser.conftest import Open
from tests.browser.profile import DUE, Profile
from tests.browser.serving import Site, answer

both = pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)


def deactivate(site: Site) -> None:
    get_user_model()._default_manager.update(is_active=False)


def set_password(site: Site) -> None:
    user: Any = get_user_model()._default_manager.get()
    user.set_password("another")
    user.save()


def revoke(site: Site) -> None:
    sessions.revoke(Session.objects.get(), "by an administrator")


def refresh(site: Site, token: str) -> Any:
    """Refresh as a thief does, from somewhere else; return the code, or nothing."""
    body = json.dumps({"token": token}).encode()
    request = Request(f"{site.url}/auth/refresh/", body, {"Content-Type": "application/json"})
    try:
        with urlopen(request):
            return None
    except HTTPError as error:
        with error:
            return json.load(error)["code"]


def all_know(profile: Profile, status: str, reason: str) -> None:
    profile.until(lambda: {tab.status for tab in profile.tabs} == {(status, reason)})


@both
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (revoke, "session_revoked"),
        (deactivate, "user_inactive"),
        (set_password, "password_changed"),
    ],
)
@pytest.mark.parametrize("noticed", ["by a call", "by a refresh"])
def test_an_end_is_known_in_all_tabs_and_after_a_reload(
    browse: Open, end: Callable[[Site], None], reason: str, noticed: str
) -> None:
    profile = browse()
    one, other = profile.tab(), profile.tab()
    one.login("ann")
    other.page.bring_to_front()
    end(profile.site)
    if noticed == "by a call":
        assert one.call() == 401
    else:
        profile.elapse(DUE)
    all_know(profile, "ended", reason)
    assert len(profile.site.refreshes) == 1
    assert [state["reason"] for state in other.heard][-1] == reason
    assert other.load().status == ("ended", reason)
    assert "eyJ" not in one.stored
    assert one.call() == 401
    profile.elapse(DUE)
    assert len(profile.site.refreshes) == 1
    assert profile.site.calls[-1].token == ""


@both
@pytest.mark.parametrize("first", ["thief", "owner"])
def test_a_theft_ends_the_session_everywhere(browse: Open, first: str) -> None:
    profile = browse()
    one, _other = profile.tab(), profile.tab()
    one.login("ann")
    stolen = one.token
    if first == "thief":
        assert refresh(profile.site, stolen) is None
        profile.elapse(100)
        # He goes on with it, and the owner comes with the old one.
        Session.objects.update(confirmed_at=Session.objects.get().rotated_at)
    else:
        profile.until(lambda: one.state["generation"] == 1, profile.next)
        assert one.call() == 200
        profile.elapse(40)
        assert refresh(profile.site, stolen) == "token_reused"
        assert one.call() == 401
    reason = "token_reused" if first == "thief" else "session_revoked"
    profile.until(lambda: one.status == ("ended", reason), profile.next)
    all_know(profile, "ended", reason)
    assert one.load().status == ("ended", reason)


@both
@pytest.mark.parametrize(
    "wrong", [[], ["there is no channel"], ["nothing can be stored"], ["there are no locks"]]
)
def test_a_logout_reaches_the_other_tabs(browse: Open, wrong: list[str]) -> None:
    profile = browse(*wrong)
    tabs = [profile.tab() for _ in range(3)]
    tabs[0].login("ann")
    profile.until(lambda: {tab.status for tab in tabs} == {("active", None)})
    assert tabs[1].call() == 200
    assert tabs[1].logout()
    all_know(profile, "anonymous", "logout")
    assert not Session.objects.live().exists()
    assert tabs[0].call() == 401
    assert profile.site.calls[-1].token == ""
    assert "eyJ" not in tabs[0].stored


def test_a_tab_that_heard_nothing_of_a_logout_reads_it(browse: Open) -> None:
    profile = browse()
    one, deaf = profile.tab(), profile.tab()
    one.login("ann")
    assert deaf.call() == 200
    deaf.run("() => window.fallAsleep()")
    assert one.logout()
    assert deaf.state["status"] == "active"
    assert deaf.call() == 401
    assert profile.site.of("/me/")[-1].token == ""
    assert deaf.status == ("anonymous", "logout")


@both
def test_a_logout_during_a_refresh_wins(browse: Open) -> None:
    profile = browse()
    one, other = profile.tab(), profile.tab()
    one.login("ann")
    held = profile.hold("/auth/refresh/", answered=True)
    assert other.logout()
    held.let_go()
    profile.settle()
    all_know(profile, "anonymous", "logout")
    assert "eyJ" not in one.stored
    assert not Session.objects.live().exists()


def test_a_login_during_a_refresh_wins(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    held = profile.hold("/auth/refresh/", answered=True)
    tab.login("ann")
    token = tab.token
    held.let_go()
    profile.settle()
    assert tab.token == token
    assert tab.call() == 200


def test_a_refusal_that_comes_after_a_login_ends_nothing(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    revoke(profile.site)
    held = profile.hold("/auth/refresh/", answered=True)
    tab.login("ann")
    held.let_go()
    profile.settle()
    assert tab.status == ("active", None)
    assert tab.call() == 200


@pytest.mark.parametrize("answers", [[500], [500, 500, 500]])
def test_a_logout_that_the_server_did_not_hear_of(browse: Open, answers: list[int]) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    profile.site.next("/auth/logout/", *[answer(status, {}) for status in answers])
    tab.start("window.session.logout()")
    profile.until(lambda: tab.done, profile.next)
    assert tab.done == {"it": len(answers) < 3}
    assert tab.status == ("anonymous", "logout")
    assert "eyJ" not in tab.stored


def test_a_logout_that_cannot_be_written_leaves_no_token(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    tab.run("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    assert tab.logout()
    assert "eyJ" not in tab.stored
    tab.run("() => { Storage.prototype.removeItem = Storage.prototype.setItem; }")
    tab.run("() => window.dispatchEvent(new Event('focus'))")
    assert tab.status == ("anonymous", "logout")


def test_nobody_is_logged_out_who_is_not_logged_in(browse: Open) -> None:
    tab = browse().tab()
    assert tab.logout()
    assert tab.status == ("anonymous", None)
    assert tab.call() == 401


def test_a_login_is_heard_in_the_other_tabs(browse: Open) -> None:
    profile = browse()
    one, other = profile.tab(), profile.tab()
    assert one.login("ann")["status"] == "active"
    profile.until(lambda: other.status == ("active", None))
    assert other.call() == 200
    assert [state["status"] for state in other.heard] == ["active"]
    assert other.heard[0]["expiresAt"] == one.state["expiresAt"]


@pytest.mark.parametrize("back", [0, 3600])
def test_a_login_after_a_logout_counts_whatever_the_clock_says(browse: Open, back: int) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    assert tab.logout()
    tab.run("(back) => { const now = Date.now; Date.now = () => now() - back * 1000; }", back)
    assert tab.login("ann")["status"] == "active"
    assert tab.call() == 200


def test_a_new_login_ends_the_session_before(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    tab.login("ann")
    profile.settle()
    assert Session.objects.live().count() == 1
    assert tab.call() == 200


def test_a_login_that_is_refused_says_why(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    caught = """async (credentials) => {
        const error = await window.session.login(credentials).catch((it) => it);
        return [error.status, error.code, error.message === error.answer.detail];
    }"""
    wrong = {"username": "ann", "password": "wrong"}
    assert tab.run(caught, wrong) == [401, "invalid_credentials", True]
    assert tab.status == ("anonymous", None)
    profile.site.next("/auth/login/", answer(502, "<h1>Bad gateway</h1>"))
    assert tab.run(caught, wrong)[:2] == [502, None]


def test_what_is_disposed_of_does_no_more_by_itself(browse: Open) -> None:
    profile = browse()
    tab, other = profile.tab(), profile.tab()
    tab.login("ann")
    held = profile.hold("/auth/refresh/", answered=True)
    tab.run("() => window.session.dispose()")
    other.run("() => window.session.dispose()")
    held.let_go()
    profile.settle()
    assert Session.objects.live().count() == 1
    heard = tab.heard
    profile.elapse(DUE)
    assert len(profile.site.refreshes) == 1
    assert tab.heard == heard
    # The token that came is not lost: whoever opens the page next goes on with it.
    assert tab.load().status == ("active", None)
    profile.until(lambda: tab.state["generation"] == 2, profile.next)
    assert tab.call() == 200


def test_a_listener_may_leave_or_throw(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.run("""() => {
        window.session.subscribe(() => { throw new Error("mine"); });
        window.leave = window.session.subscribe(() => { window.count = (window.count ?? 0) + 1; });
    }""")
    tab.login("ann")
    tab.run("() => window.leave()")
    assert tab.logout()
    assert tab.run("() => window.count") == 1
    assert [state["status"] for state in tab.heard] == ["active", "anonymous"]
    profile.until(lambda: len(tab.complaints) == 2)
    tab.complaints.clear()
