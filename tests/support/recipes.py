"""The package ``logins`` of ``docs/extending.md``, as somebody would have typed it."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from typing import Any

from .documents import BLOCKS

PACKAGE = "logins"
FILES = {
    found[1]: code
    for place, code in BLOCKS.items()
    if place.startswith("docs/extending.md") and (found := re.match(r"# (logins/\w+\.py)", code))
}
"""By path."""
_MODULES = {path.removesuffix(".py").replace("/", "."): code for path, code in FILES.items()}


class _Typed(InspectLoader, MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        known = name == PACKAGE or name in _MODULES
        return spec_from_loader(name, self, is_package=name == PACKAGE) if known else None

    def get_source(self, fullname: str) -> str:
        return _MODULES.get(fullname, "")


sys.meta_path.append(_Typed())


def recipe(name: str) -> Any:
    """A module of the package."""
    return import_module(f"{PACKAGE}.{name}")
