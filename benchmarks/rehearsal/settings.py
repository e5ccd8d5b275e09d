"""The project that moves in. ``REHEARSAL_STAGE`` is what is deployed: see ``__main__``."""

from __future__ import annotations

import os
from datetime import timedelta

STAGE = os.environ["REHEARSAL_STAGE"]
MOVED = STAGE != "simplejwt"
SECRET_KEY = "the key of the rehearsal, which is long enough for HS256"
ROOT_URLCONF = "benchmarks.rehearsal.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ALLOWED_HOSTS = ["127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    *(["rest_framework_simplejwt.token_blacklist"] if STAGE != "uninstalled" else []),
    *(["jwt_refresh", "jwt_refresh.contrib.simplejwt"] if MOVED else []),
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["REHEARSAL_DATABASE"],
        "OPTIONS": {
            "timeout": 60,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
        },
    }
}
REST_FRAMEWORK = {"NUM_PROXIES": 0}
# Access tokens live for seconds here, shorter than the grace.
SILENCED_SYSTEM_CHECKS = ["jwt_refresh.W003"]
ACCESS, REFRESH = timedelta(seconds=5), timedelta(days=1)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS,
    "REFRESH_TOKEN_LIFETIME": REFRESH,
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
JWT_REFRESH = {
    "LIFETIME": ACCESS,
    "REFRESH_LIFETIME": REFRESH,
    "CLAIMS": "jwt_refresh.contrib.simplejwt.old.claims",
}
