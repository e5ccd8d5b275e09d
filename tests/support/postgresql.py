"""Servers of PostgreSQL that a test makes for itself: a primary, and standbys that lag."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from .servers import HOST, Relay, free_port, identity, leave_out

USER = "postgres"
PROGRAMS = "/usr/lib/postgresql/*/bin"
CONFIGURATION = """
fsync = off
max_connections = 200
unix_socket_directories = ''
listen_addresses = '127.0.0.1'
"""


def programs(pattern: str = PROGRAMS, driver: str = "psycopg") -> Path:
    """The directory of the newest ones; without them, or a driver, the test is left out."""
    found = sorted(Path("/").glob(pattern.lstrip("/")))
    if not found or find_spec(driver) is None:
        leave_out("PostgreSQL's programs, or its driver, are not there.")
    return found[-1]


class Server:
    """One server, with its own data."""

    def __init__(self, bin_directory: Path, data: Path) -> None:
        self.programs, self.data = bin_directory, data
        self.port = free_port()

    def initialise(self) -> None:
        self._run("initdb", "--pgdata", self.data, f"--username={USER}", "--auth=trust",
                  "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip
        self._append("postgresql.conf", CONFIGURATION)

    def follow(self, primary: Server, link: Relay) -> None:
        """Copy it, and hear through the ``link`` what is written from then on."""
        self._run("pg_basebackup", "--pgdata", self.data, f"--host={HOST}", f"--username={USER}",
                  f"--port={primary.port}", "--write-recovery-conf", "--checkpoint=fast",
                  "--wal-method=stream", "--no-sync")  # fmt: skip
        address = f"host={HOST} port={link.port} user={USER}"
        self._append("postgresql.auto.conf", f"primary_conninfo = '{address}'\n")

    def start(self) -> None:
        self._control("start", "--log", self.data / "log", "--options", f"-p {self.port}")

    def promote(self) -> None:
        self._control("promote")

    def kill(self) -> None:
        """At once, and all of its processes, as if its machine had lost power."""
        process = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for each in (process, *map(int, children)):
            # A child that sees its parent gone goes by itself.
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def _control(self, act: str, *options: str | Path) -> None:
        self._run("pg_ctl", act, "--pgdata", self.data, "--wait", "--silent", *options)

    def _append(self, name: str, text: str) -> None:
        with (self.data / name).open("a") as file:
            file.write(text)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self.programs / program, *arguments]
        # To a file: what it starts keeps a pipe open.
        with (self.data.parent / "output").open("ab") as output:
            subprocess.run(command, check=True, cwd=self.data.parent, stdout=output,
                           stderr=subprocess.STDOUT, **identity(USER))  # fmt: skip
