"""The description of the package: README.md, without what an index of packages cannot follow."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
# No address of the repository is known here: a picture becomes its words, a link the path.
text = re.sub(r"!\[([^]]+)\]\((?!https?:)[^)]+\)", r"*\1*", text)
text = re.sub(r"\[[^]]+\]\((?!https?:)([^)]+)\)", r"`\1`", text)

setup(long_description=text)
