"""A newcomer: the tutorial, typed as it stands, with the built wheel in an empty environment."""

from __future__ import annotations

import os
import re
from itertools import takewhile
from pathlib import Path

import pytest

from tests.support.documents import ROOT, TRANSLATED
from tests.support.tutorial import blocks_of, plain_environment, walking
from tests.support.wheel import build

TUTORIAL = blocks_of("docs/tutorial.md")


def parts_of(document: str) -> list[str | int]:
    """The marks of headings, and the number of columns of rows."""
    found = re.findall(r"^(?:(#+) |(\|.*\|)$)", (ROOT / document).read_text(), re.MULTILINE)
    return [level or row.count("|") for level, row in found]


@pytest.mark.full
def test_the_tutorial_works_as_it_stands(tmp_path: Path) -> None:
    wheel = build(tmp_path)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"django-jwt-refresh @ {wheel.as_uri()}\n")
    environment = plain_environment("COV", "PYTHON") | {
        "PATH": f"{tmp_path / 'typed' / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PIP_CONSTRAINT": str(constraints),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with walking(tmp_path, environment) as walk:
        for block in TUTORIAL:
            walk.take(block)
    (installed,) = (tmp_path / "typed" / ".venv").glob("lib/*/site-packages/jwt_refresh")
    assert (installed / "static" / "jwt_refresh" / "client.js").is_file()


def test_the_first_token_takes_ten_lines() -> None:
    """Everything that is typed, into files as well, and the line that gets it."""
    lines = [line for block in TUTORIAL for line in block.typed]
    before = [*takewhile(lambda line: not line.startswith("curl"), lines)]
    assert len(before) + 1 <= 10


@pytest.mark.parametrize(("document", "original"), TRANSLATED.items())
def test_a_translation_has_the_same_blocks(document: str, original: str) -> None:
    blocks = blocks_of(document)
    assert blocks == blocks_of(original)
    assert blocks


@pytest.mark.parametrize(("document", "original"), TRANSLATED.items())
def test_a_translation_has_the_same_parts(document: str, original: str) -> None:
    """Each heading at its level, and each row of a table at its width, in their order."""
    parts = parts_of(document)
    assert parts == parts_of(original)
    assert parts
