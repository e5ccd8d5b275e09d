"""A service that only verifies tokens: no database, and as few apps as can be."""

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
import json, os
from jwt_refresh.core.keys.generating import public_half

SECRET_KEY = "the key of a service that signs nothing, and is long enough"
INSTALLED_APPS = json.loads(os.environ["APPS"])
ROOT_URLCONF = "service"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jwt_refresh.authentication.StatelessJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["jwt_refresh.permissions.IsAuthenticated"],
    "NUM_PROXIES": 0,
}
JWT_REFRESH = {
    "ALGORITHM": "EdDSA",
    "PUBLIC_KEYS": [public_half(os.environ["SIGNING_KEY"])],
    "ISSUER": "https://id.example.com",
    "AUDIENCE": "https://api.example.com",
    "RETRY_WINDOW": __import__("datetime").timedelta(0),
}
"""
SERVICE = """
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

class Me(APIView):
    def get(self, request):
        return Response({"user": request.user.pk, "staff": request.user.is_staff})

urlpatterns = [path("me/", Me.as_view()), path("auth/", include("jwt_refresh.urls"))]
"""
SCRIPT = """
import json, os, sys, time
import django
django.setup()

from django.test import Client
from jwt_refresh.core.claims import Kind
from jwt_refresh.core.keys.config import KeyConfig
from jwt_refresh.core.tokens import Issuer

keyring = KeyConfig("EdDSA", (None,), False, ("x" * 50,), (os.environ["SIGNING_KEY"],), ()).build()
issuer = Issuer(keyring, issuer="https://id.example.com", audience="https://api.example.com")
sid, now = "6f0c1a52-7a53-4f3b-9d8e-0123456789ab", int(time.time())
token = issuer.issue(
    Kind.ACCESS, sub="7", sid=sid, jti="j", origin_jti="k", iat=now, exp=now + 60, auth_time=now
)
told = {}
for name, header in {"good": f"Bearer {token}", "bad": f"Bearer {token}x", "none": ""}.items():
    response = Client().get("/me/", headers={"Authorization": header} if header else {})
    told[name] = response.status_code, response.json()
told["login"] = Client().post("/auth/login/").status_code, Client().get("/auth/jwks.json").json()
print(json.dumps(told))
"""
BARE = ["rest_framework", "jwt_refresh"]
TWO = ["django.contrib.auth", "django.contrib.contenttypes"]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Give a function that runs Python in a service with these apps."""
    from jwt_refresh.core.keys.generating import generate_private_key

    (tmp_path / "service_settings.py").write_text(SETTINGS)
    (tmp_path / "service.py").write_text(SERVICE)
    variables = {
        "DJANGO_SETTINGS_MODULE": "service_settings",
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
        "SIGNING_KEY": generate_private_key("EdDSA"),
    }

    def run(apps: list[str], *arguments: str) -> Any:
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=os.environ | variables | {"APPS": json.dumps(apps)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_check_names_the_two_lines_that_it_needs(run: Any) -> None:
    done = run(BARE, "-m", "django", "check")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (ours,) = (part for part in done.stderr.split("\n\n") if "(jwt_refresh.E021)" in part)
    for app in TWO:
        assert f'"{app}"' in ours


def test_with_them_it_passes_every_check_and_needs_no_database(run: Any) -> None:
    done = run(TWO + BARE, "-m", "django", "check", "--fail-level", "WARNING")
    assert (done.returncode, done.stdout) == (
        0,
        "System check identified no issues (0 silenced).\n",
    )
    done = run(TWO + BARE, "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["good"] == [200, {"user": "7", "staff": False}]
    assert (told["bad"][0], told["bad"][1]["code"]) == (401, "token_invalid")
    assert (told["none"][0], told["none"][1]["code"]) == (401, "token_missing")
    status, keys = told["login"]
    assert (status, len(keys["keys"])) == (404, 1)


def test_a_project_with_a_user_model_of_its_own_needs_neither(run: Any, tmp_path: Path) -> None:
    """``django.contrib.auth`` is not what is asked for, but a user model."""
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "__init__.py").touch()
    (tmp_path / "people" / "models.py").write_text(
        "from django.contrib.auth.base_user import AbstractBaseUser\n"
        "from django.db import models\n\n"
        "class Person(AbstractBaseUser):\n"
        "    id = models.BigAutoField(primary_key=True)\n"
        "    name = models.CharField(max_length=9, unique=True)\n"
        "    USERNAME_FIELD = 'name'\n"
    )
    with (tmp_path / "service_settings.py").open("a") as file:
        file.write("AUTH_USER_MODEL = 'people.Person'\n")
    done = run(["people", *BARE], "-m", "django", "check")
    assert done.returncode == 0, done.stderr
