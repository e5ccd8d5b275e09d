"""The Python blocks of the documents, as a reader would copy them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PATHS = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
TRANSLATED = {
    f"docs/ko/{path.name}": path.name if path.name in PATHS else f"docs/{path.name}"
    for path in sorted((ROOT / "docs" / "ko").glob("*.md"))
}
"""Documents in another language, each with the English one, whose blocks it has."""
TEXTS = {path: (ROOT / path).read_text() for path in PATHS}
BLOCKS = {
    f"{path}:{text.count(chr(10), 0, found.start()) + 2}": dedent(found[2])
    for path, text in TEXTS.items()
    for found in re.finditer(r"^( *)```python\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
}
"""By document and line."""


def block_with(words: str, document: str = "") -> str:
    """The only block in which these words stand; of all documents, where none is named."""
    (code,) = (code for at, code in BLOCKS.items() if at.startswith(document) and words in code)
    return code
