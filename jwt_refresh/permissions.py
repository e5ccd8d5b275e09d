"""A permission that gives a missing token its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import permissions
from rest_framework.request import Request

from .exceptions import TokenMissing
from .transport import Refusal

if TYPE_CHECKING:
    # REST framework imports its default permissions while it loads that module.
    from rest_framework.views import APIView


class IsAuthenticated(permissions.IsAuthenticated):
    """Like that of REST framework; a request that nobody authenticated gets ``token_missing``.

    It raises, so in a composition put it last: ``ReadOnly | IsAuthenticated``.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if super().has_permission(request, view):
            return True
        raise Refusal(TokenMissing("no authenticator found credentials"))
