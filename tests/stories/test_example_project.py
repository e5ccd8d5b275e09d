"""The example project, served as a process of its own, and the README that shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.support.documents import ROOT
from tests.support.servers import HOST, free_port, running

README = (ROOT / "README.md").read_text()
ADDRESS = "127.0.0.1:8000"
ON_A_SERVER = """
import django
django.setup()

from django.test import Client, override_settings

with override_settings(DEBUG=False, ALLOWED_HOSTS=["testserver"]):
    print(Client().get("/").content.decode())
"""
"""The demo page where others can reach it."""


def command(port: int) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--port", str(port)]


def environment(database: Path) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_DATABASE": str(database),
    }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("example") / "db.sqlite3"


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[str]:
    port = free_port()
    log = database.with_name("log")
    with running(command(port), port, ROOT, environment(database), log):
        yield f"{HOST}:{port}"


def shell(script: str) -> str:
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def transcript() -> list[tuple[str, str]]:
    """The commands of the README's first console block, and what it shows below each."""
    block = README.split("```console\n", 1)[1].split("```", 1)[0]
    steps = re.findall(r"^\$ (.+)\n((?:(?!\$ ).+\n)*)", block, re.MULTILINE)
    return [(line, shown.strip()) for line, shown in steps]


def test_the_readme_shows_what_curl_gets(server: str) -> None:
    """Word for word; only the port is another, and ``…`` stands for the rest of a token."""
    steps = transcript()
    script = "\nprintf '\\036'\n".join(line for line, _ in steps)
    outputs = shell(script.replace(ADDRESS, server)).split("\036")
    assert len(outputs) == len(steps) == 10
    for (line, shown), output in zip(steps, outputs, strict=True):
        pattern = re.escape(shown).replace("…", r"[\w.-]+")
        assert re.fullmatch(pattern, output.strip()), (line, output)


def test_the_tutorial_addresses_take_the_bare_token(server: str) -> None:
    output = shell(f"""
        login() {{ curl -s -d username=ann -d password=violet-harbor-93 {server}/login; }}
        TOKEN=$(login | cut -d'"' -f4)
        NEW=$(curl -s -X POST -H "Authorization: $TOKEN" {server}/refresh_token | cut -d'"' -f4)
        test "$TOKEN" != "$NEW" && curl -s -H "Authorization: $NEW" {server}/hello
    """)
    assert output == "Hello, ann!\n"


def test_the_admin_opens_with_the_password_that_is_printed(server: str, tmp_path: Path) -> None:
    output = shell(f"""
        cd {tmp_path}
        curl -s -c jar -o /dev/null {server}/admin/login/
        CSRF=$(awk '/csrftoken/ {{print $7}}' jar)
        curl -s -L -b jar -c jar -d csrfmiddlewaretoken=$CSRF -d username=admin \
            -d password=silver-meadow-27 {server}/admin/login/?next=/admin/jwt_refresh/session/
    """)
    assert "Select session to view" in output


def test_a_second_start_works_and_a_taken_port_is_named(
    server: str, database: Path, tmp_path: Path
) -> None:
    port = int(server.partition(":")[2])
    done = subprocess.run(
        command(port),
        cwd=ROOT,
        env=environment(database),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"Port {port} of {HOST} is taken." in done.stderr
    assert f"make demo PORT={port + 1}" in done.stderr
    other, log = free_port(), tmp_path / "log"
    with running(command(other), other, ROOT, environment(database), log):
        printed = shell(
            f"curl -s -d username=ann -d password=violet-harbor-93 {HOST}:{other}/auth/login/"
        )
    output = log.read_text()
    assert output.lstrip().startswith(f"Open    http://{HOST}:{other}/\n")
    assert "access_token" in printed
    assert "violet-harbor-93" in output
    assert "silver-meadow-27" in output


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and what files they ask for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    @property
    def files(self) -> list[str]:
        named = {"script": "src", "link": "href"}
        return [str(each[named[tag]]) for tag, each in self.found if tag in named]


def get(server: str, path: str = "/", **headers: str) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection(server, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=named)
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


def test_the_page_says_who_can_log_in(server: str) -> None:
    response, page = get(server)
    assert response.status == 200
    for shown in ("ann", "violet-harbor-93", "admin", "silver-meadow-27", "make demo LIFETIME=40"):
        assert shown in page


def test_the_page_tells_nobody_elsewhere_the_passwords_of_the_demo() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_SERVER],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "example_project.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "A session that refreshes itself" in done.stdout
    assert "violet-harbor-93" not in done.stdout
    assert "silver-meadow-27" not in done.stdout


@pytest.mark.parametrize(
    ("language", "headline"),
    [
        ("en", "A session that refreshes itself"),
        ("ko", "스스로 갱신되는 세션"),
        ("ja", "自動で更新されるセッション"),
        ("zh-hans", "自动刷新的会话"),
        ("es", "Una sesión que se renueva sola"),
        ("de", "Eine Sitzung, die sich selbst erneuert"),
        ("fr", "Une session qui se renouvelle d\u2019elle-même"),
        ("pt-br", "Uma sessão que se renova sozinha"),
    ],
)
def test_the_page_is_in_the_language_of_the_browser(
    server: str, language: str, headline: str
) -> None:
    # As a browser sends it: Django has no word for the Chinese of one country.
    asked = {"zh-hans": "zh-CN,zh;q=0.9,en;q=0.8"}.get(language, language)
    response, page = get(server, Accept_Language=asked)
    assert response.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in page
    assert f"<h1>{headline}</h1>" in page


def test_the_page_runs_and_shows_its_own_files_alone(server: str) -> None:
    response, page = get(server)
    policy = dict(
        directive.split(" ", 1)
        for directive in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy.pop("default-src") == "'none'"
    assert {policy.pop(name) for name in ("frame-ancestors", "base-uri", "object-src")} == {
        "'none'"
    }
    assert set(policy.values()) == {"'self'"}
    elements = Elements(page)
    assert len(elements.files) == 4
    assert {get(server, path)[0].status for path in elements.files} == {200}
    for tag, attributes in elements.found:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


def test_the_page_finds_the_session_that_its_script_imports(server: str) -> None:
    _, page = get(server)
    (script,) = (path for path in Elements(page).files if path.endswith("demo.js"))
    imported = re.search(r'from "\.\./(.+)"', get(server, script)[1])
    assert imported
    folder = script.rsplit("/", 2)[0]
    assert get(server, f"{folder}/{imported[1]}")[0].status == 200
