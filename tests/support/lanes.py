"""How much a run takes: ``TEST_LANE`` says so, ``quick`` where it is not set.

``tests/README.md`` tells what each lane is for. A test that only the larger ones run is marked
``full``; one that the quick lane runs at a smaller size asks ``sized``.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Lane(Enum):
    QUICK = "quick"
    ALL = "all"
    RANDOM = "random"
    """As large as ``ALL``, with other examples of Hypothesis each time."""


LANE = Lane(os.environ.get("TEST_LANE", "quick"))


def sized(quick: T, full: T) -> T:
    """Return what is meant for this lane."""
    return quick if LANE is Lane.QUICK else full
