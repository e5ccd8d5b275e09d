"""The package as others install it: the wheel, alone in a bare environment."""

from __future__ import annotations

import re
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.documents import ROOT, block_with
from tests.support.wheel import build, run

SCRIPT = """
import django
django.setup()

from django.core.management import call_command
from django.utils import translation
from jwt_refresh import exceptions, models
from jwt_refresh.web import transport

call_command("migrate", verbosity=0)
assert not models.Session.objects.exists()
with translation.override("ko"):
    print(transport.Refusal(exceptions.TokenMissing()).detail["detail"])
print(models.__file__)
"""


@pytest.mark.full
def test_wheel(tmp_path: Path) -> None:
    wheel = build(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        check_metadata(message_from_bytes(archive.read(metadata)))
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"jwt_refresh", metadata.partition("/")[0]}
    assert set(names) > {
        "jwt_refresh/py.typed",
        *(str(path.relative_to(ROOT)) for path in (ROOT / "jwt_refresh").rglob("django.mo")),
        "jwt_refresh/migrations/0001_initial.py",
        "jwt_refresh/static/jwt_refresh/admin.css",
        "jwt_refresh/static/jwt_refresh/bound.d.ts",
        "jwt_refresh/static/jwt_refresh/bound.js",
        "jwt_refresh/static/jwt_refresh/client.d.ts",
        "jwt_refresh/static/jwt_refresh/client.js",
        "jwt_refresh/templates/admin/jwt_refresh/pagination.html",
        "jwt_refresh/templates/admin/jwt_refresh/session/revoke.html",
    }
    sentence, path = use(wheel, tmp_path)
    assert sentence == "토큰이 필요합니다."
    assert path.endswith("/site-packages/jwt_refresh/models.py")
    assert Path(path).is_relative_to(tmp_path)


def check_metadata(metadata: Message) -> None:
    assert metadata["Name"] == "django-jwt-refresh"
    assert metadata["Requires-Python"] == ">=3.11"
    for_users = {"channels", "demo", "httpx", "ninja"}
    for_us = {"test", "servers", "browser", "dev", "docs", "release"}
    assert {*metadata.get_all("Provides-Extra", [])} == for_users | for_us
    assert metadata["Description-Content-Type"] == "text/markdown"
    check_description(str(metadata.get_payload()))
    requirements = metadata.get_all("Requires-Dist", [])
    assert {line for line in requirements if "extra ==" not in line} == {
        "Django>=5.2",
        "djangorestframework>=3.16",
        "pyjwt[crypto]>=2.15.1",
    }


def check_description(text: str) -> None:
    """The README whole, for a page that follows no relative link and shows no relative picture."""
    readme = (ROOT / "README.md").read_text()
    relative = re.findall(r"(!?)\[([^]]+)\]\((?!https?:)([^)]+)\)", readme)
    assert {path for picture, _, path in relative if picture} == {"docs/rotation.svg"}
    assert not re.search(r"\]\((?!https?:)", text)
    for picture, words, path in relative:
        assert (f"*{words}*" if picture else f"`{path}`") in text
        assert picture or words == path
    assert re.findall(r"^#+ .+$", text, re.MULTILINE) == re.findall(
        r"^#+ .+$", readme, re.MULTILINE
    )


def use(wheel: Path, directory: Path) -> list[str]:
    """What the script prints in a new project, where the wheel and its needs are all there is."""
    environment, project = directory / "environment", directory / "project"
    python = environment / "bin" / "python"
    project.mkdir()
    run("-m", "venv", "--without-pip", environment)
    run("-m", "pip", "--python", python, "install", "--quiet", wheel)
    run("-m", "django", "startproject", "shop", project, python=python)
    for name, words in (("settings.py", "INSTALLED_APPS += ["), ("urls.py", "# urls.py")):
        with (project / "shop" / name).open("a") as file:
            file.write(f"\n{block_with(words, 'README.md')}")
    run("manage.py", "check", "--fail-level", "WARNING", python=python, cwd=project)
    (project / "script.py").write_text(SCRIPT)
    return run("script.py", python=python, cwd=project).splitlines()
