"""A new user: ``startproject``, then the blocks of the documents as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT, block_with

URLS = """
from shop.views import MeView, hello

urlpatterns += [path("me/", MeView.as_view()), path("hello/", hello)]
"""
SCRIPT = """
import json
from django.contrib.auth.models import User
from django.test import Client

User.objects.create_user("ann", password="violet-harbor-93")
http, story = Client(SERVER_NAME="localhost"), {}
credentials = {"username": "ann", "password": "violet-harbor-93"}
answer = http.post("/auth/login/", credentials, content_type="application/json")
bearer = {"Authorization": "Bearer " + answer.json()["access_token"]}
story["me"] = http.get("/me/", headers=bearer).json()
story["hello"] = http.get("/hello/", headers=bearer).content.decode()
story["nobody"] = http.get("/me/").json()["code"]
story["logout"] = http.post("/auth/logout/", headers=bearer).status_code
story["after"] = http.get("/me/", headers=bearer).json()["code"]
print(json.dumps(story))
"""


def add(path: Path, text: str) -> None:
    path.write_text((path.read_text() if path.exists() else "") + "\n" + text)


@pytest.mark.full
def test_the_steps_of_the_readme_make_a_project_that_works(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    strange = ("COV", "DJANGO", "PYTEST", "TEST_")
    environment = {name: it for name, it in os.environ.items() if not name.startswith(strange)}
    environment["PYTHONPATH"] = str(ROOT)
    run("-m", "django", "startproject", "shop", ".")
    settings, urls = tmp_path / "shop" / "settings.py", tmp_path / "shop" / "urls.py"
    add(settings, block_with("INSTALLED_APPS += [", "README.md"))
    add(urls, block_with("# urls.py", "README.md") + URLS)
    add(tmp_path / "shop" / "views.py", block_with("class MeView"))
    assert "no issues" in run("manage.py", "check", "--fail-level", "WARNING")
    run("manage.py", "migrate", "--verbosity", "0")
    story: dict[str, Any] = json.loads(
        run("manage.py", "shell", "-v", "0", "-c", SCRIPT).partition("\n")[0]
    )
    assert len(story["me"].pop("session")) == 36
    assert story == {
        "me": {"user": 1},
        "hello": "Hello, ann!",
        "nobody": "token_missing",
        "logout": 204,
        "after": "session_revoked",
    }
    add(settings, block_with("# settings.py, for tests"))
    add(tmp_path / "shop" / "tests.py", block_with("class HelloTest"))
    assert "Ran 1 test" in run("manage.py", "test")
    add(settings, block_with("LOGGING = {"))
    log = run("-c", REFUSED)
    why = "code=token_invalid why=malformed: ValueError"
    assert f" INFO jwt_refresh event=token_refused {why}\n" in log


REFUSED = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.test import Client
Client(SERVER_NAME="localhost").get("/me/", headers={"Authorization": "Bearer junk"})
"""
