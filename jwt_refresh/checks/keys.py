"""The rules for keys and secrets: whatever the keyring refuses, and what can be guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning

from jwt_refresh.conf import conf
from jwt_refresh.core.keys.config import KeyConfigError
from jwt_refresh.core.keys.keyring import HMAC_KEY_BYTES, Keyring
from jwt_refresh.exceptions import Unavailable

from .types import error, warning

IDS = {"ALGORITHM": "E003", "SECRET": "E004", "PRIVATE_KEYS": "E013", "PUBLIC_KEYS": "E013"}
PUBLISHED_SECRETS = {
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-256-bit-secret-your-256-bit-secret",
}
"""Secrets of examples that everybody knows."""


def check_keyring() -> Iterator[CheckMessage]:
    """Build the keyring; the rules on its keys have their turn only where that succeeds."""
    try:
        keyring = conf.keyring()
    except KeyConfigError as problem:
        yield error(IDS[problem.name], problem.name, problem.fault, problem.mend)
    except Unavailable:
        hint = "It takes no argument and returns a list of PEM texts or JWKs."
        yield error("E014", "PRIVATE_KEYS", "or 'PUBLIC_KEYS' names a function that fails.", hint)
    else:
        yield from check_change_over(keyring)
        yield from check_secret_key_length()


def check_change_over(keyring: Keyring) -> Iterator[CheckMessage]:
    if len({key.jwk is None for key in keyring.keys}) == 2:
        hint = "Leave it out once the last token that it signed has expired."
        yield warning("W006", "SECRET", "stands beside key pairs.", hint)


def check_secret_key_length() -> Iterator[CheckMessage]:
    least = HMAC_KEY_BYTES.get(conf.ALGORITHM, 0)
    if conf.SECRET is None and len(settings.SECRET_KEY) < least:
        hint = f"Give it {least} random characters or more: all keys are derived from it."
        yield Warning("SECRET_KEY is short.", hint=hint, id="jwt_refresh.W001")


def check_guessable_secrets() -> Iterator[CheckMessage]:
    if any(len(set(text)) < 5 or text in PUBLISHED_SECRETS for text in _secrets()):
        generate = 'python -c "import secrets; print(secrets.token_urlsafe(64))"'
        yield error("E004", "SECRET", "can be guessed.", f"Make a random one: {generate}")


def check_secret_of_its_own() -> Iterator[CheckMessage]:
    if settings.SECRET_KEY in _secrets():
        hint = "Leave it out: a key of its own is then derived from SECRET_KEY."
        yield warning("W002", "SECRET", "is SECRET_KEY itself.", hint)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_keyring,
    check_guessable_secrets,
    check_secret_of_its_own,
)


def _secrets() -> list[str]:
    given: Any = [conf.SECRET] if isinstance(conf.SECRET, str) else conf.SECRET or ()
    return [text for text in given if isinstance(text, str)]
