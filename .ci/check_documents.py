"""Run mypy --strict over the Python blocks of the documents, each as a module of its own."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from mypy import api

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.documents import BLOCKS, ROOT
from tests.support.recipes import FILES

# What stands in the file already to which a block is added.
GIVEN = {
    "INSTALLED_APPS": "INSTALLED_APPS: list[str] = []",
    "MIDDLEWARE": "MIDDLEWARE: list[str] = []",
    "urlpatterns": "from typing import Any\nurlpatterns: list[Any] = []",
}
# Packages without types, or that are not here.
FOREIGN = re.compile(r"^from (adrf|allauth|celery|channels|client)\b", re.MULTILINE)


def write_blocks(folder: Path) -> list[str]:
    """Write each block to a file that tells where it stands."""
    # The packages whose modules other blocks import.
    for path, code in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(code, encoding="utf-8")
    written = []
    for place, code in BLOCKS.items():
        if FOREIGN.search(code):
            continue
        given = [line for name, line in GIVEN.items() if re.search(rf"\b{name}\b", code)]
        document, number = place.split(":")
        path = folder / f"{Path(document).stem.lower().replace('-', '_')}_line_{number}.py"
        path.write_text("\n".join([*given, code]), encoding="utf-8")
        written.append(str(path))
        if "class MeView" in code or code.startswith("# shop/views.py"):
            # The project whose views other blocks import.
            (folder / "shop").mkdir(exist_ok=True)
            with (folder / "shop" / "views.py").open("a", encoding="utf-8") as views:
                views.write(code)
    return written


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        paths = write_blocks(Path(folder))
        stdout, stderr, status = api.run(["--config-file", str(ROOT / "setup.cfg"), *paths])
    sys.stdout.write(stdout + stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
