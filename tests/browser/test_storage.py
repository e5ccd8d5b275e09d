"""Where the tokens are kept, and what happens where they cannot be."""

from __future__ import annotations

import pytest

from jwt_refresh.models import Session
from tests.browser.conftest import Open

both = pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)


@both
def test_memory_leaves_nothing_behind(browse: Open) -> None:
    profile = browse()
    tab, other = profile.tab(storage="memory"), profile.tab(storage="memory")
    tab.login("ann")
    assert tab.call() == 200
    assert "eyJ" not in tab.stored
    other.login("ann")
    assert tab.logout()
    assert (other.status, other.call()) == (("active", None), 200)
    assert tab.load().status == ("anonymous", None)


def test_by_default_it_is_memory(browse: Open) -> None:
    tab = browse().tab()
    assert tab.run("""async () => {
        const session = createSession();
        await session.login({username: 'ann', password: ' correct horse battery staple '});
        return [session.state().status, localStorage.length, sessionStorage.length];
    }""") == ["active", 0, 0]


@both
def test_the_storage_of_a_tab_outlives_a_reload_and_is_no_other_tabs(browse: Open) -> None:
    profile = browse()
    tab = profile.tab(storage="session")
    tab.login("ann")
    assert tab.load().call() == 200
    assert tab.run("() => localStorage.length") == 0
    assert profile.tab(storage="session").status == ("anonymous", None)


@both
def test_a_tab_and_its_duplicate_tell_each_other(browse: Open) -> None:
    """A new tab that a page opens begins with a copy of its storage."""
    profile = browse()
    tab = profile.tab(storage="session")
    tab.login("ann")
    copied = tab.run("() => ({...sessionStorage})")
    duplicate = profile.tab(storage="session")
    duplicate.run("(copied) => Object.assign(sessionStorage, copied)", copied)
    assert duplicate.load().status == ("active", None)
    for generation in range(1, 5):
        profile.reach(generation, *profile.tabs)
        assert (tab.call(), duplicate.call()) == (200, 200)
        assert duplicate.load().state["generation"] == generation
    assert len(profile.site.refreshes) == 4
    assert Session.objects.live().count() == 1


@both
def test_a_store_of_the_page(browse: Open) -> None:
    profile = browse()
    tab = profile.tab()
    seen = tab.run("""async () => {
        const kept = new Map(), asked = [];
        const storage = {
            get: (name) => (asked.push(name), kept.get(name)),
            set: (name, text) => kept.set(name, text),
            remove: (name) => kept.delete(name),
        };
        const one = createSession({storage, name: 'mine'});
        await one.login({username: 'ann', password: ' correct horse battery staple '});
        const other = createSession({storage, name: 'mine'});
        return [one.state(), other.state(), [...kept.keys()], [...new Set(asked)]];
    }""")
    assert seen[0] == seen[1]
    assert seen[2:] == [["mine"], ["mine"]]


@pytest.mark.parametrize(
    "garbage", ["", "null", "[]", "{", '"text"', '{"login": "1", "n": 0}', '{"login": 1e9}']
)
def test_what_others_left_in_the_store_is_not_read(browse: Open, garbage: str) -> None:
    profile = browse()
    tab = profile.tab()
    tab.login("ann")
    write = "(text) => { for (const name in {...localStorage}) localStorage[name] = text; }"
    tab.run(write, garbage)
    assert profile.tab().status == ("anonymous", None)
    tab.run("() => window.dispatchEvent(new Event('focus'))")
    assert tab.call() == 200
    assert profile.tab().status == ("active", None)


def test_two_servers_of_one_page_are_two_sessions(browse: Open) -> None:
    tab = browse().tab()
    assert tab.run("""async () => {
        const one = createSession({base: '/auth/', storage: 'local'});
        const other = createSession({base: '/other/', storage: 'local'});
        await one.login({username: 'ann', password: ' correct horse battery staple '});
        return [one.state().status, other.state().status];
    }""") == ["active", "anonymous"]
