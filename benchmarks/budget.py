"""The lines of code of each room of jwt_refresh, beside its budget, and the places worth a look.

The budget is a guide: it fails nothing. The token core must stay small enough to audit in one
sitting, so who adds a feature says what it cost.

A line of code holds a part of a statement. Blank lines, comments, strings that stand alone (which
are docstrings) and migrations do not count.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "jwt_refresh"
DJANGO = "names of Django"
BUDGET = {"core": 640, "sessions": 560, "stores": 140, "web": 330, "checks": 260, DJANGO: 750}
"""Most lines of code that a room should hold. A room that is not here has no budget."""
EXPECTED = {
    "admin",
    "apps",
    "authentication",
    "decorators",
    "management",
    "middleware",
    "models",
    "permissions",
    "serializers",
    "signals",
    "urls",
    "views",
}
"""Names at the top of the package that Django, REST framework and their users expect."""
LONG_FUNCTION, LONG_FILE, SHORT_FILE = 30, 200, 20
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@dataclass(frozen=True)
class Module:
    path: Path
    """As it is imported: it begins with the name of the package."""
    lines: int
    functions: dict[str, int]
    """Lines of code of each function, from ``def`` on, by ``<line> <name>``."""

    @property
    def room(self) -> str:
        top = self.path.parts[1].removesuffix(".py")
        return DJANGO if top in EXPECTED else top


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """The numbers of the lines that hold code, counted from 1."""
    prose = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in lines_of(node)
    }
    lines = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        first, last = token.start[0], token.end[0]
        if token.type in NO_CODE or (token.type == tokenize.STRING and first in prose):
            continue
        lines.update(range(first, last + 1))
    return lines


def lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def measure(path: Path, package: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = code_lines(source, tree)
    functions = {
        f"{node.lineno} {node.name}": len(lines.intersection(lines_of(node)))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return Module(path.relative_to(package.parent), len(lines), functions)


def modules(package: Path) -> list[Module]:
    paths = (path for path in package.rglob("*.py") if path.parent.name != "migrations")
    return [measure(path, package) for path in sorted(paths)]


def table(found: list[Module]) -> Iterator[str]:
    """One row a room, those with a budget first."""
    counted = Counter(dict.fromkeys(BUDGET, 0))
    for module in found:
        counted[module.room] += module.lines
    yield f"{'room':<18}{'lines':>6}{'budget':>8}"
    for room, lines in counted.items():
        budget = BUDGET.get(room)
        over = f"  over by {lines - budget}" if budget is not None and lines > budget else ""
        yield f"{room:<18}{lines:>6}{budget or '':>8}{over}".rstrip()
    yield f"{'all':<18}{counted.total():>6}"


def places(found: list[Module]) -> Iterator[str]:
    """Lines on functions and files that may lack a noun, and on files that may be one too many.

    A file that Django expects may be as short as it likes.
    """
    for module in found:
        path = module.path.as_posix()
        if module.lines > LONG_FILE:
            yield f"{path}: {module.lines} lines, more than {LONG_FILE}"
        named_by_others = module.room == DJANGO or module.path.name == "__init__.py"
        if module.lines < SHORT_FILE and not named_by_others:
            yield f"{path}: {module.lines} lines, fewer than {SHORT_FILE}"
        for name, lines in module.functions.items():
            if lines > LONG_FUNCTION:
                yield f"{path}:{name}: {lines} lines, more than {LONG_FUNCTION}"


def report(package: Path) -> str:
    found = modules(package)
    lines = [*table(found), "", "Places to look:", *(list(places(found)) or ["none"])]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(report(PACKAGE))
