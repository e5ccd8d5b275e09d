from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from tests.support.forging import NOW


@pytest.fixture
def now() -> Iterator[None]:
    """Time stands still at the instant for which tokens are made by hand."""
    with time_machine.travel(NOW, tick=False):
        yield
