"""django-allauth: whoever owes a second factor, or a confirmed address, gets no token by password.

With the backend and the view that ``docs/going-live.md`` shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT, block_with

pytestmark = pytest.mark.full

SETTINGS = """
import os
from pathlib import Path
from tests.settings import *
from tests.settings import INSTALLED_APPS, MIDDLEWARE

AUTH_USER_MODEL = "auth.User"
INSTALLED_APPS = [*INSTALLED_APPS, "allauth", "allauth.account", "allauth.mfa"]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
ROOT_URLCONF = "shop_urls"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
del MAILERS  # each version of Django knows the other setting
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3",
}}
ALLOWED_HOSTS = ["testserver"]
"""
OF_ALLAUTH = 'AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]'
URLS = """
from accounts.views import tokens
from django.urls import include, path

urlpatterns = [
    path("allauth/", include("allauth.urls")),
    path("auth/", include("jwt_refresh.urls")),
    path("tokens/", tokens),
]
"""
SCRIPT = """
import json
import django
django.setup()

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
PASSWORD = "violet-harbor-93"
users = {name: User.objects.create_user(name, f"{name}@example.com", PASSWORD)
         for name in ("plain", "second factor", "not confirmed")}
for name, user in users.items():
    EmailAddress.objects.create(user=user, email=user.email, verified=name != "not confirmed")
TOTP.activate(users["second factor"], generate_totp_secret())

def login(name, password, path="/auth/login/"):
    credentials = {"username": name, "password": password}
    answer = Client().post(path, credentials, content_type="application/json")
    return answer.status_code, answer.json().get("code")

story = {name: [login(name, PASSWORD, path) for path in ("/auth/login/", "/auth/login")]
         for name in users}
story["wrong"] = [login(name, "wrong") for name in users]

def by_page(name):
    http = Client()
    page = http.post("/allauth/login/", {"login": name, "password": PASSWORD})
    return page.headers.get("Location"), http.post("/tokens/").status_code

story["pages"] = {name: by_page(name) for name in users}
http = Client()
http.force_login(users["second factor"])
story["after the second factor"] = sorted(http.post("/tokens/").json())
print(json.dumps(story))
"""
TAKEN, REFUSED = [[200, None]] * 2, [[401, "invalid_credentials"]] * 2


def told(project: Path, backend: str) -> dict[str, Any]:
    """What the script prints, as a process of its own: allauth must be there from the start."""
    accounts = project / "accounts"
    accounts.mkdir()
    for name, text in {
        "shop_settings.py": SETTINGS + backend,
        "shop_urls.py": URLS,
        "accounts/__init__.py": "",
        "accounts/backends.py": block_with("class PasswordIsNotEnough"),
        "accounts/views.py": block_with("@login_required"),
    }.items():
        (project / name).write_text(text)
    variables = {"DJANGO_SETTINGS_MODULE": "shop_settings", "PYTHONPATH": f"{ROOT}:{project}"}
    inherited = {name: it for name, it in os.environ.items() if not name.startswith("TEST_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=project,
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_by_itself_the_endpoint_asks_for_the_password_alone(tmp_path: Path) -> None:
    """As the documents say; where that ends, they may say less."""
    story = told(tmp_path, OF_ALLAUTH)
    assert story["plain"] == story["second factor"] == story["not confirmed"] == TAKEN


def test_with_the_backend_of_the_documents_it_does_not(tmp_path: Path) -> None:
    story = told(tmp_path, block_with("accounts.backends.PasswordIsNotEnough"))
    assert story["plain"] == TAKEN
    assert story["second factor"] == story["not confirmed"] == REFUSED
    assert story["wrong"] == [[401, "invalid_credentials"]] * 3
    pages = {name: (where, status) for name, (where, status) in story["pages"].items()}
    assert pages["plain"] == ("/accounts/profile/", 200)
    assert pages["second factor"] == ("/allauth/2fa/authenticate/", 302)
    assert pages["not confirmed"] == ("/allauth/confirm-email/", 302)
    assert story["after the second factor"] == ["access_token", "expires_in"]
