"""Counting what a piece of code asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def made(captured: CaptureQueriesContext) -> list[str]:
    """The statements, without those of transactions."""
    return [query["sql"] for query in captured if not query["sql"].startswith(TRANSACTION)]


@contextmanager
def statements(expected: int) -> Iterator[None]:
    """The block makes exactly ``expected`` statements, beside those of its transactions."""
    with CaptureQueriesContext(connection) as captured:
        yield
    assert len(made(captured)) == expected, "\n".join(made(captured))
