"""Settings of the tests. Variables of the environment choose another world:

``TEST_DATABASE``: ``sqlite``, or ``postgresql`` or ``mariadb`` on 127.0.0.1.
``TEST_USER_MODEL``: a user model of ``tests.accounts``.
``TEST_USE_TZ``: 0 for naive times.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

SECRET_KEY = "the key of the tests, which is long enough for HS256 and HS512 as well"
ROOT_URLCONF = "tests.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = os.environ.get("TEST_USE_TZ", "1") == "1"
TIME_ZONE = "Asia/Seoul"
AUTH_USER_MODEL = os.environ.get("TEST_USER_MODEL", "auth.User")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "jwt_refresh",
    "jwt_refresh.contrib.simplejwt",
    *(["tests.accounts"] if "TEST_USER_MODEL" in os.environ else []),
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# The app of those who move from simplejwt is installed, and the sliding style serves none of them.
SILENCED_SYSTEM_CHECKS = ["jwt_refresh.E036"]
STATIC_URL = "static/"
# Django 6.1 warns where there is none; older ones do not ask.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
REST_FRAMEWORK = {"NUM_PROXIES": 0}
DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
# One for each run, and in it for each process of pytest-xdist; the processes that these start
# find it by the same name, since they inherit both variables.
RUN = os.environ.setdefault("TEST_DATABASE_NAME", f"jwt_refresh_tests_{os.getpid()}")
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
NAME = f"{RUN}_{WORKER}" if WORKER else RUN


def _database(alias: str) -> dict[str, Any]:
    name = f"{NAME}_{alias}"
    if DATABASE == "sqlite":
        # A file, since threads and processes cannot share a database in memory.
        path = Path(tempfile.gettempdir()) / f"{name}.sqlite3"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "TEST": {"NAME": path},
            # What a process has written outlives it all the same; a power cut is no test.
            "OPTIONS": {"timeout": 30, "init_command": "PRAGMA synchronous = OFF"},
        }
    return {
        "ENGINE": {
            "postgresql": "django.db.backends.postgresql",
            "mariadb": "django.db.backends.mysql",
        }[DATABASE],
        "NAME": name,
        "TEST": {"NAME": name},
        "HOST": "127.0.0.1",
        "USER": {"postgresql": "postgres", "mariadb": "root"}[DATABASE],
        "OPTIONS": {
            "postgresql": {"options": "-c synchronous_commit=off -c deadlock_timeout=100ms"},
            "mariadb": {},
        }[DATABASE],
    }


DATABASES = {alias: _database(alias) for alias in ("default", "other")}
