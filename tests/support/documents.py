"""The Python blocks of the documents, as a reader would copy them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PATHS = (
    "README.md",
    "docs/going-live.md",
    "docs/browsers.md",
    "docs/moving-in.md",
    "docs/testing.md",
    "docs/async.md",
)
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
