"""The endpoints, each with and without the trailing slash: a POST survives no redirect."""

from __future__ import annotations

from django.urls import URLPattern, path

from . import views
from .web.endpoint import TokenView

__all__ = ["app_name", "urlpatterns"]

app_name = "jwt_refresh"


def _endpoint(route: str, view: type[TokenView], name: str) -> list[URLPattern]:
    # One of the two is enough for a schema.
    return [path(f"{route}/", view.as_view(), name=name), path(route, view.as_view(schema=None))]


urlpatterns = [
    *_endpoint("login", views.LoginView, "login"),
    *_endpoint("refresh", views.RefreshView, "refresh"),
    *_endpoint("verify", views.VerifyView, "verify"),
    *_endpoint("logout", views.LogoutView, "logout"),
    *_endpoint("logout/others", views.LogoutOthersView, "logout-others"),
    *_endpoint("logout/all", views.LogoutAllView, "logout-all"),
    *_endpoint("sessions", views.SessionListView, "session-list"),
    *_endpoint("sessions/<sid>", views.SessionDetailView, "session-detail"),
    *_endpoint("jwks.json", views.JWKSView, "jwks"),
]
