"""The answers of the generated client, as the programs of both transports look at them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from client.types import Response

T = TypeVar("T")


def good(answer: Response[Any], kind: type[T]) -> T:
    """Return the content of an answer, which must have status 200."""
    assert answer.status_code == HTTPStatus.OK, answer
    assert isinstance(answer.parsed, kind)
    return answer.parsed


def done(answer: Response[Any]) -> None:
    """Look at an answer that has no content."""
    assert answer.status_code == HTTPStatus.NO_CONTENT, answer
