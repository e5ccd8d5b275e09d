"""Questions to npm packages: a script on Node answers them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support.servers import leave_out


def ask_node(script: str, questions: list[dict[str, Any]]) -> list[Any]:
    """Return what a script of this folder answers; ``JOSE`` names the directory of its packages."""
    node = shutil.which("node")
    if node is None or "JOSE" not in os.environ:
        leave_out("There is no Node, or JOSE does not name the directory of the npm packages.")
    done = subprocess.run(
        [node, Path(__file__).with_name(script)],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers
