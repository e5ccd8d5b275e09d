"""A Django project for the benchmarks, set up when it is imported: an empty database in a temporary
file."""

from __future__ import annotations

import atexit
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.conf import settings
from django.core.management import call_command

SECRET = secrets.token_urlsafe(32)

_directory = TemporaryDirectory(prefix="jwt_refresh-benchmark-")
atexit.register(_directory.cleanup)
settings.configure(
    SECRET_KEY=secrets.token_urlsafe(50),
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "jwt_refresh"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(_directory.name) / "benchmark.sqlite3",
        }
    },
    JWT_REFRESH={"SECRET": SECRET},
)
django.setup()
call_command("migrate", verbosity=0)
