"""What the documents name is there, and what is there is in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jwt_refresh import exceptions
from jwt_refresh.checks.types import TYPES
from jwt_refresh.urls import app_name, urlpatterns

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


@pytest.mark.parametrize("name", TYPES)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize(
    "code",
    sorted({getattr(exceptions, name).code for name in exceptions.__all__ if name != "TokenError"}),
)
def test_every_code_is_in_the_readme(code: str) -> None:
    assert f"`{code}`" in README


@pytest.mark.parametrize("name", sorted(str(route.name) for route in urlpatterns if route.name))
def test_every_endpoint_is_in_the_readme(name: str) -> None:
    assert f"`{app_name}:{name}`" in README


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/security.md",
        "docs/going-live.md",
        "docs/browsers.md",
    ],
)
def test_what_a_document_links_to_is_there(document: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)", (ROOT / document).read_text())
    assert links
    for link, place in links:
        target = (ROOT / document).parent.joinpath(link)
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert not place or place in {it.lower().replace(" ", "-") for it in headings}, place


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
