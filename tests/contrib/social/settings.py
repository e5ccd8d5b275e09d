"""A project whose logins are those of python-social-auth."""

from __future__ import annotations

import tests.support.recipes  # noqa: F401 - finds the step of the pipeline
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE
from tests.support.documents import block_with

INSTALLED_APPS = [*INSTALLED_APPS, "social_django"]
MIDDLEWARE = [*MIDDLEWARE]
ROOT_URLCONF = "tests.contrib.social.urls"
exec(block_with("SOCIAL_AUTH_PIPELINE"))
AUTHENTICATION_BACKENDS = [
    "tests.contrib.social.provider.Provider",
    "django.contrib.auth.backends.ModelBackend",
]
