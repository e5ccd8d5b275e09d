"""Permissions: a missing token gets its code, and an old login must be renewed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rest_framework import permissions
from rest_framework.request import Request

from .core.claims import Claims
from .exceptions import LoginTooOld, TokenMissing
from .web.transport import refuse

if TYPE_CHECKING:
    # REST framework imports its default permissions while it loads that module.
    from rest_framework.views import APIView

__all__ = ["IsAuthenticated", "RecentlyAuthenticated"]


class IsAuthenticated(permissions.IsAuthenticated):
    """The permission of REST framework, with ``token_missing`` for an unauthenticated request.

    It raises, so in a composition put it last: ``ReadOnly | IsAuthenticated``.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if super().has_permission(request, view):
            return True
        raise refuse(TokenMissing("no authenticator found credentials"))


class RecentlyAuthenticated(IsAuthenticated):
    """A demand for a login (``auth_time``, which no refresh moves) no older than ``max_age``.

    Give it to ``permission_classes`` as it is: ``[RecentlyAuthenticated(max_age=...)]``. Whoever
    logged in earlier gets a 401 with the challenge of RFC 9470 section 3, and so does whoever
    was authenticated by other means, since nobody knows when.
    """

    def __init__(self, *, max_age: timedelta) -> None:
        self.max_age = max_age

    def __call__(self) -> RecentlyAuthenticated:
        """Return itself: REST framework calls what it finds in ``permission_classes``."""
        return self

    def has_permission(self, request: Request, view: APIView) -> bool:
        super().has_permission(request, view)
        claims = request.auth
        seconds = int(self.max_age.total_seconds())
        if isinstance(claims, Claims) and time.time() - claims.get("auth_time", 0) <= seconds:
            return True
        raise refuse(LoginTooOld(seconds))
