"""A new user: ``startproject``, then the blocks of the documents as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import BLOCKS, ROOT, block_with

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


class Project:
    """What ``startproject`` makes, with the blocks of the documents in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings, self.urls = folder / "shop" / "settings.py", folder / "shop" / "urls.py"
        # What measures coverage is left in.
        strange = ("DJANGO", "PYTEST", "TEST_")
        self.environment = {
            name: it for name, it in os.environ.items() if not name.startswith(strange)
        }
        self.environment["PYTHONPATH"] = str(ROOT)
        self.run("-m", "django", "startproject", "shop", ".")
        add(self.settings, block_with("INSTALLED_APPS += [", "README.md"))
        add(self.urls, block_with("# urls.py", "README.md") + URLS)
        add(folder / "shop" / "views.py", block_with("class MeView", "README.md"))

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.full
def test_the_steps_of_the_readme_make_a_project_that_works(project: Project) -> None:
    run, settings = project.run, project.settings
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
    add(settings, block_with("LOGGING = {"))
    log = run("-c", REFUSED)
    why = "code=token_invalid why=malformed: ValueError"
    assert f" INFO jwt_refresh event=token_refused {why}\n" in log


PAYOUT = """
from shop.payout import PayoutView

class Payout(PayoutView):
    def post(self, request):
        return HttpResponse("paid")

urlpatterns += [path("payout/", Payout.as_view())]
"""
COUNTED = """
import pytest
from django.test import Client

@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 2])
def test_counters_begin_anew(number, settings):
    settings.JWT_REFRESH = {"LOGIN_RATE": "1/day"}
    wrong = {"username": "ann", "password": "wrong"}
    tried = [Client().post("/auth/login/", wrong).status_code for _ in range(2)]
    assert tried == [401, 429]
"""
CASES = {place: code for place, code in BLOCKS.items() if code.startswith("# tests.py")}


@pytest.fixture
def tested(project: Project) -> Project:
    """The project with the blocks about tests in it, each in a module of its own."""
    add(project.folder / "shop" / "payout.py", block_with("class PayoutView"))
    add(project.urls, "from django.http import HttpResponse\n" + PAYOUT)
    assert len(CASES) > 6
    for number, code in enumerate(CASES.values()):
        add(project.folder / "shop" / f"test_block_{number}.py", code)
    return project


@pytest.mark.full
@pytest.mark.parametrize(
    "setting",
    [
        block_with("# settings.py, for tests"),
        "from datetime import timedelta\nJWT_REFRESH = {'REFRESH_LIFETIME': timedelta(days=14)}",
        "JWT_REFRESH = {'ACCESS_COOKIE': 'access-token'}",
    ],
    ids=["sliding", "pair", "cookie"],
)
def test_the_tests_of_the_documents_pass_under_unittest(tested: Project, setting: str) -> None:
    add(tested.settings, setting)
    said = tested.run("manage.py", "test", "--shuffle", "7")
    assert f"Ran {sum(code.count('def test_') for code in CASES.values())} tests" in said


@pytest.mark.full
def test_the_tests_of_the_documents_pass_under_pytest(tested: Project) -> None:
    """In one process and in two; and nothing of the plugin is there where nobody asked for it."""
    folder = tested.folder
    add(folder / "pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n")
    add(folder / "test_hello.py", block_with("# test_hello.py"))
    add(folder / "test_counters.py", COUNTED)
    without = tested.run("-m", "pytest", "test_hello.py", "test_counters.py", status=1)
    assert "fixture 'jwt_client' not found" in without
    assert "1 failed, 1 passed, 1 error" in without
    add(folder / "conftest.py", block_with("pytest_plugins"))
    expected = sum(code.count("def test_") for code in CASES.values()) + 3
    for workers in ((), ("-n", "2")):
        assert f"{expected} passed" in tested.run("-m", "pytest", "shop", ".", *workers)


REFUSED = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.test import Client
Client(SERVER_NAME="localhost").get("/me/", headers={"Authorization": "Bearer junk"})
"""
