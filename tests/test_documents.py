"""What the documents name is there, and what is there is in the documents."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.utils.module_loading import import_string
from rest_framework.exceptions import (
    MethodNotAllowed,
    NotFound,
    Throttled,
    UnsupportedMediaType,
)

from jwt_refresh.checks.types import TYPES
from jwt_refresh.urls import app_name, urlpatterns
from jwt_refresh.web.endpoint import RequestTooLarge
from jwt_refresh.web.transport import _ANSWERS as ANSWERS
from tests.support.documents import ROOT, TEXTS

README = TEXTS["README.md"]
SECURITY = (ROOT / "docs" / "security.md").read_text()
MOVING_IN = (ROOT / "docs" / "moving-in.md").read_text()


def section(heading: str) -> str:
    """The part of the README below a heading."""
    part = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert part
    return part


def test_the_settings_of_the_readme_are_the_ones_there_are() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", section("Settings"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*TYPES}


def test_the_errors_of_the_readme_are_the_ones_that_are_sent() -> None:
    """Each code with its status: those of ``TokenError``, and of what REST framework raises."""
    sent = {(status, kind.code) for kind, (status, _) in ANSWERS.items()}
    others = RequestTooLarge, NotFound, MethodNotAllowed, UnsupportedMediaType, Throttled
    sent |= {(other.status_code, other.default_code) for other in others}
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section("Errors"), re.MULTILINE)
    assert {(int(status), code) for status, code in rows} == sent
    assert len(rows) == len(sent)


def test_the_endpoints_of_the_readme_are_the_ones_there_are() -> None:
    """By their paths too."""
    rows = re.findall(r"^\| `(\w+):([\w-]+)` \| \w+ `(.+?)` \|", section("Endpoints"), re.MULTILINE)
    there = {(app_name, route.name, str(route.pattern)) for route in urlpatterns if route.name}
    assert {(app, name, f"{path.rstrip('/')}/") for app, name, path in rows} == there


def test_the_events_of_the_log_are_in_the_readme() -> None:
    code = (ROOT / "jwt_refresh" / "sessions" / "events.py").read_text()
    events = re.findall(r'"event": "(\w+)"|_tell\(signals\.\w+, "(\w+)"', code)
    assert len(events) > 8
    for event in events:
        assert f"`{''.join(event)}`" in section("Signals and the log"), event


def test_the_checks_that_the_documents_name_are_there() -> None:
    pattern = r"jwt_refresh\.([EW]\d{3})"
    named = re.findall(pattern, README + SECURITY + MOVING_IN)
    package = ROOT / "jwt_refresh"
    modules = [*package.glob("checks/*.py"), *package.glob("contrib/*/checks.py")]
    code = "".join(path.read_text() for path in modules)
    assert named
    for check in named:
        assert f'"{check}"' in code or f'"jwt_refresh.{check}"' in code, check


@pytest.mark.parametrize(
    "document",
    ["CONTRIBUTING.md", "SECURITY.md", "docs/security.md", *TEXTS],
)
def test_what_a_document_links_to_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)", text)
    links += [(Path(document).name, place) for place in re.findall(r"\]\(#([^)]+)\)", text)]
    assert links
    for link, place in links:
        target = (ROOT / document).parent.joinpath(link)
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", it.lower()).replace(" ", "-") for it in headings}
        assert not place or place in slugs, place


def test_every_promise_has_a_test_that_is_there() -> None:
    promises = SECURITY.partition("## Promises")[2].partition("\n## ")[0].splitlines()[4:]
    rows = [row for row in promises if row]
    assert len(rows) > 15
    for row in rows:
        held_by = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert held_by, row
        for test in held_by:
            assert (ROOT / test).is_file(), test


def test_the_attacks_in_the_documents_are_the_ones_that_are_tested() -> None:
    """In both directions: in the tests an attack has its number in a name, of a test or a row."""
    documented = set(re.findall(r"\bA\d\d\b", SECURITY.partition("## Attacks")[2]))
    modules = (ROOT / "tests").rglob("*.py")
    pattern = r'"(A\d\d) |\bdef test_(a\d\d)_|\((A\d\d)\)'
    named = re.findall(pattern, "".join(module.read_text() for module in modules))
    assert {"".join(number).upper() for number in named} == documented


def test_the_reasons_that_the_documents_explain_are_in_the_code() -> None:
    going_live = (ROOT / "docs" / "going-live.md").read_text()
    table = going_live.partition("| `why` | usual cause |")[2].partition("\n\n")[0]
    reasons = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    code = "".join(path.read_text() for path in (ROOT / "jwt_refresh").rglob("*.py"))
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
