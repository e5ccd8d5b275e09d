"""The package as others install it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .documents import ROOT


def build(directory: Path) -> Path:
    """A wheel, built from a copy, so that nothing is left behind in the source."""
    source = directory / "source"
    for package in ("jwt_refresh", "tests", "example_project"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=leave_out)
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "setup.py"):
        shutil.copy(ROOT / name, source)
    run("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", directory, source)
    (wheel,) = directory.glob("*.whl")
    return wheel


def run(*arguments: str | Path, python: str | Path = sys.executable, cwd: Path = ROOT) -> str:
    """What Python prints, in an environment that knows nothing of the tests' own."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV", "PYTEST", "PYTHON", "TEST_"))
    }
    variables |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONUTF8": "1"}
    finished = subprocess.run(
        [python, *arguments], cwd=cwd, env=variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return finished.stdout
