"""What serves the example project to Schemathesis, with a stand-in that asks a little."""

from __future__ import annotations

import runpy
import stat
import sys
from pathlib import Path

import pytest

from .schemathesis_run import CHECKS, ROOT, main

STAND_IN = f"""#!{sys.executable}
import json, sys
from urllib.request import Request, urlopen
from urllib.error import HTTPError

_, command, url, *options = sys.argv
headers = dict([options[-1].split(": ")]) if "--header" in options else {{}}
assert (command, options[0]) == ("run", "--no-color")
assert options[options.index("--checks") + 1].split(",") == {[*CHECKS]!r}
base = url.removesuffix("/schema/")

def ask(method, path, body=None):
    request = Request(base + path, method=method, headers=headers, data=body)
    try:
        return urlopen(request).status
    except HTTPError as error:
        return error.code

with urlopen(url) as response:
    assert "/auth/refresh/" in json.load(response)["paths"]
statuses = [
    ask("POST", "/auth/login/", b"username=x&password=1"),
    ask("POST", "/auth/login/", b"username=x&password=22"),
    *[ask(*what) for what in (("POST", "/auth/logout/"), ("GET", "/auth/sessions/")) * 2],
]
assert statuses == [200, 401, *([204, 200] if headers else [401, 401]) * 2], statuses
sys.exit("--fail" in options and bool(headers))
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    program = tmp_path / "schemathesis"
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.full
def test_it_asks_as_a_stranger_and_as_a_user(
    stand_in: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of whom logging out makes no stranger."""
    assert main([stand_in, "--no-color"]) == 0
    assert "14 requests were answered." in capfd.readouterr().out


@pytest.mark.full
def test_one_failure_is_enough(
    stand_in: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["schemathesis_run", stand_in, "--no-color", "--fail"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "tests" / "attacks" / "schemathesis_run.py"), run_name="__main__")
    assert ended.value.code == 1
