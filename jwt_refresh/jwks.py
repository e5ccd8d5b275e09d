"""The endpoint of the public keys."""

from __future__ import annotations

import hashlib
import json

from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from .conf import conf
from .web.endpoint import TokenView

MAX_AGE = 300
"""How long others may keep the public keys, in seconds: a new one is published that long before
it signs."""


class JWKSView(TokenView):
    """The public keys (RFC 7517), for services that verify by themselves."""

    def get(self, request: Request) -> HttpResponseBase:
        jwks = conf.keyring().jwks()
        digest = hashlib.sha256(json.dumps(jwks).encode()).hexdigest()
        response = Response(jwks, content_type="application/jwk-set+json")
        response["Cache-Control"] = f"public, max-age={MAX_AGE}"
        response["ETag"] = etag = f'"{digest}"'
        plain = request._request
        return get_conditional_response(plain, etag=etag, response=response) or response
