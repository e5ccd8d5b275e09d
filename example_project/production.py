"""The same project where others can reach it; ``manage.py check --deploy`` has nothing to say.

Secrets, and what differs between machines, come from the environment: ``SECRET_KEY``,
``SIGNING_KEY`` (PEM text of ``manage.py generate_signing_key``), ``HOST``, ``REDIS``.
"""

from __future__ import annotations

import os
from datetime import timedelta

from .settings import *  # noqa: F403
from .settings import JWT_REFRESH as _JWT_REFRESH
from .settings import REST_FRAMEWORK as _REST_FRAMEWORK

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
HOST = os.environ["HOST"]
ALLOWED_HOSTS = [HOST]
CSRF_TRUSTED_ORIGINS = [f"https://{HOST}"]

SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["REDIS"],
    }
}
REST_FRAMEWORK = {**_REST_FRAMEWORK, "NUM_PROXIES": 1}
JWT_REFRESH = {
    **_JWT_REFRESH,
    "REFRESH_GRACE": timedelta(seconds=30),
    "ALGORITHM": "EdDSA",
    "PRIVATE_KEYS": [os.environ["SIGNING_KEY"]],
    "ISSUER": f"https://{HOST}",
    "AUDIENCE": f"https://{HOST}/api",
}
