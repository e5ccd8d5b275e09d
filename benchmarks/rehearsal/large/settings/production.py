"""The settings of the server, with what the guide says below them once the project has moved."""

from __future__ import annotations

import os
from pathlib import Path

from .base import *  # noqa: F403
from .base import INSTALLED_APPS, MOVED, REST_FRAMEWORK, STAGE

SECRET_KEY = "the key of the large rehearsal, which is long enough for HS256"
ALLOWED_HOSTS = ["127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["REHEARSAL_DATABASE"],
        "HOST": "127.0.0.1",
        "USER": "postgres",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"options": "-c synchronous_commit=off"},
    }
}

if STAGE != "simplejwt":
    INSTALLED_APPS += ["jwt_refresh"]

if MOVED:
    # From here on: docs/moving-in.md, "Before" and "The switch".
    exec(Path(os.environ["REHEARSAL_PRINTED"]).read_text())
    INSTALLED_APPS += ["jwt_refresh.contrib.simplejwt"]
    REST_FRAMEWORK |= {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "jwt_refresh.contrib.simplejwt.authentication.SimpleJWTAuthentication",
        ],
        "NUM_PROXIES": 0,
    }
    AXES_USERNAME_FORM_FIELD = "username"
    # Access tokens live for seconds here, shorter than the grace.
    SILENCED_SYSTEM_CHECKS = ["jwt_refresh.W003"]
