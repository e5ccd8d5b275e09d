from __future__ import annotations

from typing import Any

from django.urls import include, path

from tests import views
from tests.support.documents import block_with

urlpatterns: list[Any] = [
    path("me/", views.MeView.as_view()),
    path("accounts/", include("allauth.urls")),
]
exec(block_with("def no_login"))
