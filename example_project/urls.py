from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from jwt_refresh.views import LoginView, RefreshView

from . import views

urlpatterns = [
    path("", views.demo, name="demo"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("auth/", include("jwt_refresh.urls")),
    path("login", LoginView.as_view(schema=None)),
    path("refresh_token", RefreshView.as_view(schema=None)),
    path("api/me/", views.MeView.as_view()),
    path("hello", views.hello),
    path("schema/", SpectacularJSONAPIView.as_view(permission_classes=[]), name="schema"),
    path("admin/", admin.site.urls),
]
