from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from . import views

urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("admin/", admin.site.urls),
    path("me/", views.MeView.as_view()),
    path("me/after-others/", views.AfterOthersView.as_view()),
    path("me/before-others/", views.BeforeOthersView.as_view()),
    path("me/handled/", views.HandledView.as_view()),
    path("me/handled-without-us/", views.HandledWithoutUsView.as_view()),
    path("me/stateless/", views.StatelessView.as_view()),
    path("me/permitted/", views.PermittedView.as_view()),
    path("rotating/", views.RotatingView.as_view()),
    path("me/optional/", views.OptionalView.as_view()),
    path("public/", views.PublicView.as_view()),
    path("password/", views.PasswordView.as_view()),
    path("hello/", views.hello),
    path("hello/async/", views.hello_async),
    path("hello/class/", views.HelloView.as_view()),
    path("hello/class/async/", views.HelloAsyncView.as_view()),
]
