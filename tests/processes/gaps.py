"""Every gap between two steps of a server, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from .acts import Answer
from .steps import harmed_at, killed_at
from .workers import Workers

Begin = Callable[[], Callable[[], Answer]]
"""Makes everything as it is before a request, and returns that."""
Harm = tuple[Callable[[], None], int]
"""What is done to the database, and how many steps in a row."""


def killed(workers: Workers, begin: Begin, expected: tuple[int, int]) -> Iterator[None]:
    """Each time the process is killed a step later, until it lives to send its answer.

    There is a step before and after each statement and each commit. ``expected``: the status
    of the answer, and the least number of steps that make it.
    """
    step = 1
    while True:
        act = begin()
        try:
            with workers.one() as process:
                answer, names = process(partial(killed_at, step, act))
        except EOFError:
            yield
            step += 1
        else:
            break
    assert answer.status == expected[0], answer
    assert len(names) == step - 1 >= expected[1]


def harmed(
    workers: Workers, begin: Begin, expected: tuple[int, int], harm: Harm
) -> Iterator[Answer]:
    """Each time the database is harmed a step later, until no step is left.

    The process gives an answer, never a status of 500, and does its next work as ever.
    """
    then, times = harm
    step = 0
    names: list[str] = []
    with workers.one() as process:
        while step <= len(names):
            step += 1
            act = partial(harmed_at, range(step, step + times), then, begin())
            answer, again, names = process(act)
            assert answer.status in (expected[0], 503), (step, names, answer)
            assert again.status == expected[0], (step, names, again)
            yield answer
    assert answer.status == expected[0]
    assert len(names) == step - 1 >= expected[1]
