"""The base of our endpoints: bodies in, JSON out, and every error in one method."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework import status
from rest_framework import views as rest
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotFound,
    UnsupportedMediaType,
)
from rest_framework.exceptions import PermissionDenied as Forbidden
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import InvalidRequest, TokenError
from jwt_refresh.lifetimes import UNREADABLE
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.database import is_away, unavailable

from .transport import Refusal, refuse

MAX_BODY = 64 * 1024
"""Largest body that is read, in bytes. A token, or a name and a password, are far smaller."""


class RequestTooLarge(APIException):
    """The body is larger than 64 KB, or than ``DATA_UPLOAD_MAX_MEMORY_SIZE`` where that is less; no
    more of it is read.
    """

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
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:  # type: ignore[override]
        view: Callable[..., HttpResponseBase] = super().as_view(**initkwargs)
        vars(view)["_non_atomic_requests"] = EveryAlias()
        return view

    @method_decorator(sensitive_post_parameters())
    @sealed
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        # In here, so that an error in it shows no token either. What is no answer of REST
        # framework's is rendered already.
        return response.render() if isinstance(response, SimpleTemplateResponse) else response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _read_body(request._request)
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return rest.exception_handler

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TokenError):
            exc = refuse(exc, self.request._request)
        elif isinstance(exc, UNREADABLE):
            exc = refuse(InvalidRequest(f"body: {type(exc).__name__}"))
        elif is_away(exc):
            exc = refuse(unavailable(exc))
        elif isinstance(exc, Http404):
            exc = NotFound()
        elif isinstance(exc, PermissionDenied):
            exc = Forbidden()
        if isinstance(exc, APIException) and isinstance(exc.detail, str):
            exc.detail = {"detail": exc.detail, "code": ErrorDetail(str(exc.detail.code))}
        response = super().handle_exception(exc)
        if isinstance(exc, Refusal):
            exc.add_headers(response)
        return response


class IssuingView(TokenView):
    """The base of what hands out tokens: not there where the keys can only verify."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if conf.keyring().signing is None:
            raise NotFound(_("This server verifies tokens, and issues none."))
        super().initial(request, *args, **kwargs)


def _read_body(request: Any) -> None:
    """Read the body for REST framework's parsers, which would read any body whole, or fail on it.

    The server may not know its length (chunks of HTTP/1.1, HTTP/2): no more is read than is
    allowed, and the length is noted, without which REST framework takes a body for none.
    """
    limit = min(MAX_BODY, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or MAX_BODY)
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise InvalidRequest("Content-Length is no number") from None
    if length > limit:
        raise RequestTooLarge
    if request.encoding and codecs.lookup(request.encoding).name not in ("utf-8", "ascii"):
        raise UnsupportedMediaType(request.META["CONTENT_TYPE"])
    if not request._read_started:
        request._body = request.read(limit + 1)
    # A form with files that a middleware has parsed is gone.
    if body := getattr(request, "_body", b""):
        if len(body) > limit:
            raise RequestTooLarge
        request.META["CONTENT_LENGTH"] = str(len(body))
