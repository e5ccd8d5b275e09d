"""An exception at any chosen point of the app's own code, and all that anybody is told of it."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from django.db import OperationalError
from django.http import HttpResponse
from django.utils.log import AdminEmailHandler

import jwt_refresh
from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.core.tokens import Issuer


class BrokenError(Exception):
    """What no code of ours expects."""


PACKAGE = str(Path(jwt_refresh.__file__).parent)
ERRORS = (BrokenError, OperationalError)
PIECE = 16
"""A secret is found by each piece of it of so many characters: a printer may break a line."""
ISSUING = {Issuer.issue.__code__, Key.sign.__code__}


class Point(NamedTuple):
    """The entry of a function of ours, or the line at which it returns.

    Of a generator its entry alone: it is left and entered many times, at the end by the garbage
    collector. ``chain`` names the functions of ours that are running, the innermost first.
    """

    event: str
    line: int
    chain: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.event} of line {self.line}: {' < '.join(self.chain)}"


NOWHERE = Point("", 0, ())


class Injection:
    """A run of some code, with ``error`` raised at ``target``; without an error it is explored.

    ``points`` are those that were passed, each once; ``issued`` the tokens that were made, and
    their signatures.
    """

    def __init__(self, target: Point = NOWHERE, error: Exception | None = None) -> None:
        self.target = target
        self.error = error
        self.points: dict[Point, None] = {}
        self.issued: list[str] = []
        self.raised = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Trace this thread, and those that are started meanwhile, for async views."""
        before, of_threads = sys.gettrace(), threading.gettrace()
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(of_threads)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        if self.raised or not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if frame.f_lineno == frame.f_code.co_firstlineno:
            self._pass("call", frame)
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return" and frame.f_code in ISSUING and arg is not None:
            self.issued.append(arg if isinstance(arg, str) else repr(arg)[2:-1])
        # An error at the very return would not show the frame that returns; at its line it does.
        wanted = "return" if self.error is None else "line"
        if event == wanted and not self.raised and not frame.f_code.co_flags & CO_GENERATOR:
            self._pass("line", frame)
        return self._local

    def _pass(self, event: str, frame: FrameType) -> None:
        if self.error is not None and (event, frame.f_lineno) != self.target[:2]:
            return
        point = Point(event, frame.f_lineno, tuple(_ours(frame)))
        if self.error is None:
            self.points[point] = None
        elif point == self.target:
            self.raised = True
            raise self.error


def _ours(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            yield frame.f_code.co_qualname
        frame = frame.f_back


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
        # Each segment of a token begins so, whoever issued it.
        self._pattern = re.compile("|".join([r"eyJ[\w-]{8}", *map(re.escape, self._pieces)]))

    def in_(self, texts: list[str]) -> set[str]:
        """The names of those that are in the texts."""
        found = {match for text in texts for match in self._pattern.findall(text)}
        return {self._pieces.get(match, "a segment of a token") for match in found}


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
