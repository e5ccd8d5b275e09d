"""Whatever goes wrong with a refresh, the session goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from jwt_refresh.models import IssuedToken, Session
from tests.browser.conftest import Open
from tests.browser.profile import ANSWER_LIMIT, DUE, FLIGHT, LIFETIME, Profile, Tab
from tests.browser.serving import Fault, answer, lose

REFRESH = "/auth/refresh/"
pair = pytest.mark.parametrize("style", ["pair"], indirect=True)
both = pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)


def logged_in(profile: Profile, **options: Any) -> Tab:
    tab = profile.tab(**options)
    tab.login("ann")
    return tab


def half(environ: Any, proceed: Any) -> Any:
    """Cut the answer off in its middle."""
    return 0, proceed()[:20]


@both
@pytest.mark.parametrize("fault", [lose, half])
@pytest.mark.parametrize("times", [1, 4])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    browse: Open, fault: Fault, times: int
) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next(REFRESH, *[fault] * times)
    profile.reach(1, tab)
    asked = profile.site.refreshes
    assert len(asked) == times + 1
    assert len({call.key for call in asked}) == len({call.body for call in asked}) == 1
    assert IssuedToken.objects.count() == 2
    assert tab.call() == 200
    profile.elapse(DUE)
    assert tab.state["generation"] == 2
    assert profile.site.refreshes[-1].key not in {"", asked[0].key}


@pytest.mark.parametrize(
    "fault",
    [
        answer(500, {}),
        answer(502, "<h1>Bad gateway</h1>"),
        answer(503, {"code": "unavailable"}),
        answer(404, "Not found"),
        answer(403, {"code": "csrf_failed"}),
        answer(400, {"code": "invalid_request"}),
        answer(401, "Who are you?"),
        answer(401, {"code": "token_invalid"}),
        answer(200, "<h1>Welcome to the hotel's network</h1>"),
        answer(200, {"expires_in": 600}),
        answer(200, "null"),
    ],
)
def test_what_is_no_verdict_ends_nothing(browse: Open, fault: Fault) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next(REFRESH, fault, fault)
    profile.elapse(DUE)
    assert tab.status == ("active", None)
    assert tab.call() == 200
    profile.until(lambda: tab.state["generation"], profile.next)
    assert [call.status for call in profile.site.refreshes].count(200) >= 1
    assert tab.call() == 200


def test_tries_become_rare(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next(REFRESH, *[answer(500, {})] * 5)
    profile.reach(1, tab)
    at = [call.at for call in profile.site.refreshes]
    for tries, (before, after) in enumerate(pairwise(at)):
        assert 2**tries / 2 <= after - before <= 2**tries + 2 * FLIGHT


@both
@pytest.mark.parametrize(
    "told", [{"headers": {"Retry-After": "30"}}, {"retry_after": 30, "code": "throttled"}]
)
def test_the_server_says_when_to_come_back(browse: Open, told: dict[str, Any]) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next(REFRESH, lambda environ, proceed: (429, dict(told)))
    profile.until(lambda: profile.site.refreshes, profile.next)
    tab.run("() => window.dispatchEvent(new Event('focus'))")
    assert tab.call() == 200
    profile.until(lambda: tab.state["generation"], profile.next)
    refused, again = profile.site.refreshes
    assert (refused.status, again.status) == (429, 200)
    assert 30 <= again.at - refused.at <= 31


@pair
def test_after_a_stale_retry_it_goes_on_with_what_it_has_and_takes_a_new_key(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.next(REFRESH, answer(409, {"code": "stale_retry"}))
    profile.elapse(DUE)
    profile.elapse(LIFETIME - DUE - 1)
    assert [call.status for call in profile.site.refreshes] == [409]
    assert tab.call() == 200
    profile.until(lambda: tab.state["generation"], profile.next)
    first, second = profile.site.refreshes
    assert first.key != second.key
    assert tab.call() == 200


def test_after_a_stale_retry_it_takes_what_another_tab_has_stored(browse: Open) -> None:
    profile = browse("there is no channel")
    tab = logged_in(profile)
    profile.site.next(REFRESH, answer(409, {"code": "stale_retry"}))
    profile.elapse(DUE)
    other = profile.tab()
    profile.until(lambda: other.state["generation"], profile.next)
    assert (tab.call(), other.call()) == (200, 200)
    assert len(profile.site.refreshes) == 2


@both
def test_the_server_restarts(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.site.stop()
    profile.elapse(DUE)
    assert tab.status == ("active", None)
    profile.site.start()
    profile.until(lambda: tab.state["generation"], profile.next)
    assert tab.call() == 200


@both
def test_it_is_quiet_while_offline_and_refreshes_when_back(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.context.set_offline(True)
    profile.until(lambda: not tab.run("() => navigator.onLine"))
    tab.run("() => { window.before = window.started; }")
    profile.elapse(DUE)
    assert tab.run("() => window.started === window.before")
    profile.context.set_offline(False)
    profile.until(lambda: tab.state["generation"] == 1)
    assert len(profile.site.refreshes) == 1
    assert tab.call() == 200


@pair
def test_a_tab_that_slept_past_the_end_refreshes_first(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.sleep(3 * LIFETIME)
    assert tab.call() == 200
    assert [call.status for call in profile.site.of("/me/")] == [200]
    assert len(profile.site.refreshes) == 1


def test_a_tab_that_slept_until_shortly_before_the_end(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.sleep(LIFETIME - 2)
    assert tab.call() == 200
    profile.until(lambda: tab.state["generation"] == 1)


def test_a_sliding_session_that_slept_past_its_end_says_so(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    profile.sleep(LIFETIME + 1)
    profile.until(lambda: tab.status == ("ended", "token_expired"))
    assert tab.heard[-1]["reason"] == "token_expired"
    assert tab.call() == 401
    assert len(profile.site.refreshes) == 1


@pytest.mark.parametrize(
    ("style", "later"),
    [("sliding", 0), ("sliding", 40), ("pair", 0), ("pair", 40), ("pair", 100)],
    indirect=["style"],
)
def test_a_tab_is_killed_between_receiving_and_storing(browse: Open, later: float) -> None:
    profile = browse()
    killed = logged_in(profile)
    held = profile.hold(REFRESH, answered=True)
    profile.close(killed)
    held.let_go()
    tab = profile.tab()
    assert tab.status == ("active", None)
    profile.begin(later)
    profile.until(lambda: tab.state["generation"], profile.next)
    assert tab.call() == 200
    assert {call.status for call in profile.site.refreshes} == {200}
    assert Session.objects.live().count() == 1


@both
def test_a_tab_that_hangs_with_the_lock_stops_no_other(browse: Open) -> None:
    profile = browse()
    hanging, other = logged_in(profile), profile.tab()
    held = profile.hold(REFRESH)
    profile.until(lambda: other.state["generation"], profile.rush)
    assert other.call() == 200
    held.let_go()
    profile.until(lambda: hanging.state["generation"] == 1)
    assert hanging.call() == 200
    assert Session.objects.live().count() == 1


def test_an_answer_that_never_comes_is_given_up(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    held = profile.hold(REFRESH)
    profile.begin(ANSWER_LIMIT)
    profile.next()
    assert tab.state["generation"] == 1
    held.let_go()
    first, second = profile.site.refreshes
    assert first.key == second.key


@both
def test_the_storage_is_cleared_in_one_tab(browse: Open) -> None:
    profile = browse()
    one, other = logged_in(profile), profile.tab()
    one.run("() => localStorage.clear()")
    assert (one.call(), other.call()) == (200, 200)
    assert profile.tab().status == ("active", None)
    profile.reach(1, one)
    assert {tab.call() for tab in profile.tabs} == {200}
    assert len(profile.site.refreshes) == 1


@both
def test_a_tab_that_slept_while_another_refreshed_twice_reads_the_store(browse: Open) -> None:
    profile = browse()
    asleep, awake = logged_in(profile), profile.tab()
    asleep.run("() => window.fallAsleep()")
    for generation in (1, 2):
        profile.reach(generation, awake)
        assert awake.call() == 200
    assert asleep.state["generation"] == 0
    assert asleep.call() == 200
    asleep.run("() => window.wakeUp()")
    profile.settle()
    assert asleep.state["generation"] == awake.state["generation"] == 2
    assert Session.objects.live().count() == 1
    assert len(profile.site.refreshes) == 2


@both
def test_five_tabs_that_wake_at_once_get_one_successor(browse: Open, style: str) -> None:
    profile = browse("there are no locks")
    tabs = [logged_in(profile), *(profile.tab() for _ in range(4))]
    profile.sleep(DUE)
    profile.until(lambda: {tab.state["generation"] for tab in tabs} == {1})
    assert {tab.call() for tab in tabs} == {200}
    assert IssuedToken.objects.count() == 2


def test_a_device_whose_clock_is_set_back_refreshes_in_time(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    tab.run("() => { const now = Date.now; Date.now = () => now() - 3600e3; }")
    profile.elapse(DUE)
    assert tab.state["generation"] == 1
    assert 0 < tab.state["expiresAt"] - tab.run("() => Date.now()") <= LIFETIME * 1000


@pair
def test_a_device_whose_clock_is_set_forward_refreshes_early(browse: Open) -> None:
    profile = browse()
    tab = logged_in(profile)
    tab.run("() => { const now = Date.now; Date.now = () => now() + 3600e3; }")
    assert tab.call() == 200
    assert tab.state["generation"] == 1
    profile.elapse(60)
    assert tab.call() == 200
    assert tab.state["generation"] == 1
