from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jwt_refresh.stores import query


@pytest.fixture
def plans() -> Iterator[Any]:
    """The cache of plans, empty; nothing that a test puts into it stays."""
    query._plan.cache_clear()
    yield query._plan
    query._plan.cache_clear()
