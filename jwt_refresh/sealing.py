"""The protection of tokens, passwords and keys from error reports, while ``DEBUG`` is off.

A report shows the local variables of every frame that an error came through: those of the app, of
REST framework, of a password hasher, of a database driver. Django's ``sensitive_variables`` alone
hides too little. Its filter obeys the nearest decorator, so that below ``authenticate()`` only
the variable ``credentials`` is hidden; it does not see past a generator; and reporters other than
Django's own do not ask it. So the frames themselves are emptied.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings

P = ParamSpec("P")
T = TypeVar("T")


def sealed(function: Callable[P, T]) -> Callable[P, T]:
    """Let no error out of ``function`` with the variables of the frames that it came through.

    For each function that is called from outside with a secret, or that reads one.
    """

    # Django's filter knows its own decorator by the name of this function and by its attribute:
    # what reports an error before it is out, a project's hook for example, meets that.
    @wraps(function)
    def sensitive_variables_wrapper(*func_args: P.args, **func_kwargs: P.kwargs) -> T:
        sensitive_variables_wrapper.sensitive_variables = "__ALL__"  # type: ignore[attr-defined]
        try:
            return function(*func_args, **func_kwargs)
        except BaseException as error:
            seal(error)
            # The frame of this very function is in the traceback too.
            del func_args, func_kwargs
            raise

    return sensitive_variables_wrapper


def seal(error: BaseException) -> None:
    """Empty the frames that ``error`` and its causes came through, but for those still running.

    With ``DEBUG`` on it does nothing, as Django's filter does.
    """
    if settings.DEBUG:
        return
    chain = [error]
    for link in chain:
        traceback.clear_frames(link.__traceback__)
        causes = (link.__cause__, link.__context__)
        chain += [it for it in causes if it is not None and not any(it is one for one in chain)]
