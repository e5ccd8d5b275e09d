from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from jwt_refresh.views import LoginView, RefreshView

from . import views

urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("login", LoginView.as_view()),
    path("refresh_token", RefreshView.as_view()),
    path("api/me/", views.MeView.as_view()),
    path("hello", views.hello),
    path("admin/", admin.site.urls),
]
