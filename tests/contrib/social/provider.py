"""A provider that nobody has to ask over a network."""

from __future__ import annotations

from typing import Any

from social_core.backends.oauth import BaseOAuth2

PEOPLE: dict[str, dict[str, Any]] = {}
"""What it tells of whom, by the code that it has given."""


class Provider(BaseOAuth2):  # type: ignore[misc]
    name = "provider"
    AUTHORIZATION_URL = "https://provider.example/authorize"
    ACCESS_TOKEN_URL = "https://provider.example/token"
    ACCESS_TOKEN_METHOD = "POST"

    def get_key_and_secret(self) -> tuple[str, str]:
        return "shop", "secret"

    def request_access_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"access_token": kwargs["data"]["code"]}

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return PEOPLE[access_token]

    def get_user_details(self, response: dict[str, Any]) -> dict[str, Any]:
        return {"username": response["name"], "email": response["email"]}
