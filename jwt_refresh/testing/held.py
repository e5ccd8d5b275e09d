"""The tokens that a test client holds, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory

from jwt_refresh.conf import conf
from jwt_refresh.core.encoding import decode_object
from jwt_refresh.sessions import Tokens

AnyClient = Client | AsyncClient | RequestFactory | AsyncRequestFactory
"""A test client, or a factory of requests; those of REST framework are derived from these."""
Given = Tokens | Mapping[str, Any] | str
"""Tokens, the body of a token response, or one encoded token."""
GIVEN = Tokens, Mapping, str
HELD = "_jwt_refresh_held"
"""The attribute in which a client keeps what was given to it."""


class Held(NamedTuple):
    """The tokens that a client holds; in sliding style there is no other than ``access``."""

    access: str
    refresh: str = ""

    @classmethod
    def of(cls, tokens: Given) -> Held:
        if isinstance(tokens, Tokens):
            return cls(tokens.access_token, tokens.refresh_token or "")
        if isinstance(tokens, str):
            return cls(tokens)
        return cls(tokens.get("access_token", ""), tokens.get("refresh_token", ""))

    @property
    def refreshable(self) -> str:
        return self.refresh or self.access


def tokens_in(client: AnyClient) -> Held:
    """Return what a client holds, in its cookies first: those the server may have changed."""
    held: Held = vars(client).get(HELD, Held(""))
    cookies = in_cookies(client)
    held = Held(cookies.access or held.access, cookies.refresh or held.refresh)
    if not any(held):
        raise ValueError("This client holds no token: log_in(client, user) gives it one.")
    return held


def in_cookies(client: AnyClient) -> Held:
    names = conf.ACCESS_COOKIE, conf.REFRESH_COOKIE
    return Held(*(getattr(client.cookies.get(name or ""), "value", "") for name in names))


def read(encoded: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a token, whoever signed it."""
    header, content, _ = encoded.encode().split(b".")
    return decode_object(header), decode_object(content)
