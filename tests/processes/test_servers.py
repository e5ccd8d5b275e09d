"""The servers of the tests: each is there, or the test says that it is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.galera import need_programs
from tests.support.postgresql import programs
from tests.support.servers import HOST, free_port, leave_out, listens, need, running


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_server_that_is_not_there_is_no_success(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: Any
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="a reason"):
        leave_out("a reason")
    # Nothing listens there: it is below what an ordinary process may take.
    with pytest.raises(outcome, match="Nothing listens on port 1"):
        need((HOST, 1))


@pytest.mark.parametrize(
    ("needing", "missing"),
    [
        (programs, {"pattern": "/nowhere/*"}),
        (programs, {"driver": "no_such_driver"}),
        (need_programs, {"files": ["/nowhere"]}),
        (need_programs, {"driver": "no_such_driver"}),
    ],
)
def test_programs_that_are_not_there_are_no_success(
    monkeypatch: pytest.MonkeyPatch, needing: Any, missing: dict[str, Any]
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="are not there"):
        needing(**missing)


def test_a_process_serves_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    serve = (sys.executable, "-m", "http.server", str(port), "--bind", HOST)
    with running(serve, port, tmp_path, os.environ, log):
        need((HOST, port))
    assert not listens((HOST, port))


def test_a_process_that_cannot_serve_says_why(tmp_path: Path) -> None:
    fail = (sys.executable, "-c", "raise SystemExit('no such database')")
    served = running(fail, free_port(), tmp_path, os.environ, tmp_path / "log")
    with pytest.raises(RuntimeError, match="no such database"):
        served.__enter__()
