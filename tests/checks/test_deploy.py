"""The settings of the example project for production, and what is said when one is unsafe."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jwt_refresh.core.keys.generating import generate_private_key

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "example_project.production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "SIGNING_KEY": generate_private_key("EdDSA"),
    "HOST": "id.example.com",
    # Nobody is asked: the checks look at settings only.
    "REDIS": "redis://127.0.0.1:1/0",
}
CHANGES = {
    "jwt_refresh.W021": 'JWT_REFRESH={**settings.JWT_REFRESH, "AUDIENCE": None}',
    "jwt_refresh.W022": 'JWT_REFRESH={**settings.JWT_REFRESH, "LIFETIME": timedelta(hours=2)}',
    "jwt_refresh.W023": 'JWT_REFRESH={**settings.JWT_REFRESH, "SESSION_LIFETIME": None}',
    "jwt_refresh.W024": 'JWT_REFRESH={**settings.JWT_REFRESH, "REFRESH_RATE": None}',
    "jwt_refresh.W025": "CACHES=global_settings.CACHES",
    "jwt_refresh.W026": "REST_FRAMEWORK={}",
    "security.W004": "SECURE_HSTS_SECONDS=0",
    "security.W008": "SECURE_SSL_REDIRECT=False",
    "security.W009": 'SECRET_KEY="short"',
    "security.W012": "SESSION_COOKIE_SECURE=False",
    "security.W016": "CSRF_COOKIE_SECURE=False",
    "security.W018": "DEBUG=True",
    "security.W020": "ALLOWED_HOSTS=[]",
}
SCRIPT = """
import json
from datetime import timedelta
import django
django.setup()

from django.conf import global_settings, settings
from django.core.checks import run_checks
from django.test import override_settings

found = {{}}
for change in {changes!r}:
    with eval(f"override_settings({{change}})"):
        found[change] = [message.id for message in run_checks(include_deployment_checks=True)]
print(json.dumps(found))
"""


def python(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | changed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_said_of_the_production_settings() -> None:
    done = python("manage.py", "check", "--deploy", "--fail-level", "DEBUG")
    assert (done.returncode, done.stderr) == (0, "")
    assert "System check identified no issues (0 silenced)." in done.stdout


def test_each_unsafe_change_is_named() -> None:
    done = python("-c", SCRIPT.format(changes=[*CHANGES.values()]))
    assert done.returncode == 0, done.stderr
    named = json.loads(done.stdout)
    for code, change in CHANGES.items():
        assert code in named[change], change


def test_a_key_that_is_too_weak_is_named() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    change = 'JWT_REFRESH={**settings.JWT_REFRESH, "ALGORITHM": "RS256"}'
    done = python("-c", SCRIPT.format(changes=[change]), SIGNING_KEY=pem)
    assert json.loads(done.stdout) == {change: ["jwt_refresh.W020"]}, done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "SIGNING_KEY", "HOST", "REDIS"])
def test_what_the_environment_must_give_has_no_default(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A default would be a secret that everybody knows."""
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    production = importlib.import_module("example_project.production")
    importlib.reload(production)
    assert production.DEBUG is False
    monkeypatch.delenv(name)
    with pytest.raises(KeyError, match=name):
        importlib.reload(production)
