"""How much of a body the endpoints read, and what they make of one that is too large."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client
from django.urls import resolve

from jwt_refresh.web.endpoint import MAX_BODY
from tests.support.devices import Device
from tests.support.http import said

pytestmark = pytest.mark.django_db

LARGE = 2_500_000
TOO_LARGE = (413, "request_too_large")
PATHS = ["login", "refresh", "verify", "logout", "logout/all", "logout/others"]


class Wire(io.BytesIO):
    """What a server reads from: notes how much of it was asked for."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def asgi(path: str, wire: Wire, length: int | None, media: str = "application/json") -> Any:
    headers = [(b"content-type", media.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    return ASGIRequest(scope, wire)


def wsgi(path: str, wire: Wire, length: int | None, media: str = "application/json") -> Any:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "wsgi.input": wire, "CONTENT_TYPE": media,
        "SERVER_NAME": "testserver", "SERVER_PORT": "80",
    }  # fmt: skip
    return WSGIRequest(environ if length is None else environ | {"CONTENT_LENGTH": str(length)})


def answer(request: Any) -> Any:
    match = resolve(request.path)
    response = match.func(request, *match.args, **match.kwargs)
    return type("Answer", (), {
        "status_code": response.status_code, "json": lambda: json.loads(response.rendered_content)
    })  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("server", [asgi, wsgi])
def test_a_body_that_is_announced_as_too_large_is_not_read(server: Any, path: str) -> None:
    wire = Wire(b'{"token": "' + b"x" * LARGE + b'"}')
    response = answer(server(f"/auth/{path}/", wire, len(wire.getvalue())))
    assert said(response)[:2] == TOO_LARGE
    assert wire.taken == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media", ["application/json", "multipart/form-data; boundary=b", "x/y"])
@pytest.mark.parametrize("length", [None, 0, 10], ids=["chunks", "none", "a lie"])
def test_a_body_of_unknown_length_is_read_up_to_the_limit(
    path: str, media: str, length: int | None
) -> None:
    """As in chunks, or over HTTP/2: under ASGI the length is what arrives."""
    wire = Wire(b"x" * LARGE)
    assert said(answer(asgi(f"/auth/{path}/", wire, length, media)))[:2] == TOO_LARGE
    assert wire.taken == MAX_BODY + 1


@pytest.mark.parametrize("server", [asgi, wsgi])
def test_neither_takes_memory(server: Any) -> None:
    for length in (LARGE, None):
        request = server("/auth/login/", Wire(b'{"password": "' + b"x" * LARGE), length)
        tracemalloc.start()
        answer(request)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 1_000_000


@pytest.mark.parametrize(("filler", "code"), [(0, "token_invalid"), (1, "request_too_large")])
def test_the_limit_is_64_kb(filler: int, code: str) -> None:
    body = b'{"token": "x"}'
    body = body.ljust(64 * 1024 + filler)
    for length in (len(body), None):
        assert said(answer(asgi("/auth/verify/", Wire(body), length)))[1] == code


@pytest.mark.parametrize(("limit", "status"), [(10, 413), (None, 401), (0, 401), (10**9, 401)])
def test_a_project_may_allow_less(settings: Any, limit: int | None, status: int) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = limit
    body = b'{"token": "not a token of ours"}'
    assert answer(asgi("/auth/verify/", Wire(body), len(body))).status_code == status


def test_a_project_cannot_allow_more(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    wire = Wire(b" " * LARGE)
    assert said(answer(asgi("/auth/verify/", wire, LARGE)))[:2] == TOO_LARGE


def test_a_body_in_chunks_is_a_body(phone: Device) -> None:
    """REST framework takes one without a length for none."""
    phone.login()
    body = json.dumps({"token": phone.token}).encode()
    assert answer(asgi("/auth/verify/", Wire(body), None)).status_code == 200


@pytest.mark.parametrize("size", [10, MAX_BODY + 1])
@pytest.mark.parametrize("how", ["body", "POST"])
def test_a_middleware_may_have_read_it_before(phone: Device, size: int, how: str) -> None:
    """Then it is there whole, or, a form with files, already taken apart."""
    phone.login()
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    form = f"{part.format('token', phone.token)}{part.format('x', 'x' * size)}--b--".encode()
    media = "multipart/form-data; boundary=b"
    request = asgi("/auth/verify/", Wire(form), len(form) if how == "POST" else None, media)
    assert getattr(request, how)
    expected = (413, "request_too_large") if size > MAX_BODY else (200, None)
    response = answer(request)
    assert (response.status_code, response.json().get("code")) == expected


class Broken(io.BytesIO):
    """A client that hangs up."""

    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError


def test_a_client_that_hangs_up_is_no_fault_of_the_server() -> None:
    request = asgi("/auth/login/", Broken(), 10)  # type: ignore[arg-type]
    assert said(answer(request))[:2] == (400, "invalid_request")


def test_a_hook_may_read_the_body_too(phone: Device, settings: Any) -> None:
    seen: list[bytes] = []
    settings.JWT_REFRESH = {
        "ISSUER": lambda request: seen.append(request.body) or "me"  # type: ignore[func-returns-value]
    }
    phone.login()
    body = json.dumps({"token": phone.token}).encode()
    seen.clear()
    response = Client().post("/auth/verify/", body, content_type="application/json")
    assert response.status_code == 200
    assert set(seen) == {body}
