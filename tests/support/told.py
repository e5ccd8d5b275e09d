"""What the app tells, in the order in which it was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.dispatch import Signal

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
def connected(signal: Signal, receiver: Callable[..., Any]) -> Iterator[None]:
    """A receiver hears a signal for as long as it is needed."""
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@contextmanager
def listening() -> Iterator[Told]:
    """The names of the signals that are sent meanwhile, and what they carry."""
    told: Told = []
    receivers: dict[str, Callable[..., None]] = {
        name: lambda _name=name, **facts: told.append((_name, facts)) for name in SIGNALS
    }
    with ExitStack() as stack:
        for name, signal in SIGNALS.items():
            stack.enter_context(connected(signal, receivers[name]))
        yield told


def names(told: Told) -> list[str]:
    return [name for name, _ in told]
