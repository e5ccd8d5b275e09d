"""Generate clients from the schema of the example project, and call every endpoint with them.

``python .ci/clients/check.py NODE``: NODE is the directory in which npm has installed
openapi-typescript, openapi-fetch, typescript, pyright and @types/node. This Python has the example
project, openapi-core, openapi-python-client and mypy.

Where tokens travel in the header, and where they travel in cookies: the schema is valid, the types
that come from it suit our programs, these run against a server in each style, and each answer of
that server is as the schema says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openapi_spec_validator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.servers import HOST, free_port, running

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "openapi.md").read_text()
COMMANDS = re.findall(r"^\$ ((?:python|npx|openapi-).+)$", PAGE, re.MULTILINE)
"""The commands of the page that install nothing."""
CHECK_TS = (
    "tsc --strict --noUncheckedIndexedAccess --exactOptionalPropertyTypes --skipLibCheck"
    " --target es2022 --module nodenext --types node *.ts"
)
# Not the generator's own client.py, whose types are no matter of the schema.
CHECK_PY = "mypy --strict --follow-imports silent call_*.py answers.py client/api client/models"
CHECK_PY_AGAIN = f"pyright --pythonpath {sys.executable} call_*.py answers.py"
SETTINGS = """
from datetime import timedelta

from example_project.settings import *
from jwt_refresh.core.keys.generating import generate_private_key

MIDDLEWARE = ["checking.middleware", *MIDDLEWARE]
JWT_REFRESH |= {{"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [generate_private_key("EdDSA")]}} | {more}
"""
PAIR = "'REFRESH_LIFETIME': timedelta(days=14)"
COOKIES = "'ACCESS_COOKIE': 'auth-1', 'REFRESH_COOKIE': 'auth-2', 'COOKIE_SECURE': False"
STYLES = {
    "plain": {"sliding": "{}", "pair": f"{{{PAIR}}}"},
    "cookies": {"pair": f"{{{PAIR}, {COOKIES}}}"},
}
"""By the program of ours: the styles that it runs in, with their settings."""
EXPECTED = {"plain": {400, 401, 404, 409, 429}, "cookies": {401, 403}}
"""The errors that each program provokes."""


def main(node: Path) -> None:
    for program, styles in STYLES.items():
        with TemporaryDirectory(prefix="clients-") as name:
            folder = Path(name)
            write_settings(folder, next(iter(styles.values())))
            schema = generate(folder, node, program)
            for style, more in styles.items():
                write_settings(folder, more)
                serve(folder, node, program, style, schema)


def write_settings(folder: Path, more: str) -> None:
    (folder / "settings.py").write_text(SETTINGS.format(more=more))


def environment(folder: Path, node: Path) -> dict[str, str]:
    paths = (BIN, node / "node_modules" / ".bin", os.environ["PATH"])
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "settings",
        "EXAMPLE_DATABASE": str(folder / "db.sqlite3"),
        "OPENAPI_ANSWERED": str(folder / "answered"),
        "OPENAPI_SCHEMA": str(folder / "schema.json"),
        "PATH": os.pathsep.join(map(str, paths)),
        "PYTHONPATH": os.pathsep.join(map(str, (folder, HERE, ROOT))),
    }


def generate(folder: Path, node: Path, program: str) -> dict[str, Any]:
    """Write the schema and both clients, check the types of our programs, and return the schema."""
    (folder / "manage.py").symlink_to(ROOT / "manage.py")
    (folder / "node_modules").symlink_to(node / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / f"{program}.ts", folder)
    shutil.copy(HERE / "answers.py", folder)
    shutil.copy(HERE / f"{program}.py", folder / f"call_{program}.py")
    checks = (CHECK_TS, CHECK_PY, CHECK_PY_AGAIN)
    if program == "plain":
        (folder / "page.ts").write_text(block("ts"))
        (folder / "call_page.py").write_text(block("python", "from client "))
    (folder / "pyrightconfig.json").write_text('{"strict": ["call_*.py", "answers.py"]}')
    for command in [*COMMANDS, *checks]:
        subprocess.run(command, cwd=folder, env=environment(folder, node), shell=True, check=True)
    schema: dict[str, Any] = json.loads((folder / "schema.json").read_text())
    openapi_spec_validator.validate(schema)
    return schema


def block(language: str, words: str = "") -> str:
    """Return the only block of the page in a language, with these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (code,) = [code for code in blocks if words in code]
    return code


def serve(folder: Path, node: Path, program: str, style: str, schema: dict[str, Any]) -> None:
    """Let both programs call a server, and see what it has answered."""
    answered, log = folder / "answered", folder / "log"
    answered.write_text("")
    port = free_port()
    site = f"http://{HOST}:{port}"
    command = (sys.executable, ROOT / "manage.py", "demo", "--port", str(port))
    with running(command, port, folder, environment(folder, node), log):
        try:
            for call in (("node", f"{program}.js"), (sys.executable, f"call_{program}.py")):
                subprocess.run([*call, site, style], cwd=folder, check=True)
        except subprocess.CalledProcessError:
            sys.stderr.write(log.read_text())
            raise
    statuses = defaultdict(set)
    for line in answered.read_text().splitlines():
        method, path, status = line.split()
        statuses[method.upper(), path].add(int(status))
    described = {
        (method.upper(), path)
        for path, operations in schema["paths"].items()
        for method in operations
        if path != "/schema/"
    }
    uncalled = {it for it in described if not any(status < 300 for status in statuses[it])}
    errors = {status for each in statuses.values() for status in each if status >= 400}
    if uncalled or errors != EXPECTED[program]:
        raise SystemExit(f"Not called: {sorted(uncalled)}. Errors: {sorted(errors)}.")
    kinds = sum(map(len, statuses.values()))
    print(f"{program}, {style}: {len(described)} operations, {kinds} kinds of answer, as described")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
