"""The base of our endpoints: bodies in, JSON out, and every error in one method."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from rest_framework import status
from rest_framework import views as rest
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    ParseError,
    UnsupportedMediaType,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh.exceptions import InvalidRequest, TokenError
from jwt_refresh.stores.database import is_away, unavailable

from .transport import refuse


class RequestTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The request is too large.")
    default_code = "request_too_large"


class JSONOnly(DefaultContentNegotiation):
    """JSON, also for a client that accepts none: the meaning of an error is in its body."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class EveryAlias(set[str]):
    """The set of all aliases of databases, also of one that a project adds while it runs."""

    def __contains__(self, alias: object) -> bool:
        return True


class TokenView(rest.APIView):
    """The base of our endpoints: JSON or forms in, JSON out, never cached.

    Never in a transaction of ``ATOMIC_REQUESTS`` either, which a refusal would roll back.
    """

    authentication_classes: Any = []
    permission_classes: Any = []
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONOnly
    throttle_classes: Any = []
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view._non_atomic_requests = EveryAlias()
        return view

    # No frame below shows a token or a password in an error report.
    @method_decorator([sensitive_post_parameters(), sensitive_variables()])
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _check_body(request._request)
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return rest.exception_handler

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TokenError):
            exc = refuse(exc)
        elif isinstance(exc, ParseError | SuspiciousOperation | RecursionError):
            exc = refuse(InvalidRequest(f"body: {type(exc).__name__}"))
        elif is_away(exc):
            exc = refuse(unavailable(exc))
        if isinstance(exc, APIException) and isinstance(exc.detail, str):
            exc.detail = {"detail": exc.detail, "code": ErrorDetail(str(exc.detail.code))}
        return super().handle_exception(exc)


def _check_body(request: HttpRequest) -> None:
    """Refuse, before parsing, a body that REST framework's parsers would read whole or fail on."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        too_large = limit is not None and int(request.META.get("CONTENT_LENGTH") or 0) > limit
    except ValueError:
        raise InvalidRequest("Content-Length is no number") from None
    if too_large:
        raise RequestTooLarge
    if request.encoding and codecs.lookup(request.encoding).name not in ("utf-8", "ascii"):
        raise UnsupportedMediaType(request.META["CONTENT_TYPE"])
