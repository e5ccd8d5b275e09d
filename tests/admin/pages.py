"""The pages of the admin, and who looks at them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename, get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client, RequestFactory
from django.urls import path, reverse

from jwt_refresh import admin, sessions
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.testing import expired_tokens
from tests.support.devices import make_user

LIST = "/admin/jwt_refresh/session/"
TOKENS = "/admin/jwt_refresh/issuedtoken/"
SECOND = timedelta(seconds=1)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"

# A site of a project that manages its users in the admin, whatever the user model is.
site = AdminSite()
site.register(Session, admin.SessionAdmin)
site.register(IssuedToken, admin.IssuedTokenAdmin)
site.register(get_user_model())

# Sites of a project that shows less.
with_sessions, with_tokens = AdminSite(name="sessions"), AdminSite(name="tokens")
with_sessions.register(Session, admin.SessionAdmin)
with_tokens.register(IssuedToken, admin.IssuedTokenAdmin)
urlpatterns = [
    path("admin/", site.urls),
    path("sessions/", with_sessions.urls),
    path("tokens/", with_tokens.urls),
]

with_users = pytest.mark.urls(__name__)


def page_of(session: Session, what: str = "change") -> str:
    return f"{LIST}{session.pk}/{what}/"


def page_of_token(token: IssuedToken, what: str = "change") -> str:
    return f"{TOKENS}{token.pk}/{what}/"


def page_of_user(user: Any, what: str) -> str:
    meta = user._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{what}", args=[user.pk])


def staff(*permissions: tuple[str, Any]) -> Client:
    """The browser of a member of the staff who may do only this."""
    user = make_user("staff@example.com")
    user.is_staff = True
    user.save()
    for action, model in permissions:
        meta = model._meta
        named = {"codename": get_permission_codename(action, meta)}
        permission = Permission.objects.get(content_type__app_label=meta.app_label, **named)
        user.user_permissions.add(permission)
    client = Client()
    client.force_login(user)
    return client


def with_firefox(user: Any, address: str = "203.0.113.7") -> Session:
    """A session of a browser that is known."""
    request = RequestFactory().post("/", headers={"User-Agent": FIREFOX}, REMOTE_ADDR=address)
    return sessions.start(user, request).session


def one_of_each(user: Any) -> dict[str, Session]:
    """A live session, a revoked one, and one that ended."""
    live, revoked = (sessions.start(user).session for _ in range(2))
    sessions.revoke(revoked, Session.Reason.LOGOUT)
    return {"live": live, "revoked": revoked, "ended": expired_tokens(user).session}


def rows(client: Client, address: str = LIST, **query: str) -> list[Any]:
    response = client.get(address, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def listed(client: Client, **query: str) -> set[uuid.UUID]:
    return {session.pk for session in rows(client, **query)}


def act(client: Client, chosen: list[Session], query: str = "", **data: str) -> Any:
    selected = [str(session.pk) for session in chosen]
    form = {"action": "revoke_selected", "_selected_action": selected, **data}
    return client.post(LIST + query, form)


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def states() -> list[str]:
    return sorted(session.state for session in Session.objects.all())
