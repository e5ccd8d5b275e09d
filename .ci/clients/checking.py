"""The middleware that holds each answer of the example project against its OpenAPI schema."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from openapi_core import Config, OpenAPI
from openapi_core.contrib.django import DjangoOpenAPIRequest, DjangoOpenAPIResponse

SCHEMA = Path(os.environ["OPENAPI_SCHEMA"])
ANSWERED = Path(os.environ["OPENAPI_ANSWERED"])
"""The file that gets a line for each answer: operation and status."""


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> object:
    """Turn an answer that is not as the schema says into a failure of the server."""
    config = Config(extra_media_type_deserializers={"application/jwk-set+json": json.loads})
    schema = OpenAPI.from_dict(json.loads(SCHEMA.read_text()), config=config)

    def check(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        asked = DjangoOpenAPIRequest(request)
        schema.validate_response(asked, DjangoOpenAPIResponse(response))
        with ANSWERED.open("a") as file:
            file.write(
                f"{asked.method} {asked.path_pattern or request.path} {response.status_code}\n"
            )
        return response

    return check
