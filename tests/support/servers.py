"""Servers that some tests need, and what becomes of those tests where one is not there."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pwd import getpwnam
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest

HOST = "127.0.0.1"
REDIS = (HOST, 6379)
PATIENCE = 60
"""How long a process may take until it listens, in seconds."""


def leave_out(reason: str) -> NoReturn:
    """Skip the test, with the reason; under CI, where every server must be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(address: tuple[str, int]) -> None:
    """Leave the test out unless something listens."""
    if not listens(address):
        leave_out(f"Nothing listens on port {address[1]}.")


def listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def identity(user: str) -> dict[str, Any]:
    """Whom a process is to run as, for ``subprocess``: programs of databases refuse root."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def directory(user: str) -> Iterator[Path]:
    """One that the programs of ``user`` may enter, which a directory of root's may not be."""
    with TemporaryDirectory(dir="/tmp") as name:
        os.chown(name, getpwnam(user).pw_uid if identity(user) else os.getuid(), -1)
        yield Path(name)


@contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
) -> Iterator[None]:
    """A process that serves ``port``, from when it listens; ``log`` has what it prints."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not listens((HOST, port)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"It does not serve:\n{log.read_text()}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


class Relay:
    """Passes bytes on to a server, until it is cut: then the server is gone for its clients."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._sockets: list[socket.socket] = []
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Listen, again on the same port after a cut."""
        listener = socket.create_server((HOST, self.port))
        self.port = listener.getsockname()[1]
        self._sockets = [listener]
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def cut(self) -> None:
        """Stop listening, and hang up on whoever is connected."""
        for each in self._sockets:
            # One that the other side has closed already is not connected any more.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
