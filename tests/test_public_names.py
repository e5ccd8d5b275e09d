"""The program that type checkers read uses every public name, and each is there."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import jwt_refresh
from tests.support.documents import BLOCKS, ROOT

CONSUMER = ROOT / ".ci" / "types" / "consumer.py"
PACKAGE = Path(jwt_refresh.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
INTERNAL = {"jwt_refresh.admin"}
"""Modules that list their names for Django alone."""


def listed() -> Iterator[tuple[str, str]]:
    """Each name in an ``__all__``, with its module."""
    for module, path in MODULES.items():
        if module not in INTERNAL and "__all__" in path.read_text():
            yield from ((module, name) for name in import_module(module).__all__)


def imported(code: str) -> dict[str, tuple[str, str]]:
    """What a program imports from us: by its name there, the module and the name here."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jwt_refresh")
        for alias in node.names
        if node.module is not None
    }


def used(code: str) -> set[tuple[str, str]]:
    """What a program does not only import: names, and those of modules that it imports."""
    found = imported(code)
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and node.id in found:
            names.add(found[node.id])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add((".".join(found.get(node.value.id, ())), node.attr))
    return names


def test_the_consumer_uses_every_public_name() -> None:
    public = {*listed()}
    assert len(public) > 80
    assert sorted(public - used(CONSUMER.read_text())) == []


def test_what_others_import_is_listed() -> None:
    """The blocks of the documents, and the consumer."""
    codes = (*BLOCKS.values(), CONSUMER.read_text())
    names = {name for code in codes for name in imported(code).values()}
    objects = {name for name in names if ".".join(name) not in MODULES}
    assert len(objects) > 70
    assert sorted(objects - {*listed()}) == []


def test_a_name_that_is_only_imported_is_not_used() -> None:
    code = "from jwt_refresh import sessions\nfrom jwt_refresh.models import Session as S, Row\n"
    assert used(code) == set()
    assert used(f"{code}S\nsessions.start") >= {
        ("jwt_refresh.models", "Session"),
        ("jwt_refresh.sessions", "start"),
    }


def test_the_consumer_can_be_imported() -> None:
    """Django keeps its receivers weakly: they are gone with the program."""
    program = runpy.run_path(str(CONSUMER), run_name="consumer")
    assert len(program["REFUSALS"]) == 17
    assert program["MIDDLEWARE"] == ["jwt_refresh.middleware.JWTMiddleware"]
