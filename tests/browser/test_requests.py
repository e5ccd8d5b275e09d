"""``session.fetch`` in the place of ``window.fetch``: what goes out, to whom, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.profile import DUE
from tests.browser.serving import Held, answer, serving
from tests.support.devices import make_user

EXPIRED = answer(401, {"code": "token_expired"})
BODIES = {
    "text": "() => ['/me/', {method: 'POST', body: 'plain'}]",
    "json": """() => ['/me/', {method: 'POST', body: JSON.stringify({a: 1}),
        headers: {'Content-Type': 'application/json'}}]""",
    "search": "() => ['/me/', {method: 'POST', body: new URLSearchParams({a: '1'})}]",
    "blob": "() => ['/me/', {method: 'POST', body: new Blob(['a blob'], {type: 'text/x'})}]",
    "bytes": "() => ['/me/', {method: 'POST', body: new Uint8Array([1, 2, 3])}]",
    "url": "() => [new URL('/me/', location), {method: 'POST', body: 'to a URL'}]",
    "request": "() => [new Request('/me/', {method: 'POST', body: 'of a request'})]",
    "both": """() => [new Request('/me/', {method: 'POST', body: 'of a request'}),
        {body: 'another'}]""",
    "form": """() => {
        const form = new FormData();
        form.append('file', new Blob(['content']), 'name.txt');
        return ['/me/', {method: 'POST', body: form}];
    }""",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_sent_again_as_it_was(browse: Open, body: str) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    profile.site.next("/me/", EXPIRED)
    # 415: the view takes the token, and has no parser for each of these bodies.
    assert tab.run(f"async () => window.call(...({body})())") in (200, 415)
    first, second = profile.site.of("/me/")
    assert first.body == second.body != ""
    assert first.token != second.token != ""
    assert len(profile.site.refreshes) == 1


def test_what_the_page_changes_afterwards_is_not_sent(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    held = Held(answered=True)
    profile.site.next("/auth/refresh/", held)
    profile.site.next("/me/", EXPIRED)
    tab.start("""(() => {
        const form = new URLSearchParams({a: 'before'});
        const sent = window.call('/me/', {method: 'POST', body: form});
        form.set('a', 'after');
        return sent;
    })()""")
    profile.until(lambda: held.waits)
    held.let_go()
    profile.until(lambda: tab.done)
    assert [call.body for call in profile.site.of("/me/")] == ["a=before"] * 2


def test_a_stream_is_sent_once_and_the_session_refreshed(browse: Open) -> None:
    """By a ``fetch`` of the test: Chromium streams over HTTP/2 alone."""
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    seen = tab.run("""async () => {
        const sent = [];
        const stub = async (request) => {
            if (!request.url.endsWith('/upload/')) return fetch(request);
            sent.push(await request.text());
            return new Response('{"code": "token_expired"}', {status: 401});
        };
        const session = createSession({storage: 'local', fetch: stub});
        const body = new ReadableStream({
            start(it) { it.enqueue(new TextEncoder().encode('a film')); it.close(); },
        });
        const options = {method: 'POST', body, duplex: 'half'};
        const {status} = await session.fetch('/upload/', options);
        return [status, sent, session.state().generation];
    }""")
    assert seen == [401, ["a film"], 1]


def test_a_request_is_used_up_as_by_the_window(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    assert (
        tab.run("""async () => {
        const request = new Request('/me/', {method: 'POST', body: 'once'});
        const sent = window.session.fetch(request);
        const isUsed = request.bodyUsed;
        await sent;
        return isUsed && await window.session.fetch(request).catch((error) => error.name);
    }""")
        == "TypeError"
    )


def test_one_refresh_and_one_repetition(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    profile.site.next("/me/", *[answer(401, {"code": "token_invalid"})] * 4)
    assert tab.call() == 401
    assert len(profile.site.of("/me/")) == 2
    # What was fresh, and refused, is not refreshed again for the same.
    assert tab.call() == 401
    assert len(profile.site.of("/me/")) == 3
    assert len(profile.site.refreshes) == 1
    profile.elapse(DUE)
    assert tab.call() == 200
    assert [call.status for call in profile.site.of("/me/")] == [401, 401, 401, 401, 200]


def test_no_request_is_repeated_as_somebody_else(browse: Open) -> None:
    profile = browse()
    make_user("bob")
    tab, other = profile.tab(), profile.tab()
    tab.login("ann")
    held = Held()
    profile.site.next("/me/", held)
    tab.start("window.call('/me/', {method: 'POST', body: 'of Ann'})")
    profile.until(lambda: held.waits)
    other.login("bob")
    profile.until(lambda: len(tab.heard) == 2)
    # Her session was logged out for his.
    profile.until(lambda: profile.site.of("/auth/logout/"))
    other.run("() => window.idle()")
    held.let_go()
    profile.until(lambda: tab.done)
    assert tab.done == {"it": 401}
    assert len(profile.site.of("/me/")) == 1


def test_a_view_that_asks_for_a_fresh_login_is_not_asked_twice(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    profile.site.next("/me/", answer(401, {"code": "insufficient_user_authentication"}))
    assert tab.call() == 401
    assert (len(profile.site.of("/me/")), len(profile.site.refreshes)) == (1, 0)


def test_many_calls_at_once_share_one_refresh(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    profile.site.next("/me/", *[EXPIRED] * 10)
    calls = "() => Promise.all(Array.from({length: 10}, () => window.call('/me/')))"
    assert tab.run(calls) == [200] * 10
    assert len(profile.site.refreshes) == 1


@pytest.mark.parametrize("style", ["pair"], indirect=True)
def test_whoever_gives_up_does_not_wait_for_the_refresh(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    held = Held()
    profile.site.next("/auth/refresh/", held)
    tab.run("() => { performance.now = () => 1e9; }")
    tab.start("""(async () => {
        window.control = new AbortController();
        return window.call('/me/', {signal: window.control.signal}).catch((error) => error.name);
    })()""")
    profile.until(lambda: held.waits)
    tab.run("() => window.control.abort()")
    profile.until(lambda: tab.done)
    assert tab.done == {"it": "AbortError"}
    held.let_go()
    profile.settle()
    assert profile.site.of("/me/") == []


def test_it_may_take_the_place_of_the_windows_fetch(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    tab.run("() => { window.fetch = window.session.fetch; }")
    profile.site.next("/me/", EXPIRED)
    assert tab.run("async () => (await fetch('/me/')).status") == 200
    assert len(profile.site.calls) == 4


def test_a_header_of_the_page_stays(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    tab.call("/me/", {"headers": {"authorization": "Bearer mine"}})
    assert profile.site.of("/me/")[0].token == "mine"


def test_the_header_may_have_another_name(browse: Open, settings: Any) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"AUTH_HEADER_NAME": "X-Token"}
    profile = browse()
    tab = profile.tab(header="X-Token")
    tab.login("ann")
    assert tab.call() == 200
    assert profile.site.of("/me/")[0].token == ""


def test_the_token_goes_to_the_origin_of_the_endpoints_alone(browse: Open) -> None:
    profile = browse()
    with serving() as other:
        allowed = {
            "Access_Control_Allow_Origin": "*",
            "Access_Control_Allow_Headers": "authorization",
        }
        other.next("/me/", *[answer(200, {}, **allowed)] * 3)
        tab, trusting = profile.tab(), profile.tab(origins=[other.url])
        tab.login("ann")
        assert tab.call(f"{other.url}/me/") == 200
        assert [call.token for call in other.calls] == [""]
        profile.until(lambda: trusting.status == ("active", None))
        # The browser asks first; then it sends the token.
        assert trusting.call(f"{other.url}/me/") == 200
        assert [bool(call.token) for call in other.calls] == [False, False, True]
        assert trusting.call() == 200


def test_the_base_may_be_written_without_its_slash(browse: Open) -> None:
    profile = browse()
    tab = profile.tab(base=f"{profile.site.url}/auth")
    tab.login("ann")
    assert tab.call() == 200
