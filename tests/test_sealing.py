"""The frames that an error came through, as any reporter finds them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pytest
from django.utils.log import AdminEmailHandler
from django.views.decorators.debug import sensitive_variables

from jwt_refresh.sealing import seal, sealed

SECRET = "correct-horse-battery-staple"


def shown(error: BaseException) -> str:
    """All variables of all frames below this module's tests, without anybody's filter."""
    texts = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_name.startswith("test_"):
            texts.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    return "".join(texts)


def failing(password: str) -> Any:
    copy = password
    raise KeyError(len(copy))


@sensitive_variables("other")
def narrowly(password: str) -> None:
    """Django's filter would obey this decorator, as below its own ``authenticate``."""
    failing(password)


def generating(password: str) -> Iterator[None]:
    """Django's filter would not see past this frame."""
    yield failing(password)


def with_a_cause(password: str) -> None:
    try:
        failing(password)
    except KeyError as error:
        raise ValueError from error


def with_a_context(password: str) -> None:
    try:
        failing(password)
    finally:
        raise ValueError


def suppressing(password: str) -> None:
    try:
        failing(password)
    except KeyError:
        raise ValueError from None


WAYS: list[Callable[[str], Any]] = [
    failing,
    narrowly,
    lambda password: list(generating(password)),
    with_a_cause,
    with_a_context,
    suppressing,
]


@pytest.mark.parametrize("way", WAYS)
def test_no_variable_gets_out(way: Callable[[str], Any]) -> None:
    """Not even the arguments of the function that is sealed."""
    with pytest.raises((KeyError, ValueError)) as raised:
        sealed(way)(SECRET)
    errors = [raised.value, raised.value.__context__]
    assert [shown(error) for error in errors if error is not None]
    for error in filter(None, errors):
        assert SECRET not in shown(error)


@pytest.mark.parametrize("way", WAYS)
def test_with_debug_on_all_is_shown(way: Callable[[str], Any], settings: Any) -> None:
    settings.DEBUG = True
    with pytest.raises((KeyError, ValueError)) as raised:
        sealed(way)(SECRET)
    error = raised.value
    assert SECRET in shown(error)


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    seal(first)


def test_what_still_runs_keeps_its_variables() -> None:
    def running(password: str) -> str:
        try:
            failing(password)
        except KeyError as error:
            seal(error)
        return password

    assert running(SECRET) == SECRET


def test_an_error_that_is_logged_inside_meets_the_filter_of_django() -> None:
    """By a hook or a receiver of a project, before it gets out."""
    mails: list[str] = []

    class Mailer(AdminEmailHandler):
        def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
            mails.append(kwargs["html_message"])

    logger, mailer = logging.getLogger("a project"), Mailer(include_html=True)

    def hook(password: str) -> None:
        try:
            failing(password)
        except KeyError:
            logger.exception("the hook failed")

    logger.addHandler(mailer)
    try:
        hook(SECRET)
        sealed(hook)(SECRET)
    finally:
        logger.removeHandler(mailer)
    assert [SECRET in mail for mail in mails] == [True, False]


def test_it_passes_arguments_and_the_answer_on_under_the_same_name() -> None:
    def add(first: int, *, second: int) -> int:
        """Add."""
        return first + second

    wrapped = sealed(add)
    assert wrapped(1, second=2) == 3
    assert (wrapped.__name__, wrapped.__doc__) == ("add", "Add.")
    assert inspect.signature(wrapped) == inspect.signature(add)
