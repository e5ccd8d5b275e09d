"""What ``docs/browsers.md`` shows works as it is written."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.conf import settings as in_force
from django.test import override_settings

from tests.browser.conftest import Open, path_of_chromium
from tests.browser.profile import DUE, LIFETIME, opened
from tests.browser.serving import answer, serving
from tests.support.browsing import STYLES
from tests.support.documents import TEXTS, block_with
from tests.support.servers import HOST, leave_out

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.serving import Site

IMPORT = 'import { createSession } from "/static/jwt_refresh/client.js";'


def script_with(words: str) -> str:
    """The only script of the page in which these words stand."""
    scripts = re.findall(r"```js\n(.*?)```", TEXTS["docs/browsers.md"], re.DOTALL)
    (script,) = (script for script in scripts if words in script)
    return str(script)


@pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)
def test_a_page_with_cookies_in_an_old_browser(browse: Open, style: str, settings: Any) -> None:
    settings.JWT_REFRESH = STYLES[style] | {"LIFETIME": timedelta(seconds=LIFETIME)}
    profile = browse()
    site = profile.site
    site.hidden = ("HTTP_SEC_FETCH_",)
    profile.context.add_cookies([{"name": "csrftoken", "value": "x" * 32, "url": site.url}])
    site.files["/recipe.js"] = f"{IMPORT}\n{script_with('X-CSRFToken')}\nexport {{ session }};"
    tab = profile.tab(storage="cookie")
    tab.run("""async () => {
        window.session.dispose();
        window.session = (await import('/recipe.js')).session;
    }""")
    tab.login("ann")
    (token,) = (it["value"] for it in profile.context.cookies() if it["name"] == "csrftoken")
    assert token != "x" * 32
    assert tab.call("/me/", {"method": "POST"}) == 200
    profile.elapse(DUE)
    assert tab.state["generation"] == 1
    assert {call.status for call in site.refreshes} == {200}
    assert tab.logout()


@pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)
def test_a_page_of_another_domain(
    site: Site, chromium: Browser, clock: time_machine.Traveller
) -> None:
    names: dict[str, Any] = {
        "INSTALLED_APPS": [*in_force.INSTALLED_APPS],
        "MIDDLEWARE": [*in_force.MIDDLEWARE],
    }
    exec(block_with("corsheaders"), names)
    page = f"http://{HOST}:{site.port}"
    names |= {"CORS_ALLOWED_ORIGINS": [page], "CORS_URLS_REGEX": r"^/(auth|me)/"}
    with (
        override_settings(**{name: it for name, it in names.items() if name.isupper()}),
        serving() as api,
        opened(chromium, api, clock, 3600, []) as profile,
    ):
        tab = profile.tab(page=f"{page}/", base=f"{api.url}/auth/")
        tab.login("ann")
        assert tab.call(f"{api.url}/me/") == 200
        profile.elapse(DUE)
        assert tab.state["generation"] == 1
        # The answer's `Date` and `Retry-After` can be read.
        left = tab.state["expiresAt"] / 1000 - tab.run("() => Date.now()") / 1000
        assert left <= 600
        assert tab.logout()
        assert [call.token for call in site.calls] == []


@pytest.mark.parametrize("words", ["X-CSRFToken", "violet-harbor-93", "https://api", "SecureStore"])
def test_the_other_scripts_can_be_read(browse: Open, words: str) -> None:
    """By a browser, as modules: what they import is not looked for."""
    script = re.search(
        rf"```js\n((?:(?!```).)*{words}.*?)```", TEXTS["docs/browsers.md"], re.DOTALL
    )
    assert script
    profile = browse()
    profile.site.files["/script.js"] = f"export async function never() {{ {lines_of(script[1])} }}"
    assert profile.tab().run("async () => Object.keys(await import('/script.js'))") == ["never"]


def lines_of(script: str) -> str:
    return re.sub(r"^import .*$", "", script, flags=re.MULTILINE)


def axios() -> str:
    """Return the text of axios, or leave the test out."""
    path = Path(os.environ.get("AXIOS", "")) / "node_modules/axios/dist/esm/axios.min.js"
    if not path.is_file():
        leave_out("AXIOS does not name the directory in which npm has installed axios.")
    return path.read_text()


def test_what_is_missing_is_left_out_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AXIOS", raising=False)
    for ci, outcome in (("", pytest.skip.Exception), ("true", pytest.fail.Exception)):
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PATH", os.environ["PATH"])
        with pytest.raises(outcome, match="AXIOS"):
            axios()
        monkeypatch.setenv("PATH", "")
        with pytest.raises(outcome, match="Chromium"):
            path_of_chromium()


def test_axios(browse: Open) -> None:
    recipe = script_with('from "axios"')
    assert len(recipe.strip().splitlines()) <= 10
    profile = browse()
    site = profile.site
    site.files["/axios.js"] = axios()
    site.files["/recipe.js"] = recipe.replace('from "axios"', 'from "/axios.js"')
    tab = profile.tab()
    tab.login("ann")
    tab.run("async () => { window.recipe = await import('/recipe.js'); }")
    assert tab.run("async () => (await recipe.api.get('/me/')).data.user") == "ann"

    site.next("/me/", answer(401, {"code": "token_expired"}))
    assert tab.run("async () => (await recipe.api.post('/me/', {a: 1})).status") == 200
    first, second = site.of("/me/")[-2:]
    assert first.body == second.body == '{"a":1}'
    assert first.token != second.token != ""

    site.next("/me/", answer(401, {"code": "token_expired"}))
    upload = """async () => {
        const form = new FormData();
        form.append('file', new Blob(['content']), 'name.txt');
        return (await recipe.api.post('/me/', form)).status;
    }"""
    assert tab.run(upload) == 200
    first, second = site.of("/me/")[-2:]
    assert first.body == second.body
    assert "content" in first.body

    site.next("/me/", answer(404, {"detail": "Not found."}))
    failed = "() => recipe.api.get('/me/').catch((error) => [error.name, error.response.status])"
    assert tab.run(failed) == ["AxiosError", 404]
    cancelled = """() => {
        const control = new AbortController();
        const asked = recipe.api.get('/me/', {signal: control.signal});
        control.abort();
        return asked.catch((error) => error.code);
    }"""
    assert tab.run(cancelled) == "ERR_CANCELED"
