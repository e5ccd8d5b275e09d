"""A small project around jwt_refresh. ``make demo`` serves it with SQLite.

Variables of the environment: ``EXAMPLE_DATABASE`` (a file), ``LIFETIME`` (of a JWT, in seconds).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent

# For the demo on your own machine. A project that others can reach keeps its key secret.
SECRET_KEY = "django-insecure-example-key-of-jwt-refresh-not-for-anything-that-matters"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "jwt_refresh",
    "example_project",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# No other site frames a page of ours, and no script runs but those of our own files.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "object-src": ["'none'"],
}
if django.VERSION >= (6, 0):
    MIDDLEWARE.append("django.middleware.csp.ContentSecurityPolicyMiddleware")
ROOT_URLCONF = "example_project.urls"
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
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_DATABASE", BASE_DIR / "db.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("ko", "한국어"),
    ("ja", "日本語"),
    ("zh-hans", "简体中文"),
    ("es", "Español"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("pt-br", "Português (Brasil)"),
]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jwt_refresh.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["jwt_refresh.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Nothing stands between the demo and its clients, whatever they say of proxies.
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {"TITLE": "jwt_refresh example", "VERSION": "1.0.0"}
JWT_REFRESH = {
    "LIFETIME": timedelta(seconds=int(os.environ.get("LIFETIME", "1800"))),
    # So short that nobody waits long on the demo page until a thief is caught. Leave it out of a
    # real project: slow tabs and networks want the half minute that is the default.
    "REFRESH_GRACE": timedelta(seconds=5),
    # The empty scheme takes a bare token as the header's value, as the tutorial sends it.
    "AUTH_HEADER_TYPES": ("Bearer", ""),
    # Who logs in with the proof of a key has a session that is bound to it; others are as without.
    "DPOP": "all",
}
