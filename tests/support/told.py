"""What the app tells, in the order in which it was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jwt_refresh import signals

SIGNALS = {
    "started": signals.session_started,
    "refreshed": signals.session_refreshed,
    "reuse": signals.reuse_detected,
    "revoked": signals.session_revoked,
    "violated": signals.binding_violated,
}
Told = list[tuple[str, dict[str, Any]]]


@contextmanager
def listening() -> Iterator[Told]:
    """The names of the signals that are sent meanwhile, and what they carry."""
    told: Told = []
    receivers: dict[str, Callable[..., None]] = {
        name: lambda _name=name, **facts: told.append((_name, facts)) for name in SIGNALS
    }
    for name, signal in SIGNALS.items():
        signal.connect(receivers[name])
    try:
        yield told
    finally:
        for name, signal in SIGNALS.items():
            signal.disconnect(receivers[name])


def names(told: Told) -> list[str]:
    return [name for name, _ in told]
