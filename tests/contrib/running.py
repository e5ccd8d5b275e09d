"""Tests in a project of their own: with packages that must be there from the start."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.documents import ROOT


def run_cases(package: str, *ignored: str) -> str:
    """Run the ``cases`` of a package with its ``settings``; what pytest prints, if all passed.

    ``ignored`` are the beginnings of warnings that other packages give.
    """
    inherited = {name: it for name, it in os.environ.items() if not name.startswith("TEST_")}
    settings = {"DJANGO_SETTINGS_MODULE": f"tests.contrib.{package}.settings"}
    cases = f"tests/contrib/{package}/cases.py"
    options = ["-q", "-p", "no:cacheprovider", *(f"-Wignore:{it}" for it in ignored)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, cases],
        cwd=ROOT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
