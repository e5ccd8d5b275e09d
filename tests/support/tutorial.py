"""The tutorial, gone through as its reader does: files written, commands typed, a server beside.

Only the port is another one than the text says.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from .documents import ROOT
from .servers import HOST, free_port, running

ADDRESS = f"{HOST}:8000"
SERVE = "python manage.py runserver"
SILENT = "System check identified no issues (0 silenced)."
END = "\036"
"""What the shell writes behind the answer to a command, with its status."""

_block = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_command = re.compile(r"^\$ (.+)\n((?:(?!\$ ).+\n)*)", re.MULTILINE)
_name = re.compile(r"(?:# |\{# )(shop/[\w/]+\.\w+)").match


@dataclass(frozen=True)
class Block:
    """A block of a document, in the language that it names."""

    language: str
    text: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """What is typed into a terminal, line by line, and what the document shows below it."""
        if self.language != "console":
            return []
        return [(line, shown.strip()) for line, shown in _command.findall(self.text)]

    @property
    def typed(self) -> list[str]:
        """The lines that somebody types, into a file or a terminal: no comment, nothing empty."""
        if self.language == "console":
            return [line for line, _ in self.commands]
        lines = self.text.splitlines()
        return [line for line in lines if line.strip() and not line.startswith("# ")]


def blocks_of(document: str) -> list[Block]:
    text = (ROOT / document).read_text()
    return [Block(*found) for found in _block.findall(text)]


class Walk:
    """Somebody who types the blocks in a folder.

    ``instead`` has what is typed in the place of some words.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        instead: Mapping[str, str],
        stack: ExitStack,
    ) -> None:
        self.folder = folder / "typed"
        self.folder.mkdir()
        self.port = free_port()
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._instead = {**instead, ADDRESS: f"{HOST}:{self.port}"}
        self._log = folder / "log"
        self._server = stack.enter_context(ExitStack())
        self._is_written = False
        shell: Any = stack.enter_context(
            subprocess.Popen(
                ["bash"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        self._ask: IO[str] = shell.stdin
        self._hear: IO[str] = shell.stdout

    def take(self, block: Block) -> None:
        """Do what a block says, and see that it is answered as the document shows."""
        if block.language != "console":
            self._write(block.text)
        for line, shown in block.commands:
            if line == SERVE:
                self.serve()
            else:
                self._type(line, shown)

    def serve(self) -> None:
        """Start the server, which finds nothing to complain of, with all that was written.

        It starts nothing by itself: one that is ended while it starts anew leaves a process.
        """
        self._server.close()
        self._is_written = False
        command = [*SERVE.split(), "--noreload", str(self.port)]
        serving = running(command, self.port, self.folder, self._environment, self._log)
        self._server.enter_context(serving)
        told = self._log.read_text()
        assert SILENT in told, told

    def _write(self, text: str) -> None:
        found = _name(text)
        assert found, text
        path = self.folder / found[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{text}" if file.tell() else text)
        self._is_written = True

    def _type(self, line: str, shown: str) -> None:
        """Type a command, and hear what is shown: ``…`` is the rest of a token.

        Where nothing is shown, the command works, whatever it says.
        """
        if ADDRESS in line and self._is_written:
            # The reader's does so by itself, within a second or two that nobody sees the end of.
            self.serve()
        for words, others in self._instead.items():
            line = line.replace(words, others)
        self._ask.write(f"{line}\nprintf '\\n%s\\n{END}\\n' $?\n")
        self._ask.flush()
        *said, status = takewhile(lambda heard: heard != f"{END}\n", self._hear)
        told = "".join(said).strip()
        assert status == "0\n", (line, told)
        pattern = re.escape(shown).replace("…", r"[\w.-]+")
        assert not shown or re.fullmatch(pattern, told), (line, told)


@contextmanager
def walking(
    folder: Path, environment: Mapping[str, str], instead: Mapping[str, str] | None = None
) -> Iterator[Walk]:
    """A walk in ``folder``, until it is over, with its shell and its server."""
    with ExitStack() as stack:
        yield Walk(folder, environment, instead or {}, stack)


def plain_environment(*strange: str) -> dict[str, str]:
    """The environment without what is for these tests, nor what begins as is ``strange``."""
    ours = ("DJANGO", "PYTEST", "TEST_", *strange)
    return {name: it for name, it in os.environ.items() if not name.startswith(ours)}
