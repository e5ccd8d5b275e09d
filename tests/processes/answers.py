"""What clients may get while others race them, and what must be over afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from tests.processes.acts import Answer, device_of


def check_answers(answers: Iterable[Answer]) -> None:
    """Served, refused, or late; a server that fails, or gives up, is none of them."""
    for answer in answers:
        assert answer.status in (200, 401, 409), answer


def check_over(tokens: set[str]) -> None:
    """They are good for nothing."""
    for token in tokens:
        device = device_of(token=token)
        answers = device.get(), device.verify(), device.refresh()
        assert [answer.status_code for answer in answers] == [401] * 3


def tokens_in(answers: Iterable[Answer]) -> set[str]:
    got = [answer for answer in answers if answer.status == 200]
    return {answer.access for answer in got} | {answer.refreshable for answer in got}
