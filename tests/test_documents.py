"""What the documents name is there, and what is there is in the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from gettext import GNUTranslations
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import global_settings
from django.core.management import get_commands
from django.utils.module_loading import import_string
from rest_framework.exceptions import (
    MethodNotAllowed,
    NotFound,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.settings import DEFAULTS

from jwt_refresh import signals
from jwt_refresh.checks.types import TYPES
from jwt_refresh.models import Session
from jwt_refresh.urls import app_name, urlpatterns
from jwt_refresh.web.endpoint import RequestTooLarge
from jwt_refresh.web.transport import _ANSWERS as ANSWERS
from tests.support.documents import ROOT, TEXTS, TRANSLATED

README = TEXTS["README.md"]
SECURITY = TEXTS["docs/security.md"]
MOVING_IN = TEXTS["docs/moving-in.md"]
FAQ = TEXTS["docs/faq.md"]
PAGES = {path.removeprefix("docs/") for path in TEXTS} - {"README.md"}
OTHERS = RequestTooLarge, NotFound, MethodNotAllowed, UnsupportedMediaType, Throttled
SENT = {(status, kind.code) for kind, (status, _) in ANSWERS.items()} | {
    (other.status_code, str(other.default_code)) for other in OTHERS
}
"""Each code with its status: those of ``TokenError``, and of what REST framework raises."""
PARTS = ["Causes", "Log", "Admin", "Do"]
"""Of each answer to why somebody was logged out."""


def test_the_readme_is_a_front_door() -> None:
    assert len(README.split()) <= 1800


def test_the_rooms_are_those_that_the_linter_keeps() -> None:
    """Row by row, from ``CONTRIBUTING.md``."""
    rules = ConfigParser()
    rules.read(ROOT / "setup.cfg")
    layers = rules["importlinter:contract:layers"]["layers"].split("\n")[1:]
    rows = re.findall(r"^\| \d+ \| (.+?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [set(re.findall(r"\w+", row)) for row in rows] == [
        set(re.findall(r"\w+", layer)) for layer in layers
    ]


def test_the_reference_says_what_the_code_says() -> None:
    """In a process of its own, whose settings are the defaults."""
    check = subprocess.run(
        [sys.executable, ROOT / "docs" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_each_error_has_an_answer_to_why_was_i_logged_out() -> None:
    part = FAQ.partition("\n## Why was I logged out?\n")[2].partition("\n## ")[0]
    entries = re.findall(r"^### `(\w+)`\n\n(\d+)(.+?)(?=^###|\Z)", part, re.DOTALL | re.MULTILINE)
    assert sorted((int(status), code) for code, status, _ in entries) == sorted(SENT)
    for code, _, answer in entries:
        assert re.findall(r"^- \*\*(\w+)\.\*\*", answer, re.MULTILINE) == PARTS, code


def test_the_log_of_the_faq_is_what_is_logged() -> None:
    """The events, reasons and scopes, and each ``why``."""
    events, code = events_of_the_log(), code_of_the_package()
    reasons = {str(reason) for reason in Session.Reason.values}
    named = re.findall(r"`(event|why|reason)=([^`]+)`", " ".join(FAQ.split()))
    assert len(named) > 50
    for attribute, words in named:
        if attribute == "why":
            reason = re.sub(r"\d+", "{max_age}", words)
            assert f'"{reason}"' in code, words
        else:
            assert words in (events if attribute == "event" else reasons), words
    listed = FAQ.partition("`reason` is ")[2].partition(", or a word")[0]
    assert reasons - {*re.findall(r"\w+", listed)} == {"password_changed", "user_inactive"}
    for scope in re.findall(r"`([\w-]+)`", FAQ.partition("; `scope` is ")[2].partition(". ")[0]):
        assert f'"{scope}"' in code, scope


def test_the_settings_of_the_faq_are_there() -> None:
    """Ours, Django's and REST framework's; and the two levels of the log."""
    there = {*TYPES, *DEFAULTS, *dir(global_settings), "USERNAME_FIELD", "ERROR", "WARNING"}
    named = {*re.findall(r"`([A-Z][A-Z_]+)`", FAQ)}
    assert len(named) > 20
    assert named <= there


def test_the_words_of_the_admin_in_the_faq_are_there() -> None:
    """In italics, as nothing else is."""
    catalogue = ROOT / "jwt_refresh" / "locale" / "ko" / "LC_MESSAGES" / "django.mo"
    with catalogue.open("rb") as file:
        messages: Any = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    ids = [message for message in messages if isinstance(message, str)]
    shown = {message.rpartition("\x04")[2].partition(" %(")[0].lower() for message in ids}
    named = re.findall(r"(?<!\*)\*(?!\*)([^*]+)(?<!\*)\*(?!\*)", " ".join(FAQ.split()))
    assert len(named) > 30
    for words in named:
        assert words.lower() in shown, words


def test_each_page_is_in_the_lists_of_pages() -> None:
    """In the list that people read, that of the site, and that for language models.

    Documents of the folder above have a page on the site, and the index leads to themselves.
    """
    index = TEXTS["docs/index.md"]
    above = {name for name in PAGES if TEXTS[f"docs/{name}"].startswith("```{include} ../")}
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    on_the_site = {f"{name}.md" for name in re.findall(r"^([\w-]+)$", index, re.MULTILINE)}
    assert len(above) == 2
    assert listed == PAGES - above - {"index.md"}
    assert on_the_site == PAGES - {"index.md"}
    llms = (ROOT / "docs" / "llms.txt").read_text()
    linked = set(re.findall(r"\]\(([^)#]+)", llms))
    assert linked >= {*listed, "index.md"}
    assert all((ROOT / "docs" / name).is_file() for name in linked)


def test_the_settings_of_the_documents_are_the_ones_there_are() -> None:
    headings = re.findall(r"^### (\w+)$", TEXTS["docs/settings.md"], re.MULTILINE)
    assert headings == [*TYPES]


def test_the_checks_of_the_documents_are_the_ones_there_are() -> None:
    """By the ids alone, wherever they stand in the code."""
    pattern = r"\b[EWI]0\d\d\b"
    package = ROOT / "jwt_refresh"
    modules = [*package.glob("checks/*.py"), *package.glob("contrib/*/checks.py")]
    code = "".join(path.read_text() for path in modules)
    rows = re.findall(rf"^\| `({pattern})`", TEXTS["docs/checks.md"], re.MULTILINE)
    assert {*rows} == {*re.findall(pattern, code)}


def test_the_commands_of_the_documents_are_the_ones_there_are() -> None:
    headings = re.findall(r"^## (\w+)$", TEXTS["docs/commands.md"], re.MULTILINE)
    ours = {name for name, app in get_commands().items() if app == "jwt_refresh"}
    assert {*headings} == ours


def test_the_signals_of_the_documents_are_the_ones_there_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXTS["docs/signals.md"], re.MULTILINE)
    assert sorted(rows) == signals.__all__


def test_the_errors_of_the_documents_are_the_ones_that_are_sent() -> None:
    rows = re.findall(r"^## (\w+)\n\n(\d+) \*", TEXTS["docs/errors.md"], re.MULTILINE)
    assert sorted((int(status), code) for code, status in rows) == sorted(SENT)


def test_the_endpoints_of_the_documents_are_the_ones_there_are() -> None:
    """By their paths too."""
    pattern = r"^\| `(\w+):([\w-]+)` \| \w+ `(.+?)` \|"
    rows = re.findall(pattern, TEXTS["docs/endpoints.md"], re.MULTILINE)
    there = {(app_name, route.name, str(route.pattern)) for route in urlpatterns if route.name}
    assert {(app, name, f"{path.rstrip('/')}/") for app, name, path in rows} == there


def events_of_the_log() -> set[str]:
    code = (ROOT / "jwt_refresh" / "sessions" / "events.py").read_text()
    events = re.findall(r'"event": "(\w+)"|_(?:tell\(signals\.\w+, |facts\()"(\w+)"', code)
    return {"".join(event) for event in events}


def code_of_the_package() -> str:
    return "".join(path.read_text() for path in (ROOT / "jwt_refresh").rglob("*.py"))


def test_the_events_of_the_log_are_in_the_documents() -> None:
    events = events_of_the_log()
    assert len(events) > 8
    for event in events:
        assert f"`{event}`" in TEXTS["docs/signals.md"], event


def test_the_checks_that_the_documents_name_are_there() -> None:
    pattern = r"jwt_refresh\.([EW]\d{3})"
    named = re.findall(pattern, "".join(TEXTS.values()))
    assert named
    for check in named:
        assert f"| `{check}`" in TEXTS["docs/checks.md"], check


def test_what_the_documents_link_to_is_there() -> None:
    count, dead = 0, []
    for document in ("CONTRIBUTING.md", "SECURITY.md", *TEXTS, *TRANSLATED):
        path = ROOT / document
        text = path.read_text()
        links = re.findall(r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)", text)
        links += [(path.name, place) for place in re.findall(r"\]\(#([^)]+)\)", text)]
        count += len(links)
        dead += [(document, *link) for link in links if not leads_somewhere(path.parent, *link)]
    assert count > 100
    assert not dead


def leads_somewhere(folder: Path, link: str, place: str) -> bool:
    target = folder / link
    return target.is_file() and (not place or place in places_of(target))


def places_of(path: Path) -> set[str]:
    """The names of the headings, also of a document that is included."""
    text = path.read_text()
    included = re.findall(r"^```\{include\} (.+)$", text, re.MULTILINE)
    text += "".join(path.parent.joinpath(name).read_text() for name in included)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", it.lower()).replace(" ", "-") for it in headings}


def test_every_promise_has_a_test_that_is_there() -> None:
    promises = SECURITY.partition("## Promises")[2].partition("\n## ")[0].splitlines()[4:]
    rows = [row for row in promises if row]
    assert len(rows) > 15
    for row in rows:
        held_by = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert held_by, row
        for test in held_by:
            assert (ROOT / test).is_file(), test


def test_what_auditors_are_sent_to_is_there() -> None:
    part = SECURITY.partition("## A reading order for auditors")[2].partition("\n## ")[0]
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", part.partition("|")[2])
    assert len(paths) > 30
    for path in paths:
        assert (ROOT / ("" if path.startswith("tests/") else "jwt_refresh") / path).exists(), path


def test_the_attacks_in_the_documents_are_the_ones_that_are_tested() -> None:
    """In both directions: in the tests an attack has its number in a name, of a test or a row."""
    documented = set(re.findall(r"\bA\d\d\b", SECURITY.partition("## Attacks")[2]))
    modules = (ROOT / "tests").rglob("*.py")
    pattern = r'"(A\d\d) |\bdef test_(a\d\d)_|\((A\d\d)\)'
    named = re.findall(pattern, "".join(module.read_text() for module in modules))
    assert {"".join(number).upper() for number in named} == documented


def test_the_reasons_that_the_documents_explain_are_in_the_code() -> None:
    table = TEXTS["docs/going-live.md"].partition("| `why` | usual cause |")[2].partition("\n\n")[0]
    reasons = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    code = code_of_the_package()
    assert len(reasons) > 5
    for reason in reasons:
        kind, _, rest = reason.partition(" ")
        assert f'"{reason}"' in code or (f'"{kind}"' in code and f"}} {rest}" in code), reason


def test_what_the_guide_calls_by_its_path_is_there() -> None:
    """The names of ours that a reader types into settings or imports, and the commands."""
    paths = set(re.findall(r"jwt_refresh(?:\.\w+)+", MOVING_IN))
    checks = {path for path in paths if re.fullmatch(r"jwt_refresh\.[EW]\d{3}", path)}
    assert len(paths - checks) > 8
    for path in paths - checks:
        assert importable(path), path
    typed = re.findall(r"^\$ python manage\.py (\w+)", MOVING_IN, re.MULTILINE)
    assert typed == ["jwt_refresh_move_in"]
    assert set(typed) <= get_commands().keys()


def importable(path: str) -> bool:
    """A module, or a name in one."""
    try:
        import_module(path)
    except ImportError:
        return import_string(path) is not None
    return True
