"""django-axes, as a project sets it up: it counts our logins like those of any other view."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
from pathlib import Path
from tests.settings import *
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "axes"]
MIDDLEWARE = [*MIDDLEWARE, "axes.middleware.AxesMiddleware"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 3
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_FORM_FIELD = "username"
AXES_VERBOSE = False
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3",
}}
ALLOWED_HOSTS = ["testserver"]
"""
SCRIPT = """
import json
import django
django.setup()

from axes.models import AccessAttempt
from django.core.management import call_command
from jwt_refresh.models import Session
from tests.support.devices import PASSWORD, Device, make_user

call_command("migrate", verbosity=0)
ann, bob = (Device(make_user(f"{name}@example.com")) for name in ("ann", "bob"))
story = []

def login(device, password):
    device.password = password
    response = device.login()
    failures = AccessAttempt.objects.filter(username=device.user.get_username())
    counted = sum(failures.values_list("failures_since_start", flat=True))
    is_json = response["Content-Type"] == "application/json"
    body = sorted(response.json()) if is_json else response.content.decode()
    story.append((response.status_code, body, counted))

login(ann, "guess")
login(ann, "guess")
login(ann, PASSWORD)
for _ in range(4):
    login(ann, "guess")
login(ann, PASSWORD)
login(bob, PASSWORD)
print(json.dumps({"story": story, "sessions": Session.objects.count()}))
"""
TOKENS = ["access_token", "expires_in", "token_type"]
ERROR = ["code", "detail"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script prints, as a process of its own: axes must be there from the start."""
    project = tmp_path_factory.mktemp("axes")
    (project / "axes_settings.py").write_text(SETTINGS)
    variables = {"DJANGO_SETTINGS_MODULE": "axes_settings", "PYTHONPATH": f"{ROOT}:{project}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=project,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_failures_count_and_a_success_resets_them(told: dict[str, Any]) -> None:
    assert told["story"][:3] == [[401, ERROR, 1], [401, ERROR, 2], [200, TOKENS, 0]]


def test_whoever_is_locked_out_gets_the_answer_of_axes(told: dict[str, Any]) -> None:
    """The owner too, with the right password; our own limit leaves that one a way in."""
    assert told["story"][3:5] == [[401, ERROR, 1], [401, ERROR, 2]]
    for status, body, failures in told["story"][5:8]:
        assert (status, failures >= 3) == (429, True)
        assert body.startswith("Account locked")


def test_nobody_else_is_locked_out(told: dict[str, Any]) -> None:
    assert told["story"][8] == [200, TOKENS, 0]
    assert told["sessions"] == 2
