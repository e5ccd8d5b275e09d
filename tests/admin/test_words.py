from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils.functional import Promise
from django.utils.translation import gettext, override

import jwt_refresh
from jwt_refresh import admin, sessions
from jwt_refresh.admin import listing, words
from jwt_refresh.admin.tokens import IssuedTokenInline

pytestmark = pytest.mark.usefixtures("english")
MOZILLA = "Mozilla/5.0 "
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.fixture
def english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.mark.parametrize(
    ("agent", "program"),
    [
        (
            f"{MOZILLA}(Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox on Windows",
        ),
        (f"{MOZILLA}(X11; Linux x86_64) {WEBKIT}Chrome/126.0 Safari/537.36", "Chrome on Linux"),
        (f"{MOZILLA}(X11; CrOS x86_64) {WEBKIT}Chrome/126.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"{MOZILLA}(Windows NT 10.0) {WEBKIT}Chrome/126 Safari/537 Edg/126", "Edge on Windows"),
        (f"{MOZILLA}(Windows NT 10.0) {WEBKIT}Chrome/126 Safari/537 OPR/112", "Opera on Windows"),
        (
            f"{MOZILLA}(Linux; Android 14) {WEBKIT}SamsungBrowser/25 Chrome/121 Mobile Safari/537",
            "Samsung Internet on Android",
        ),
        (
            f"{MOZILLA}(iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT}Version/17 Safari/604",
            "Safari on iPhone",
        ),
        (
            f"{MOZILLA}(iPad; CPU OS 17_5 like Mac OS X) {WEBKIT}CriOS/126.0 Safari/604.1",
            "Chrome on iPad",
        ),
        (
            f"{MOZILLA}(iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT}FxiOS/127 Safari/605",
            "Firefox on iPhone",
        ),
        (
            f"{MOZILLA}(Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}Version/17.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        (f"{MOZILLA}(compatible; Sevenbot/1.0)", "Mozilla/5.0 (compatible; Sevenbot/1.0)"),
        ("curl/8.8.0", "curl/8.8.0"),
        ("Bank/7.3 (build 4711; iOS 17.5) CFNetwork/1494.0.7", "Bank/7.3 on iOS"),
        ("x" * 200, "x" * 40),
        (f"{MOZILLA}{'x' * 200}", f"{MOZILLA}{'x' * 28}"),
        ("", ""),
    ],
)
def test_a_program_is_named_where_it_is_known(agent: str, program: str) -> None:
    assert words.program_of(agent) == program


@pytest.mark.parametrize(
    ("lasting", "said"),
    [
        (timedelta(minutes=30), "30 minutes"),
        (timedelta(days=14), "14 days"),
        (timedelta(days=1, hours=1, minutes=1, seconds=1), "1 day, 1 hour, 1 minute, 1 second"),
        (timedelta(seconds=40), "40 seconds"),
        (timedelta(0), ""),
        (None, ""),
    ],
)
def test_a_length_is_said_in_its_units(lasting: timedelta | None, said: str) -> None:
    assert words.length(lasting) == said


def test_a_device_is_a_program_at_an_address(ann: Any) -> None:
    headers = {"User-Agent": "curl/8.8.0"}
    for request, device in (
        (RequestFactory().post("/", headers=headers), "curl/8.8.0, 127.0.0.0/24"),
        (RequestFactory().post("/"), "127.0.0.0/24"),
        (None, ""),
    ):
        assert words.device_of(sessions.start(ann, request).session) == device


def test_each_state_of_a_token_has_a_meaning_of_its_own() -> None:
    meanings = {words.meaning(state) for state in words.Now}
    assert len(meanings) == len(words.Now)
    # What would end a session is no danger to one with a key.
    of_bound = {words.meaning(state, bound=True) for state in words.Now}
    assert len(of_bound - meanings) == len(meanings - of_bound) == 1


def in_code() -> list[Any]:
    """The words of the classes: lazy, so that a request chooses their language."""
    said: list[Any] = [listing.StateFilter.title, listing.ReasonFilter.title]
    for shown in (admin.SessionAdmin, admin.IssuedTokenAdmin, IssuedTokenInline):
        for value in vars(shown).values():
            said.append(getattr(value, "short_description", value))
            said.extend(value.values() if isinstance(value, dict) else ())
    said.extend(name for name, _ in admin.SessionAdmin.fieldsets)
    return [text for text in said if isinstance(text, Promise)]


def in_templates() -> list[str]:
    folder = Path(jwt_refresh.__file__).parent / "templates"
    text = " ".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.html"))
    return re.findall(r"{% translate '([^']*)' %}", text)


def test_all_words_are_translated() -> None:
    lazy, named = in_code(), in_templates()
    assert len(lazy) > 30
    assert len(named) > 10
    english = [str(text) for text in lazy] + named
    with override("ko"):
        korean = [str(text) for text in lazy] + [gettext(text) for text in named]
    assert not [text for text, other in zip(english, korean, strict=True) if text == other]
    with override("ko"):
        assert not [state for state in words.Now if words.meaning(state).isascii()]
        assert not [state for state in words.Now if str(state.label).isascii()]
