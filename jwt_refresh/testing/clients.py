"""Clients that are logged in, refresh, lose answers, and are robbed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Any, Literal, TypeVar, Unpack, cast

from asgiref.sync import sync_to_async
from django.http import HttpHeaders, HttpRequest
from django.test import AsyncClient, AsyncRequestFactory
from rest_framework.request import Request

from jwt_refresh.conf import conf
from jwt_refresh.core.users import set_user
from jwt_refresh.serializers import BODY
from jwt_refresh.sessions import Tokens
from jwt_refresh.sessions.device import plain_of
from jwt_refresh.sessions.refreshing import exchange

from .held import HELD, AnyClient, Given, Held, in_cookies, tokens_in
from .pasts import Past, claims_of, start_session

Holder = TypeVar("Holder", bound=AnyClient)
AnyRequest = TypeVar("AnyRequest", bound=HttpRequest | Request)
Transport = Literal["body"]


def log_in(
    client: AnyClient, user: Any, *, transport: Transport | None = None, **past: Unpack[Past]
) -> Tokens:
    """Start a session of ``user`` and let ``client`` send its tokens, by header or cookie.

    ``client`` is any test client of Django or REST framework, or a factory of requests. No
    password is asked for, and none is hashed. ``past`` is that of ``start_session``, and
    ``transport`` that of ``give``.
    """
    tokens = start_session(user, **past)
    give(client, tokens, transport=transport)
    return tokens


async def alog_in(
    client: AnyClient, user: Any, *, transport: Transport | None = None, **past: Unpack[Past]
) -> Tokens:
    """Do what ``log_in`` does, in an async test."""
    return await sync_to_async(log_in)(client, user, transport=transport, **past)


def authenticated(request: AnyRequest, /, user: Any, **past: Unpack[Past]) -> AnyRequest:
    """Make a request as a view finds it behind its guard, and return it.

    It has the header of the token, so that a guard lets it pass, and ``user``, ``auser`` and
    ``auth``, for code without one. ``past`` is that of ``start_session``.
    """
    past.setdefault("request", request)
    tokens = start_session(user, **past)
    plain: Any = plain_of(request)
    for name, text in headers_of(tokens).items():
        plain.META[HttpHeaders.to_wsgi_name(name)] = text
    # REST framework's request hands both on to the plain one.
    found = cast(Any, request)
    set_user(found, tokens.session.user)
    found.auth = claims_of(tokens)
    return request


def give(client: AnyClient, tokens: Given | None, *, transport: Transport | None = None) -> None:
    """Let a client send these tokens with each request, in the place of any others.

    ``tokens`` are ``Tokens``, the body that an endpoint answered, or the text of one token;
    ``None`` takes them away. They travel as after a login: in cookies where they are set up,
    unless ``transport`` is ``"body"``, else in the header.
    """
    held = Held.of(tokens or "")
    if isinstance(tokens, Mapping):
        # What came by cookie is not in the body.
        cookies = in_cookies(client)
        held = Held(held.access or cookies.access, held.refresh or cookies.refresh)
    by_cookie = conf.uses_cookies and transport != BODY
    for cookie, token in ((conf.ACCESS_COOKIE, held.access), (conf.REFRESH_COOKIE, held.refresh)):
        client.cookies.pop(cookie or "", None)
        if cookie and token and by_cookie:
            client.cookies[cookie] = token
    # Those of an APIClient are above all other headers, and its logout() takes them away.
    headers: dict[str, Any] = vars(client).get("_credentials", client.defaults)
    spelling = HttpHeaders.to_wsgi_name
    if isinstance(client, AsyncClient | AsyncRequestFactory):
        spelling = HttpHeaders.to_asgi_name
    headers.pop(spelling(conf.AUTH_HEADER_NAME), None)
    if held.access and not (by_cookie and conf.ACCESS_COOKIE):
        headers |= {spelling(name): text for name, text in headers_of(held.access).items()}
    vars(client)[HELD] = held


def headers_of(tokens: Given) -> dict[str, str]:
    """Return the header that authenticates a request, for one alone or for another library."""
    scheme = conf.AUTH_HEADER_TYPES[0]
    return {conf.AUTH_HEADER_NAME: f"{scheme} {Held.of(tokens).access}".strip()}


def refresh(
    client: AnyClient,
    *,
    idempotency_key: str = "",
    request: HttpRequest | Request | None = None,
) -> Tokens:
    """Refresh what the client holds, let it send the new tokens, and return these.

    It asks no endpoint, and raises the ``TokenError`` that one would answer. The arguments are
    those of ``sessions.refresh``.
    """
    tokens = _exchange(tokens_in(client), idempotency_key, request)
    cookies = [name for name in (conf.ACCESS_COOKIE, conf.REFRESH_COOKIE) if name in client.cookies]
    give(client, tokens, transport=None if cookies else "body")
    return tokens


def lose_answer(
    holder: AnyClient | Given,
    *,
    idempotency_key: str = "",
    request: HttpRequest | Request | None = None,
) -> None:
    """Refresh the tokens of a client, which never hears of it; ``holder`` may be the tokens.

    The arguments are those of ``sessions.refresh``, and so is what it raises.
    """
    held = tokens_in(holder) if isinstance(holder, AnyClient) else Held.of(holder)
    _exchange(held, idempotency_key, request)


def stolen(client: Holder) -> Holder:
    """Return another client with a copy of what this one holds: tokens, cookies, headers."""
    thief = copy(client)
    for name in {"cookies", "defaults", "_credentials", "handler"} & vars(client).keys():
        it = getattr(client, name)
        # A morsel of a cookie is changed in place. The rest of a handler may not be copied.
        setattr(thief, name, deepcopy(it) if name == "cookies" else copy(it))
    return thief


def _exchange(held: Held, idempotency_key: str, request: HttpRequest | Request | None) -> Tokens:
    plain = plain_of(request)
    # As sessions.refresh does, which refuses to run in a transaction that a test may have open.
    claims = conf.verifier(plain).refreshable(held.refreshable)
    return exchange(claims, idempotency_key=idempotency_key, request=plain)
