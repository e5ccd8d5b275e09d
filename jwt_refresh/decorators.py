"""``token_required``, for views of plain Django."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from .core.users import set_user
from .exceptions import TokenError, TokenMissing
from .sealing import sealed
from .sessions import checking
from .web.transport import Refusal, refuse, token_of_guarded, varying

__all__ = ["token_required"]

View = Callable[..., Any]


def token_required(view: View) -> View:
    """Let a request pass only with a token that authenticates it.

    Sets ``request.user``, ``request.auser`` and ``request.auth``, as ``JWTAuthentication`` does;
    else answers 400, 401 or 403 in JSON. Works on functions, sync and async, and on classes
    through ``method_decorator(token_required, name="dispatch")``. Django's middleware asks the
    view for no CSRF token: no browser adds the header by itself, and where a cookie is what
    authenticates, the check is made here.
    """

    @wraps(view)
    def sync_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _varying(_authenticate(request) or view(request, *args, **kwargs))

    @wraps(view)
    async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refused = await sync_to_async(_authenticate)(request)
        return _varying(refused or await view(request, *args, **kwargs))

    guarded = async_wrapper if _is_async(view) else sync_wrapper
    # LoginRequiredMiddleware knows the users of cookies alone.
    return csrf_exempt(login_not_required(guarded))


def _varying(response: HttpResponseBase) -> HttpResponseBase:
    """Tell caches that the answer is for whoever sent the token."""
    patch_vary_headers(response, varying())
    return response


def _is_async(view: Any) -> bool:
    """Look also at the ``dispatch`` that ``method_decorator`` binds to its view for a request."""
    owner = getattr(getattr(view, "func", None), "__self__", None)
    return iscoroutinefunction(view) or getattr(owner, "view_is_async", False)


@sealed
def _authenticate(request: HttpRequest) -> HttpResponseBase | None:
    try:
        encoded = token_of_guarded(request)
        if encoded is None:
            raise TokenMissing("neither in the header nor in a cookie")
        session, claims = checking.authenticate(encoded, request)
    except TokenError as error:
        return _answer(refuse(error))
    set_user(request, session.user)
    request.auth = claims  # type: ignore[attr-defined]
    return None


def _answer(refusal: Refusal) -> JsonResponse:
    as_rest_framework = {"ensure_ascii": False, "separators": (",", ":")}
    response = JsonResponse(
        refusal.detail, status=refusal.status_code, json_dumps_params=as_rest_framework
    )
    if refusal.auth_header:
        response["WWW-Authenticate"] = refusal.auth_header
    response["Cache-Control"] = "no-store"
    return response
