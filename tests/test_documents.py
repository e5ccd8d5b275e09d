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
    "document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/security.md"]
)
def test_what_a_document_links_to_is_there(document: str) -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", (ROOT / document).read_text())
    assert links
    for link in links:
        assert (ROOT / document).parent.joinpath(link).is_file(), link


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
    modules = (ROOT / "tests" / "attacks").glob("*.py")
    named = re.findall(r'"(A\d\d) |\bdef test_(a\d\d)_', "".join(it.read_text() for it in modules))
    assert {"".join(number).upper() for number in named} == documented
