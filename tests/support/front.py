"""A front end that was written for simplejwt, and the tokens that it got from there."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
from django.conf import settings
from django.test import Client

from .devices import PASSWORD
from .http import DAY, MINUTE


def old_token(user: Any, kind: str = "refresh", **claims: Any) -> str:
    """A token as simplejwt issues it by default, but for ``claims``; ``None`` leaves one out."""
    now = int(time.time())
    content = {
        "token_type": kind,
        "exp": now + (DAY if kind == "refresh" else 5 * MINUTE),
        "iat": now,
        "jti": uuid.uuid4().hex,
        "user_id": str(user.pk),
    }
    chosen = {name: it for name, it in {**content, **claims}.items() if it is not None}
    return jwt.encode(chosen, settings.SECRET_KEY, algorithm="HS256")


class FrontEnd:
    """Keeps ``access`` and ``refresh``, and takes the new ones that an answer has."""

    def __init__(self, user: Any, **held: str) -> None:
        self.user = user
        self.http = Client()
        self.access = held.get("access", "")
        self.refresh_token = held.get("refresh", "")

    def login(self, password: str = PASSWORD) -> Any:
        name = self.user.USERNAME_FIELD
        return self._keep(
            self.post("token/", {name: self.user.get_username(), "password": password})
        )

    def refresh(self, token: str | None = None) -> Any:
        return self._keep(self.post("token/refresh/", {"refresh": token or self.refresh_token}))

    def verify(self, token: str) -> Any:
        return self.post("token/verify/", {"token": token})

    def logout(self) -> Any:
        return self.post("token/blacklist/", {"refresh": self.refresh_token})

    def who(self, token: str | None = None) -> Any:
        header = {"Authorization": f"Bearer {token or self.access}"}
        return self.http.get("/who/", headers=header)

    def post(self, path: str, body: Any) -> Any:
        return self.http.post(f"/api/{path}", body, content_type="application/json")

    def _keep(self, response: Any) -> Any:
        if response.status_code == 200:
            held = response.json()
            self.access = held["access"]
            self.refresh_token = held.get("refresh", self.refresh_token)
        return response
