"""A project whose logins are those of django-allauth, by its headless API."""

from __future__ import annotations

import tests.support.recipes  # noqa: F401 - finds the token strategy
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE
from tests.support.documents import block_with

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ROOT_URLCONF = "tests.contrib.headless.urls"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
HEADLESS_ONLY = True
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": "https://shop.example/verify/{key}",
    "account_reset_password": "https://shop.example/forgotten",
    "account_signup": "https://shop.example/signup",
}
exec(block_with("HEADLESS_TOKEN_STRATEGY"))
