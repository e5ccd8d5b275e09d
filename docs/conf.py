"""The site: Sphinx makes it of the Markdown in this folder. ``make docs`` builds it."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

from jwt_refresh import __version__

project = "jwt_refresh"
release = __version__
extensions = ["myst_parser"]
nitpicky = True

# As on GitHub: links to a heading by its name, and boxes to tick.
myst_heading_anchors = 3
myst_enable_extensions = ["tasklist"]

html_theme = "furo"
html_title = f"jwt_refresh {release}"
html_copy_source = False
html_show_copyright = False
html_use_index = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
pygments_dark_style = "github-dark"

ABOVE = {"README": "index", "CHANGELOG": "changelog", "SECURITY": "reporting"}
"""The pages that include a document of the folder above."""
INCLUDED = re.compile(r"^```\{include\} (.+)$", re.MULTILINE)


def for_the_site(text: str) -> str:
    """Let links lead to pages that lead, in the repository, to documents of the folder above."""
    text = text.replace("](docs/", "](")
    above = rf"\]\((?:\.\./)?((?:\.\./)*)({'|'.join(ABOVE)})\.md"
    return re.sub(above, lambda found: f"]({found[1]}{ABOVE[found[2]]}.md", text)


def with_titles(text: str) -> str:
    """Let a link that names a file show the title of the page."""
    return re.sub(r"\[(?:docs/)?([\w-]+\.md)\]\(\1(#[\w-]+)?\)", r"[](\1\2)", text)


def read_page(app: Sphinx, page: str, content: list[str]) -> None:
    content[0] = with_titles(for_the_site(content[0]))


def read_included(app: Sphinx, path: Path, page: str, content: list[str]) -> None:
    content[0] = with_titles(for_the_site(content[0]))


def add_texts(app: Sphinx, error: Exception | None) -> None:
    """Put ``llms.txt``, and the Markdown that it leads to, beside the pages."""
    if error is not None or app.builder.format != "html":
        return
    for path in (app.srcdir / "llms.txt", *app.srcdir.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if above := INCLUDED.search(text):
            text = (app.srcdir / above[1]).read_text(encoding="utf-8")
        copy = app.outdir / path.relative_to(app.srcdir)
        copy.write_text(for_the_site(text), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    app.connect("build-finished", add_texts)
