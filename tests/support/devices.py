"""A client of a person, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

PAIR = {"REFRESH_LIFETIME": timedelta(days=14)}
"""Settings of the pair style."""
START = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
"""When time stands still."""
PASSWORD = " correct horse battery staple "


def make_user(name: str, password: str = PASSWORD) -> Any:
    model = get_user_model()
    user = model(**{model.USERNAME_FIELD: name})
    user.set_password(password)
    user.save()
    return user


class Device:
    """Logs in, keeps its tokens, and sends them: ``phone.login(); phone.refresh()``.

    ``token`` authenticates; ``refresh_token`` is there in pair style only.
    """

    def __init__(self, user: Any, password: str = PASSWORD) -> None:
        self.user = user
        self.password = password
        self.http = Client()
        self.token = ""
        self.refresh_token = ""
        self.scheme = "Bearer"

    @property
    def refreshable(self) -> str:
        return self.refresh_token or self.token

    def login(self) -> Any:
        name = get_user_model().USERNAME_FIELD
        credentials = {name: self.user.get_username(), "password": self.password}
        return self._keep(self.post("/auth/login/", credentials, token=None))

    def refresh(self, token: str | None = None, **headers: str) -> Any:
        """Refresh ``token``, or what it holds; hold the answer."""
        return self._keep(self.post("/auth/refresh/", token=token or self.refreshable, **headers))

    def change_password(self, password: str, token: str = "") -> Any:
        """As the view of a project lets its user do; hold the answer."""
        return self._keep(self.post("/password/", {"password": password}, token))

    def verify(self) -> Any:
        return self.post("/auth/verify/")

    def logout(self) -> Any:
        return self.post("/auth/logout/")

    def get(self, path: str = "/me/", token: str | None = "", **headers: str) -> Any:
        return self.http.get(path, headers=self._headers(token, headers))

    def post(self, path: str, data: Any = None, token: str | None = "", **headers: str) -> Any:
        """JSON, with the token that it holds, another, or (``None``) without any."""
        return self.http.post(
            path,
            data if data is not None else {},
            content_type="application/json",
            headers=self._headers(token, headers),
        )

    def _headers(self, token: str | None, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is None:
            return named
        return {"Authorization": f"{self.scheme} {token or self.token}", **named}

    def _keep(self, response: Any) -> Any:
        if response.status_code == 200:
            self.token = response.json()["access_token"]
            self.refresh_token = response.json().get("refresh_token", "")
            self.scheme = response.json()["token_type"]
        return response
