"""What runs in the processes that ``processes`` starts.

A server that forks a process for each connection that it is handed. None is open to a database
before the fork, and none is shared after it.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import django
from django.core.checks import run_checks
from django.test.utils import setup_test_environment

PATIENCE = 300
"""After how many seconds without an answer a process is ended: a deadlock must not hang the run."""


def main(gate: str) -> None:
    """Fork until the other end of stdin is closed, then wait until all workers are gone."""
    django.setup()
    setup_test_environment()
    # All is imported once, the URL conf included.
    from tests.support import receivers

    from . import acts, steps  # noqa: F401

    run_checks()
    # They read before what is raced for is written, which SQLite answers with "locked".
    receivers.disconnect()
    # Else each would copy it all, at the latest when it ends.
    gc.freeze()

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=sys.stdin.fileno()) as control:
        while handed := socket.recv_fds(control, 1, 1)[1]:
            if not os.fork():
                work(Connection(handed[0]), gate)
                return
            os.close(handed[0])
    with suppress(ChildProcessError):
        os.wait()


def work(tests: Connection, gate: str) -> None:
    """Do what the tests send, one after the other, and send back what came of it."""
    from django.db import connection
    from django.test import override_settings

    while True:
        try:
            settings, act = tests.recv()
        except EOFError:
            return
        signal.alarm(PATIENCE)
        with override_settings(**settings):
            connection.ensure_connection()
            tests.send("ready")
            pass_through(gate)
            outcome = outcome_of(act)
        signal.alarm(0)
        tests.send(outcome)


def pass_through(gate: str) -> None:
    """Wait until the tests open the gate. It wakes all who wait at once."""
    with open(gate, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def outcome_of(act: Callable[[], Any]) -> Any:
    """What ``act`` returns or raises; with the traceback, which no pickle keeps."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - the tests raise it
        error.add_note(traceback.format_exc())
        return error
