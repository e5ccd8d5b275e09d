"""The tests on each Python and Django that ``setup.cfg`` names: ``nox --list``, then ``nox``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from configparser import ConfigParser
from itertools import product
from pathlib import Path

import nox

nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
# Behind what is there already: of pyenv's Pythons, nox sees only those that are switched on.
os.environ["PATH"] = os.pathsep.join(
    [os.environ["PATH"], *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
)

CONFIG = ConfigParser()
CONFIG.read(Path(__file__).with_name("setup.cfg"))
CLASSIFIERS = CONFIG["metadata"]["classifiers"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", CLASSIFIERS)
DJANGOS = re.findall(r"Django :: (\d+\.\d+)", CLASSIFIERS)
LOWEST = dict(re.findall(r"(\S+) >= (\S+)", CONFIG["options"]["install_requires"]))
NEXT = "3.14"
"""A Python that is not promised yet, for those who have it."""
NEEDS_NEWER = {"6.0": "3.17", "6.1": "3.18"}
"""The first REST framework that says it runs on a Django, where the lowest one does not."""


def matrix() -> Iterator[object]:
    for python, django, needs in product([*PYTHONS, NEXT], DJANGOS, ("lowest", "newest")):
        # Django 6 wants Python 3.12, and what was new before a Python knows nothing of it.
        if (python == "3.11" and django != "5.2") or (python == NEXT and needs == "lowest"):
            continue
        yield nox.param(python, django, needs, id=f"py{python}-django{django}-{needs}")


@nox.session
@nox.parametrize("python,django,needs", list(matrix()))
def tests(session: nox.Session, django: str, needs: str) -> None:
    wanted = [f"Django=={django}.*"]
    if needs == "lowest":
        lowest = LOWEST | {"Django": django}
        lowest["djangorestframework"] = NEEDS_NEWER.get(django, lowest["djangorestframework"])
        wanted = [f"{name}=={version}" for name, version in lowest.items()]
    database = os.environ.get("TEST_DATABASE", "sqlite")
    extras = "test" if database == "sqlite" else "servers,test"
    newest = ("--upgrade", "--upgrade-strategy", "eager")
    session.install("--quiet", *newest, "--editable", f".[{extras}]", *wanted)
    tool = ["coverage", "run", "-m", "pytest"] if os.environ.get("COVERAGE") else ["pytest"]
    session.run("python", "-m", *tool, *(session.posargs or ["-n", "auto"]))
