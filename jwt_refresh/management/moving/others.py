"""The translation of ``REST_KNOX`` and ``REST_AUTH``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from jwt_refresh.checks.cookies import is_domain, is_name, is_token
from jwt_refresh.checks.rules import MOST_SESSIONS
from jwt_refresh.lifetimes import LONGEST, LONGEST_SESSION

from .reading import Old, Translation, duration, text, within
from .reasons import TRANSLATED

SECOND = timedelta(seconds=1)
COOKIES = {"JWT_AUTH_COOKIE": "ACCESS_COOKIE", "JWT_AUTH_REFRESH_COOKIE": "REFRESH_COOKIE"}
SUGGESTED = {
    "ACCESS_COOKIE": "__Host-Http-access-token",
    "REFRESH_COOKIE": "__Host-Http-refresh-token",
}


def translate_knox(old: Old, found: Translation) -> None:
    ttl = old.typed("TOKEN_TTL", timedelta(hours=10), timedelta | None, "a timedelta, or None")
    most = old.typed("AUTO_REFRESH_MAX_TTL", None, timedelta, "a timedelta, or None")
    extends = bool(old.get("AUTO_REFRESH", False))
    found.longest["knox"] = most if extends else ttl
    if "LIFETIME" not in found.entries:
        _knox_lifetimes(old, found, ttl, most if extends else ttl, extends=extends)
    else:
        for key in ("TOKEN_TTL", "AUTO_REFRESH_MAX_TTL"):
            if key in old:
                old.leave(key, "The lifetimes are those of SIMPLE_JWT: choose what is for all.")
    limit = old.typed("TOKEN_LIMIT_PER_USER", None, int, "a whole number, or None")
    if limit is not None and 1 <= limit <= MOST_SESSIONS:
        comment = "There a further login is refused; here it ends the session used least recently"
        found.put("MAX_SESSIONS", str(int(limit)), old.label("TOKEN_LIMIT_PER_USER"), comment)
    elif limit is not None:
        hint = "leave it out for no number of your own"
        old.leave("TOKEN_LIMIT_PER_USER", f"Here it is from 1 to {MOST_SESSIONS:,}: {hint}.")
    prefix = old.typed("AUTH_HEADER_PREFIX", "Token", str, "a text")
    if is_token(prefix):
        found.add_scheme("Bearer", None)
        found.add_scheme(prefix, old.source("AUTH_HEADER_PREFIX")[0])
    else:
        old.leave("AUTH_HEADER_PREFIX", "It is not one word: let clients say Bearer.")


def _knox_lifetimes(
    old: Old, found: Translation, ttl: timedelta | None, end: timedelta | None, *, extends: bool
) -> None:
    """Give one token that lasts, since a front end of knox knows no refresh."""
    comments = old.source("TOKEN_TTL")
    hint = "A token that lasts, as knox has it; half an hour is safer, once front ends refresh"
    comments.append(hint)
    shortest = min((it for it in (ttl, end) if it is not None), default=LONGEST)
    lifetime = within(shortest, SECOND, LONGEST, comments)
    found.put("LIFETIME", duration(lifetime), *comments)
    comments = old.source("AUTO_REFRESH_MAX_TTL" if extends else "TOKEN_TTL")
    if end is None:
        found.put("SESSION_LIFETIME", "None", f"{comments[0]}: no end; 30 days are usual")
    else:
        end = within(end, lifetime, LONGEST_SESSION, comments)
        found.put("SESSION_LIFETIME", duration(end), *comments)


def translate_rest_auth(old: Old, found: Translation) -> None:
    """Translate the cookies, which are all that is not in ``SIMPLE_JWT``."""
    if not old.get("USE_JWT", False):
        for key in sorted(TRANSLATED[old.name] & old.given.keys()):
            old.leave(key, "Without USE_JWT it does nothing: take it out.")
        return
    names = dict(_cookie_names(old, found))
    if not names:
        return
    same = old.typed("JWT_AUTH_SAMESITE", "Lax", str, "a text")
    if same.title() in ("Lax", "Strict", "None"):
        found.put("COOKIE_SAMESITE", text(same.title()), *old.source("JWT_AUTH_SAMESITE"))
    else:
        old.leave("JWT_AUTH_SAMESITE", "Here it is 'Lax', 'Strict' or 'None': choose one.")
    domain = old.typed("JWT_AUTH_COOKIE_DOMAIN", None, str, "a text, or None")
    if domain is None:
        return
    if any(name.lower().startswith("__host-") for name in names.values()):
        hint = "one of the two has to go"
        old.leave("JWT_AUTH_COOKIE_DOMAIN", f"A cookie of that name (__Host-…) has none: {hint}.")
    elif not is_domain(domain):
        old.leave("JWT_AUTH_COOKIE_DOMAIN", "It is no name of a host: leave it out, or mend it.")
    else:
        found.put("COOKIE_DOMAIN", text(domain), old.label("JWT_AUTH_COOKIE_DOMAIN"))


def _cookie_names(old: Old, found: Translation) -> Iterator[tuple[str, str]]:
    taken = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME}
    for key, ours in COOKIES.items():
        name = old.typed(key, None, str, "a text, or None")
        if not name:
            continue
        comments, other = [old.label(key)], SUGGESTED[ours]
        if not is_name(name):
            old.leave(key, f'It is no name of a cookie: take "{other}", say.')
            continue
        if name in taken:
            old.leave(key, f'Another cookie has that name: take "{other}", say.')
            continue
        if key == "JWT_AUTH_REFRESH_COOKIE" and _has_another_path(old):
            comments.append(
                "Not that name: the old cookie has another path, and a refresh with both is refused"
            )
            name = other
        taken.add(name)
        found.put(ours, text(name), *comments)
        yield ours, name


def _has_another_path(old: Old) -> bool:
    path = old.get("JWT_AUTH_REFRESH_COOKIE_PATH", "/")
    return not isinstance(path, str) or path != "/"
