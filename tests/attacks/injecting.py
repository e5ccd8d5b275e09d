"""An exception at any chosen point of the app's own code, and all that anybody is told of it.

Every function of ours gets code that calls ``Injection.reach`` where it begins and where it
returns. A tracer would do as much, but would take the place of the one that measures coverage.
"""

from __future__ import annotations

import ast
import builtins
import gc
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

from django.db import OperationalError
from django.http import HttpResponse
from django.utils.log import AdminEmailHandler

import jwt_refresh
from tests.support.forging import segments_in


class BrokenError(Exception):
    """What no code of ours expects."""


ERRORS = (BrokenError, OperationalError)
PACKAGE = Path(jwt_refresh.__file__).parent
PIECE = 16
"""A secret is found by each piece of it of so many characters: a printer may break a line."""
REACH = "__reach__"


class Point(NamedTuple):
    """Where a function of ours begins, or a line at which it returns.

    ``chain`` names the functions of ours that are running, the innermost first.
    """

    event: str
    line: int
    chain: tuple[str, ...]


NOWHERE = Point("", 0, ())


class Injection:
    """A run of some code, with ``error`` raised at ``target``; without an error it is explored.

    ``points`` are those that were reached, each once.
    """

    def __init__(self, target: Point = NOWHERE, error: Exception | None = None) -> None:
        self.target = target
        self.error = error
        self.points: dict[Point, None] = {}
        self.raised = False

    def reach(self, event: str, line: int) -> None:
        if self.error is not None and (self.raised or (event, line) != self.target[:2]):
            return
        point = Point(event, line, tuple(_ours(sys._getframe(1))))
        self.points[point] = None
        if self.error is not None and point == self.target:
            self.raised = True
            raise self.error

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let every function of ours call ``reach``, in all threads."""
        setattr(builtins, REACH, self.reach)
        for function, (_, reaching) in _functions().items():
            function.__code__ = reaching
        try:
            yield
        finally:
            for function, (plain, _) in _functions().items():
                function.__code__ = plain


def _ours(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(str(PACKAGE)):
            yield frame.f_code.co_qualname
        frame = frame.f_back


@cache
def _functions() -> dict[FunctionType, tuple[CodeType, CodeType]]:
    """The functions of ours, wrapped ones too, with their code and the one that calls ``reach``.

    Those that are made while a function runs come from the code of that function.
    """
    reaching = {_name(code): code for path in PACKAGE.rglob("*.py") for code in _codes(path)}
    # Not `isinstance`: it asks a lazy object what it is, and the `resolver_match` of a response
    # that is gone then resolves its path with the URLs of another test.
    found = [it for it in gc.get_objects() if type(it) is FunctionType]
    return {
        it: (it.__code__, reaching[_name(it.__code__)])
        for it in found
        if _name(it.__code__) in reaching
    }


def _name(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _codes(path: Path) -> Iterator[CodeType]:
    """The code of each function of a module, with calls of ``reach``."""
    tree = _Reaching().visit(ast.parse(path.read_text()))
    left = [compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)]
    for code in left:
        inner = [it for it in code.co_consts if isinstance(it, CodeType)]
        left += inner
        yield from (it for it in inner if not it.co_name.startswith("<"))


class _Reaching(ast.NodeTransformer):
    def visit_FunctionDef(self, node: Any) -> Any:
        self.generic_visit(node)
        # The lines of the function itself would count as run where they are not.
        ending, beginning = _call("line", node), _call("call", node)
        node.body = [beginning, *node.body, ending]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Return(self, node: ast.Return) -> Any:
        self.generic_visit(node)
        return [_call("line", node), node]


def _call(event: str, node: ast.stmt) -> ast.Expr:
    (made,) = ast.parse(f"{REACH}({event!r}, {node.lineno})").body
    for part in ast.walk(made):
        ast.copy_location(part, node)
        # On one line, wherever the node ends.
        part.end_lineno = node.lineno  # type: ignore[attr-defined]
    assert isinstance(made, ast.Expr)
    return made


class Told(AdminEmailHandler):
    """Everything that is logged, with the mail that Django makes of an error."""

    def __init__(self) -> None:
        super().__init__(include_html=True)
        self.texts: list[str] = []
        self.mails = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.texts += [record.getMessage(), repr(vars(record))]
        if record.exc_info:
            super().emit(record)

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        self.mails += 1
        self.texts += [subject, message, kwargs["html_message"]]

    @contextmanager
    def listening(self) -> Iterator[None]:
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(self)
            root.setLevel(level)


class Secrets:
    """Texts that nobody may be told, nor any piece of them."""

    def __init__(self, named: dict[str, str]) -> None:
        self._pieces = {piece: name for name, text in named.items() for piece in _pieces(text)}
        self._pattern = re.compile("|".join(map(re.escape, self._pieces)))

    def in_(self, texts: list[str]) -> set[str]:
        """The names of those that are in the texts."""
        found = {self._pieces[it] for text in texts for it in self._pattern.findall(text)}
        return found | {"a segment of a token" for text in texts if segments_in(text)}


def _pieces(text: str) -> Iterator[str]:
    for word in re.split(r"[\s.$]", text):
        yield from (word[at : at + PIECE] for at in range(0, len(word) - PIECE + 1, PIECE))


def run(act: Callable[[], HttpResponse], injection: Injection) -> tuple[HttpResponse, Told]:
    """The answer of a request, and what was told of it."""
    told = Told()
    with told.listening(), injection.running():
        try:
            response = act()
        except ERRORS as error:
            # After the answer: a server logs what the response raises as it is closed.
            trace: Any = error.__traceback__
            while trace.tb_frame.f_code is not HttpResponse.close.__code__:
                trace = trace.tb_next
            logging.getLogger("server").error("", exc_info=error.with_traceback(trace))
            response = HttpResponse(status=500)
    return response, told
