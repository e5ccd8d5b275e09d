"""A plugin of pytest: the HTTP tests of simplejwt itself speak to our compatibility URLs.

    PYTHONPATH=.ci python -m pytest -p simplejwt_tests tests/test_integration.py tests/test_views.py

in an unpacked sdist of djangorestframework-simplejwt, where we are installed beside it. Each test
that differs is listed with the reason, and fails if it no longer differs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.urls import path

SLIDING = "Sliding tokens of simplejwt have no counterpart, and no URL."
NOBODY = "The token names no user. Whose session should it be?"
DIFFERS = {
    "TestTestView::test_expired_token": "It sets the lifetime in a class of simplejwt.",
    "TestTestView::test_wrong_auth_type": SLIDING,
    "TestTokenBlacklistView::test_it_should_return_401_if_token_is_blacklisted": NOBODY,
    "TestTokenBlacklistView::test_it_should_return_if_everything_ok": NOBODY,
    "TestTokenObtainPairView::test_update_last_login": "A login moves last_login.",
    "TestTokenRefreshView::test_it_should_return_access_token_if_everything_ok": NOBODY,
}

_configure = LazySettings.configure


def _with_us(self: LazySettings, **options: Any) -> None:
    options["INSTALLED_APPS"] += ("jwt_refresh", "jwt_refresh.contrib.simplejwt")
    options["ROOT_URLCONF"] = __name__
    options["JWT_REFRESH"] = {
        "LIFETIME": timedelta(minutes=5),
        "REFRESH_LIFETIME": timedelta(days=1),
        "LOGIN_RATE": None,
        "CLAIMS": "jwt_refresh.contrib.simplejwt.old.claims",
    }
    _configure(self, **options)


LazySettings.configure = _with_us  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.nodeid.split("::", 1)[1]
        reason = SLIDING if "sliding" in name.lower() else DIFFERS.get(name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def __getattr__(name: str) -> Any:
    if name != "urlpatterns":
        raise AttributeError(name)
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from jwt_refresh.contrib.simplejwt import views
    from jwt_refresh.contrib.simplejwt.authentication import SimpleJWTAuthentication

    class View(APIView):
        authentication_classes = [SimpleJWTAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request: Any) -> Response:
            return Response({"foo": "bar"})

    return [
        path("token/pair/", views.TokenObtainPairView.as_view(), name="token_obtain_pair"),
        path("token/refresh/", views.TokenRefreshView.as_view(), name="token_refresh"),
        path("token/verify/", views.TokenVerifyView.as_view(), name="token_verify"),
        path("token/blacklist/", views.TokenBlacklistView.as_view(), name="token_blacklist"),
        path("test-view/", View.as_view(), name="test_view"),
    ]
