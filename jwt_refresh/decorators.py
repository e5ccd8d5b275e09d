"""``token_required`` and ``token_optional``, for views of plain Django."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from .core.users import set_user
from .exceptions import TokenError, TokenMissing
from .sealing import sealed
from .sessions import checking
from .web.transport import json_of, refuse, token_of_guarded, vary

__all__ = ["token_optional", "token_required"]

View = TypeVar("View", bound=Callable[..., Any])


def token_required(view: View) -> View:
    """Let a request pass only with a token that authenticates it.

    Sets ``request.user``, ``request.auser`` and ``request.auth``, as ``JWTAuthentication`` does;
    else answers 400, 401 or 403 in JSON. Works on functions, sync and async, and on classes
    through ``method_decorator(token_required, name="dispatch")``. Django's middleware asks the
    view for no CSRF token: no browser adds the header by itself, and where a cookie is what
    authenticates, the check is made here.
    """
    return _guarded(view, _authenticate)


def token_optional(view: View) -> View:
    """Let a request pass with a token that authenticates it, or without any.

    As ``token_required``; but whoever sends no token is ``AnonymousUser``, and ``request.auth`` is
    ``None``. A session cookie of Django's does not count here, since no CSRF token is asked for.
    """
    return _guarded(view, _authenticate_if_any)


def _guarded(view: View, check: Callable[[HttpRequest], HttpResponseBase | None]) -> View:
    @wraps(view)
    def sync_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return vary(check(request) or view(request, *args, **kwargs))

    @wraps(view)
    async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refused = await sync_to_async(check)(request)
        return vary(refused or await view(request, *args, **kwargs))

    guarded: Any = async_wrapper if _is_async(view) else sync_wrapper
    # LoginRequiredMiddleware knows the users of cookies alone.
    return csrf_exempt(login_not_required(guarded))  # type: ignore[no-any-return]


def _is_async(view: Any) -> bool:
    """Look also at the ``dispatch`` that ``method_decorator`` binds to its view for a request."""
    owner = getattr(getattr(view, "func", None), "__self__", None)
    return iscoroutinefunction(view) or getattr(owner, "view_is_async", False)


@sealed
def _authenticate(request: Any, *, optional: bool = False) -> HttpResponseBase | None:
    """Set the user and the claims of a request; return the answer to one that is refused."""
    try:
        encoded = token_of_guarded(request)
        if encoded is not None:
            session, request.auth = checking.authenticate(encoded, request)
            set_user(request, session.user)
        elif optional:
            _make_anonymous(request)
        else:
            raise TokenMissing("neither in the header nor in a cookie")
    except TokenError as error:
        return json_of(refuse(error, request))
    return None


def _make_anonymous(request: Any) -> None:
    # Loads Django's models of users: a service that only verifies may do without them.
    from django.contrib.auth.models import AnonymousUser

    request.auth = None
    set_user(request, AnonymousUser())


_authenticate_if_any = partial(_authenticate, optional=True)
