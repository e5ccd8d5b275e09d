"""The endpoints of simplejwt in an OpenAPI schema, as drf-spectacular describes simplejwt's own.

Under the same names, for the sake of clients that were generated before the move.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema

from jwt_refresh.contrib.spectacular import BadRequestSerializer, errors


def _describe(view: str, *statuses: int) -> None:
    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = f"{__package__}.views.{view}"

        def view_replacement(self) -> Any:
            target: Any = self.target_class
            described = type(target.__name__, (target,), {"__doc__": target.__doc__})
            bad = {400: OpenApiResponse(BadRequestSerializer)}
            return extend_schema(
                request={"application/json": target.serializer_class},
                responses=errors(*statuses) | bad | {200: target.serializer_class},
            )(described)


_describe("TokenObtainPairView", 401, 404, 429)
_describe("TokenRefreshView", 401, 404, 409, 429)
_describe("TokenVerifyView", 401, 429)
_describe("TokenBlacklistView", 401)
