"""Permissions: a missing token gets its code, and an old login must be renewed.

They compose with any others, in any order: ``&``, ``|`` and ``~``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework import permissions
from rest_framework.request import Request

from .core.claims import Claims
from .exceptions import LoginTooOld, TokenError, TokenMissing
from .sessions.device import plain_of
from .web.transport import refuse

if TYPE_CHECKING:
    # REST framework imports its default permissions while it loads that module.
    from rest_framework.views import APIView

__all__ = ["IsAuthenticated", "RecentlyAuthenticated"]


class _Composing:
    """The operators of what can say why it refuses: what they make can say so as well."""

    def __and__(self, other: Any) -> permissions.OperandHolder:
        return _pair(_And, self, other)

    def __rand__(self, other: Any) -> permissions.OperandHolder:
        return _pair(_And, other, self)

    def __or__(self, other: Any) -> permissions.OperandHolder:
        return _pair(_Or, self, other)

    def __ror__(self, other: Any) -> permissions.OperandHolder:
        return _pair(_Or, other, self)

    def __invert__(self: Any) -> permissions.SingleOperandHolder:
        operator: Any = _Not
        return _Single(operator, self)


class _Pair(_Composing, permissions.OperandHolder): ...


class _Single(_Composing, permissions.SingleOperandHolder): ...


class _Meta(_Composing, permissions.BasePermissionMetaclass): ...  # type: ignore[misc]


def _pair(operator: Any, first: Any, second: Any) -> permissions.OperandHolder:
    return _Pair(operator, first, second)


class _Asked:
    """The base of what is granted, refused, or refused for a reason, which then is the answer."""

    def __init__(self, *operands: Any) -> None:
        self.operands = operands

    verdict: Callable[..., bool | TokenError]
    """Grant or refuse, and log nothing: another permission may have the last word."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return _said(self.verdict(request, view), request)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return _said(self.verdict(request, view, obj), request)


def _said(verdict: bool | TokenError, request: Request) -> bool:
    if isinstance(verdict, TokenError):
        raise refuse(verdict, plain_of(request))
    return verdict


def _ask(permission: Any, request: Request, view: APIView, *obj: Any) -> bool | TokenError:
    """Ask a permission of ours, or any other; once more about ``obj``, where there is one.

    A subclass of a project that answers in methods of its own is asked those, as any other is.
    """
    methods = type(permission).has_permission, type(permission).has_object_permission
    if methods == (_Asked.has_permission, _Asked.has_object_permission):
        verdict: bool | TokenError = permission.verdict(request, view, *obj)
        return verdict
    allowed: bool = permission.has_permission(request, view)
    return allowed and (not obj or permission.has_object_permission(request, view, *obj))


class _And(_Asked):
    def verdict(self, *asked: Any) -> bool | TokenError:
        first = _ask(self.operands[0], *asked)
        return _ask(self.operands[1], *asked) if first is True else first


class _Or(_Asked):
    def verdict(self, *asked: Any) -> bool | TokenError:
        first = _ask(self.operands[0], *asked)
        return first if first is True else _ask(self.operands[1], *asked) or first


class _Not(_Asked):
    def verdict(self, *asked: Any) -> bool | TokenError:
        return _ask(self.operands[0], *asked) is not True


class IsAuthenticated(_Asked, permissions.IsAuthenticated, metaclass=_Meta):
    """The permission of REST framework, with ``token_missing`` for an unauthenticated request."""

    def verdict(self, request: Request, view: APIView, *obj: Any) -> bool | TokenError:
        if permissions.IsAuthenticated.has_permission(self, request, view):
            return True
        return TokenMissing("no authenticator found credentials")


class _RecentlyAuthenticated(IsAuthenticated):
    max_age: ClassVar[timedelta]

    def verdict(self, request: Request, view: APIView, *obj: Any) -> bool | TokenError:
        authenticated = super().verdict(request, view)
        if authenticated is not True:
            return authenticated
        claims = request.auth
        seconds = int(self.max_age.total_seconds())
        if isinstance(claims, Claims) and time.time() - claims.get("auth_time", 0) <= seconds:
            return True
        return LoginTooOld(seconds)


def RecentlyAuthenticated(*, max_age: timedelta) -> type[IsAuthenticated]:
    """Make a permission that asks for a login no older than ``max_age``.

    The time is ``auth_time``, which no refresh moves. Whoever logged in earlier gets a 401 with
    the challenge of RFC 9470 section 3, and so does whoever was authenticated by other means,
    since nobody knows when.
    """
    return type("RecentlyAuthenticated", (_RecentlyAuthenticated,), {"max_age": max_age})
