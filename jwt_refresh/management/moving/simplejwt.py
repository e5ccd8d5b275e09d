"""The translation of ``SIMPLE_JWT``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from jwt_refresh.checks.cookies import is_token
from jwt_refresh.checks.rules import MAX_LEEWAY, TAKEN_HEADERS, can_be_id
from jwt_refresh.conf import is_name
from jwt_refresh.core.claims import RESERVED
from jwt_refresh.core.keys.config import ALGORITHMS
from jwt_refresh.core.keys.pairs import key_pair
from jwt_refresh.lifetimes import LONGEST

from .reading import Old, Translation, duration, text, within

SECOND = timedelta(seconds=1)
YEAR = timedelta(days=365)
CLAIMS = "jwt_refresh.contrib.simplejwt.old.claims"
ADDS_CLAIMS = ("TOKEN_OBTAIN_SERIALIZER", "TOKEN_TYPE_CLAIM")
KEYS = {"SIGNING_KEY": "PRIVATE_KEYS", "VERIFYING_KEY": "PUBLIC_KEYS"}
GENERATE = "`manage.py generate_signing_key` makes one"
_is_header = re.compile(r"HTTP_[A-Z][A-Z0-9_]*").fullmatch


def translate_simplejwt(old: Old, found: Translation) -> None:
    _lifetimes(old, found)
    _keys(old, found)
    _texts(old, found)
    _leeway(old, found)
    _header(old, found)
    _user_id(old, found)
    _claims(old, found)


def _lifetimes(old: Old, found: Translation) -> None:
    access = old.typed("ACCESS_TOKEN_LIFETIME", timedelta(minutes=5), timedelta, "a timedelta")
    refresh = old.typed("REFRESH_TOKEN_LIFETIME", timedelta(days=1), timedelta, "a timedelta")
    found.longest["simplejwt"] = refresh
    comments = old.source("ACCESS_TOKEN_LIFETIME")
    lifetime = within(access, SECOND, LONGEST, comments)
    found.put("LIFETIME", duration(lifetime), *comments)
    comments = old.source("REFRESH_TOKEN_LIFETIME")
    idle = within(refresh, lifetime, LONGEST, comments)
    found.put("REFRESH_LIFETIME", duration(idle), *comments)
    label = old.label("ROTATE_REFRESH_TOKENS")
    if old.get("ROTATE_REFRESH_TOKENS", False):
        found.put(
            "SESSION_LIFETIME",
            duration(max(YEAR, idle)),
            f"{label} is on, and a login of simplejwt has no end; one of ours should: everybody "
            "logs in once in that time, and 30 days are usual",
        )
    else:
        comment = f"{label} is off: a login ends with its refresh token"
        found.put("SESSION_LIFETIME", duration(idle), comment)


def _keys(old: Old, found: Translation) -> None:
    """Name the keys of a pair, for our tokens as well; a secret stays with the old ones."""
    algorithm = old.typed("ALGORITHM", "HS256", str, "a text")
    if algorithm not in ALGORITHMS:
        old.leave("ALGORITHM", f"We sign by {', '.join(ALGORITHMS)} alone; for EdDSA {GENERATE}.")
    elif algorithm.startswith("HS"):
        if "ALGORITHM" in old:
            found.put("ALGORITHM", text(algorithm), *old.source("ALGORITHM"))
    else:
        # Who signs needs the private one; a service that only verifies has the other alone.
        given = [key for key in KEYS if old.get(key)]
        if not given:
            old.leave("ALGORITHM", f"There is no key for it in SIMPLE_JWT; {GENERATE}.")
        elif fault := _fault_of_key(old.get(given[0]), algorithm, given[0]):
            old.leave(given[0], f"It stays there, and is no key for us: it {fault}; {GENERATE}.")
            old.leave("ALGORITHM", "It goes with its key, which does not serve.")
        else:
            _put_keys(old, found, given[0], algorithm)


def _put_keys(old: Old, found: Translation, key: str, algorithm: str) -> None:
    found.put("ALGORITHM", text(algorithm), old.label("ALGORITHM"))
    decode = ".decode()" if isinstance(old.get(key), bytes) else ""
    found.put(KEYS[key], f"[{old.label(key)}{decode}]", old.label(key))
    hint = "services that verify go on with the public half, once they read our claims"
    old.leave(key, f"It stays there, and is the key of our tokens, too: {hint}.")


def _fault_of_key(value: object, algorithm: str, name: str) -> str | None:
    """Return the fault of a key, which holds nothing of it; ``None`` where it serves."""
    try:
        encoded = value.decode() if isinstance(value, bytes) else value
        if not isinstance(encoded, str):
            return "is no text"
        key = key_pair(encoded, algorithm, private=name == "SIGNING_KEY")
    except UnicodeError:
        return "is no text"
    except ValueError as error:
        return str(error)
    return None if key.algorithm == algorithm else f"is not for {algorithm}"


def _texts(old: Old, found: Translation) -> None:
    for key in ("ISSUER", "AUDIENCE"):
        value = old.get(key)
        if isinstance(value, str) and is_name(value):
            found.put(key, text(value), old.label(key))
        elif value is not None:
            hint = "give one in JWT_REFRESH, or a function of the request"
            old.leave(key, f"It is not one printable text of at most 255 bytes: {hint}.")


def _leeway(old: Old, found: Translation) -> None:
    if old.get("LEEWAY") is None:
        return
    given = old.typed("LEEWAY", 0, int | float | timedelta, "a number of seconds or a timedelta")
    try:
        length = given if isinstance(given, timedelta) else timedelta(seconds=given)
    except (OverflowError, ValueError):
        old.leave("LEEWAY", "It is no length of time: mend it, and ask again.")
        return
    comments = [*old.source("LEEWAY"), "Ours is for iat and nbf; none is allowed on exp"]
    length = within(length, timedelta(0), MAX_LEEWAY, comments)
    found.put("LEEWAY", duration(length), *comments)


def _header(old: Old, found: Translation) -> None:
    types = old.typed("AUTH_HEADER_TYPES", ("Bearer",), str | list | tuple, "a list of words")
    comment = old.label("AUTH_HEADER_TYPES") if "AUTH_HEADER_TYPES" in old else None
    for word in [types] if isinstance(types, str) else types:
        if isinstance(word, str) and is_token(word):
            found.add_scheme(word, comment)
        else:
            old.leave("AUTH_HEADER_TYPES", "It has a scheme that is not one word: leave that out.")
    if "AUTH_HEADER_NAME" not in old:
        return
    name = old.typed("AUTH_HEADER_NAME", "HTTP_AUTHORIZATION", str, "a text")
    header = name.removeprefix("HTTP_").replace("_", "-").title()
    if not _is_header(name) or header.lower() in TAKEN_HEADERS:
        hint = "name one, such as X-Auth-Token"
        old.leave("AUTH_HEADER_NAME", f"It is no header (HTTP_…) that only clients send: {hint}.")
    else:
        found.put("AUTH_HEADER_NAME", text(header), *old.source("AUTH_HEADER_NAME"))


def _user_id(old: Old, found: Translation) -> None:
    if "USER_ID_FIELD" not in old:
        return
    name = old.typed("USER_ID_FIELD", "id", str, "a text")
    try:
        model: Any = get_user_model()
    except ImproperlyConfigured:
        old.leave("USER_ID_FIELD", "The user model is not installed: see `manage.py check`.")
        return
    if not can_be_id(model, name):
        hint = "JWT_REFRESH['USER_ID_FIELD'] is one, and 'pk' where it is left out"
        old.leave("USER_ID_FIELD", f"It is no field or property of your user model; {hint}.")
    else:
        code = text("pk" if name == model._meta.pk.attname else name)
        found.put("USER_ID_FIELD", code, *old.source("USER_ID_FIELD"))


def _claims(old: Old, found: Translation) -> None:
    claim = old.typed("USER_ID_CLAIM", "user_id", str, "a text")
    if claim in RESERVED:
        hint = "every token has it" if claim == "sub" else "let front ends and services read sub"
        old.leave("USER_ID_CLAIM", f"A claim of that name is ours to write: {hint}.")
        return
    comments = old.source("USER_ID_CLAIM")
    if any(name in old for name in ADDS_CLAIMS):
        comments.append("Or a function of yours that adds to what this one returns")
    found.put("CLAIMS", text(CLAIMS), *comments)
