"""What happens next: events in the order of time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Agenda:
    """The events of one device, and the time it is, in seconds since the start of the run."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = count()

    def add(self, at: float, act: Callable[..., object], *arguments: Any) -> None:
        heappush(self._events, (at, next(self._order), act, arguments))

    def run(self, end: float) -> None:
        """Let happen whatever is due before ``end``."""
        while self._events and self._events[0][0] < end:
            self.now, _, act, arguments = heappop(self._events)
            act(*arguments)
        self.now = end
