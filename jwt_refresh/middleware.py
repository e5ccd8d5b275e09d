"""The middleware that knows the users of tokens wherever Django knows those of its sessions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from .core.claims import Claims
from .exceptions import TokenError
from .sealing import sealed
from .sessions import checking, events
from .web.transport import token_of_guarded, vary

__all__ = ["JWTMiddleware"]


class JWTMiddleware:
    """Sets ``request.user``, ``request.auser`` and ``request.auth`` for a good token.

    For what asks nobody else: GraphQL, views of other packages, templates. It goes behind Django's
    ``AuthenticationMiddleware``. All three are lazy: a request that asks for none of them makes no
    query, another one makes the one query of ``JWTAuthentication``.

    It refuses nobody. Whoever sends no token, or one that is good for nothing, or a cookie that
    another site may have made the browser send, stays who they were, and ``request.auth`` is
    false. So a view behind it still has to say whom it lets in. And one under ``cache_page``, which
    sees the answer first, says ``vary_on_headers("Authorization")``; since 5.2.15 Django does so.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        _recognize(request)
        if iscoroutinefunction(self):
            return self._vary_later(request)
        return vary(self.get_response(request))

    async def _vary_later(self, request: HttpRequest) -> HttpResponseBase:
        return vary(await self.get_response(request))


@sealed
def _recognize(request: Any) -> None:
    encoded = _token_of(request)
    request.auth = getattr(request, "auth", None)
    if encoded is None:
        return
    before, before_async = getattr(request, "user", None), getattr(request, "auser", None)

    @cache
    @sealed
    def found() -> tuple[Any, Claims | None]:
        try:
            session, claims = checking.authenticate(encoded, request)
        except TokenError as error:
            events.refused(error)
            return before, None
        return session.user, claims

    async def auser() -> Any:
        user, claims = await sync_to_async(found)()
        return user if claims or before_async is None else await before_async()

    request.user = SimpleLazyObject(lambda: found()[0])
    request.auth = SimpleLazyObject(lambda: found()[1])
    request.auser = auser


def _token_of(request: HttpRequest) -> str | None:
    try:
        return token_of_guarded(request)
    except TokenError as error:
        events.refused(error)
        return None
