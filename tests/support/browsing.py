"""The browser of a person: it keeps cookies, and says where a request comes from."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

from .devices import PAIR, PASSWORD

ACCESS, REFRESH = "__Host-Http-access-token", "__Host-Http-refresh-token"
SLIDING_COOKIES: dict[str, Any] = {"ACCESS_COOKIE": ACCESS}
PAIR_COOKIES: dict[str, Any] = PAIR | {"ACCESS_COOKIE": ACCESS, "REFRESH_COOKIE": REFRESH}
STYLES = {"sliding": SLIDING_COOKIES, "pair": PAIR_COOKIES}


class Browser:
    """Logs in and goes on by cookies, on a server that checks for CSRF.

    ``site`` is what it says in ``Sec-Fetch-Site``; an old one says nothing (``None``).
    """

    def __init__(self, user: Any, site: str | None = "same-origin") -> None:
        self.user = user
        self.site = site
        self.http = Client(enforce_csrf_checks=True)

    @property
    def cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in self.http.cookies.items()}

    def login(self, password: str = PASSWORD, **more: Any) -> Any:
        name = get_user_model().USERNAME_FIELD
        credentials = {name: self.user.get_username(), "password": password}
        return self.post("/auth/login/", credentials | more)

    def refresh(self, **headers: str) -> Any:
        return self.post("/auth/refresh/", **headers)

    def logout(self) -> Any:
        return self.post("/auth/logout/")

    def get(self, path: str = "/me/", **headers: str) -> Any:
        return self.send("get", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        """JSON, with a ``Cookie`` header in the place of its own cookies where one is given."""
        return self.send("post", path, data or {}, **headers)

    def send(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        said = {} if self.site is None else {"Sec-Fetch-Site": self.site}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        send = getattr(self.http, method)
        if data is None:
            response = send(path, headers=said)
        else:
            response = send(path, data, content_type="application/json", headers=said)
        for name, morsel in response.cookies.items():
            if morsel["max-age"] == 0:
                del self.http.cookies[name]
        return response
