"""The apps and the tables of other packages that can go, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from .finding import COMPAT, SIMPLEJWT, Project, is_in
from .reading import in_words

BLACKLIST = f"{SIMPLEJWT}.token_blacklist"
KNOX_MODEL = "knox.AuthToken"
FOR_EVER = timedelta(days=36525)
"""A hundred years: for a token that lives longer nobody waits."""


def has_app(name: str) -> bool:
    """Tell whether an app is installed, by its name or by that of its configuration."""
    configs = f"{name}.apps"
    return any(app == name or is_in(app, configs) for app in settings.INSTALLED_APPS)


def apps(*, simplejwt: bool) -> Iterator[str]:
    """Say which apps to add and which to take out."""
    if simplejwt and not has_app(COMPAT):
        yield f'Add "{COMPAT}" below "jwt_refresh", and run `manage.py migrate`, before the switch.'
    if has_app(SIMPLEJWT):
        yield f'Take out "{SIMPLEJWT}" with the switch: it holds translations alone.'
    for name in (BLACKLIST, "knox", "rest_framework.authtoken"):
        if has_app(name):
            yield f'Take out "{name}" after its tables (6), not before.'
    if has_app("dj_rest_auth"):
        yield 'Take out "dj_rest_auth" once none of its views is left.'


def tables(project: Project, longest: dict[str, timedelta | None]) -> Iterator[str]:
    """Say which tables can go, and from when on."""
    if "simplejwt" in longest:
        last = f"the last token of simplejwt {_ends(longest['simplejwt'])}"
        if has_app(BLACKLIST):
            yield (
                f"token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken: {last}. Then "
                "run `manage.py flushexpiredtokens`, which empties them, and `manage.py migrate "
                "token_blacklist zero`; take out the app, and restart all processes. Until then "
                "the app stays: without it no user with a row there can be deleted."
            )
        else:
            yield f"Of simplejwt, without its blacklist, there is no table; {last}."
        yield (
            "jwt_refresh_simplejwt_exchangedtoken, jwt_refresh_simplejwt_cutoff, which are ours: "
            "when no process runs with the app, and the last token of simplejwt has ended."
        )
    if has_app("knox"):
        yield (
            f"{_knox_table()}: the last token of knox {_ends(longest['knox'])}. Its login goes "
            "with the switch. Then delete the rows, run `manage.py migrate knox zero`, and take "
            "out the app and its class."
        )
    if project.uses_authtoken:
        yield (
            "authtoken_token: its tokens never end, so choose a day: whoever still uses one then "
            "logs in. Then run `manage.py migrate authtoken zero`, and take out the app and its "
            "class."
        )


def _ends(length: timedelta | None) -> str:
    if length is None or length > FOR_EVER:
        return "need not end, so choose a day: whoever still uses one then logs in"
    length = max(length, timedelta(0))
    day = timezone.now() + length
    return (
        f"ends {in_words(length)} after the switch, which is {day:%Y-%m-%d} if that is today (later"
        " where its lifetime was longer until lately)"
    )


def _knox_table() -> str:
    given: Any = getattr(settings, "REST_KNOX", None)
    swapped = getattr(settings, "KNOX_TOKEN_MODEL", KNOX_MODEL)
    model = given.get("TOKEN_MODEL", swapped) if isinstance(given, dict) else swapped
    return "knox_authtoken" if model == KNOX_MODEL else "the table of your own model for knox"
