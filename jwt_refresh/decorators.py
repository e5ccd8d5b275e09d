"""``token_required``, for views of plain Django."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from . import lookup
from .exceptions import TokenError, TokenMissing
from .transport import Refusal, token_of_header

View = Callable[..., Any]


def token_required(view: View) -> View:
    """Let a request pass only with a token that authenticates it.

    Sets ``request.user`` and ``request.auth``, as ``JWTAuthentication`` does; else answers
    401 or 400 in JSON. Works on functions, sync and async, and on classes through
    ``method_decorator(token_required, name="dispatch")``. The view needs no CSRF token, since
    no browser adds the header by itself.
    """

    @wraps(view)
    async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refused = await sync_to_async(_authenticate)(request)
        return refused or await view(request, *args, **kwargs)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The dispatch() of a class of async views is a plain function called on the loop.
        if _on_event_loop():
            return async_wrapper(request, *args, **kwargs)
        return _authenticate(request) or view(request, *args, **kwargs)

    return csrf_exempt(async_wrapper if iscoroutinefunction(view) else wrapper)


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@sensitive_variables("encoded")
def _authenticate(request: HttpRequest) -> HttpResponseBase | None:
    try:
        encoded = token_of_header(request)
        if encoded is None:
            raise TokenMissing("no token in the header")
        session, claims = lookup.authenticate(encoded)
    except TokenError as error:
        return _answer(Refusal(error))
    request.user, request.auth = session.user, claims  # type: ignore[attr-defined]
    return None


def _answer(refusal: Refusal) -> JsonResponse:
    response = JsonResponse(refusal.detail, status=refusal.status_code)
    if refusal.auth_header:
        response["WWW-Authenticate"] = refusal.auth_header
    response["Cache-Control"] = "no-store"
    return response
