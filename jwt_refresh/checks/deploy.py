"""The rules for a server that others can reach: right on one's own machine, unsafe there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.checks import CheckMessage, Warning

from jwt_refresh.conf import conf
from jwt_refresh.core.keys.generating import RSA_BITS

from .rules import is_private
from .types import warning

LONG_LIFETIME = timedelta(hours=1)
"""RFC 6750 section 5.3 asks for less."""


def check_rsa_sizes() -> Iterator[CheckMessage]:
    for key in conf.keyring().keys:
        public: Any = key.verifying[0]
        if key.algorithm[:2] in ("RS", "PS") and public.key_size < RSA_BITS:
            name = "PUBLIC_KEYS" if key.signing is None else "PRIVATE_KEYS"
            hint = f"Take {RSA_BITS} bits, or another algorithm: EdDSA keys are shorter."
            yield warning("W020", name, f"has an RSA key of {public.key_size} bits.", hint)


def check_origin() -> Iterator[CheckMessage]:
    if any(key.jwk is not None for key in conf.keyring().keys):
        for name in ("ISSUER", "AUDIENCE"):
            if getattr(conf, name) is None:
                hint = "Services that share keys must not take each other's tokens for theirs."
                yield warning("W021", name, "is not set, with key pairs.", hint)


def check_long_lifetime() -> Iterator[CheckMessage]:
    if conf.LIFETIME > LONG_LIFETIME:
        hint = "Whoever takes a token has it for so long: an hour at most is usual."
        yield warning("W022", "LIFETIME", "is long.", hint)


def check_endless_sessions() -> Iterator[CheckMessage]:
    if conf.SESSION_LIFETIME is None:
        hint = "A theft that nobody notices never ends: 30 days are usual."
        yield warning("W023", "SESSION_LIFETIME", "ends no session.", hint)


def check_limits_are_on() -> Iterator[CheckMessage]:
    for name in ("LOGIN_RATE", "REFRESH_RATE"):
        if getattr(conf, name) is None:
            hint = "Passwords and tokens can be tried without end, unless something else counts."
            yield warning("W024", name, "is off.", hint)


def check_counters_are_shared() -> Iterator[CheckMessage]:
    counts = conf.LOGIN_RATE is not None or conf.REFRESH_RATE is not None
    if counts and is_private(settings.CACHES[DEFAULT_CACHE_ALIAS]):
        hint = "Throttles count in it: take one that all processes share, such as Redis."
        text = "The default cache is not shared."
        yield Warning(text, hint=hint, id="jwt_refresh.W025")


def check_proofs_are_shared() -> Iterator[CheckMessage]:
    if conf.DPOP != "off" and is_private(settings.CACHES[DEFAULT_CACHE_ALIAS]):
        hint = "A proof that one process has seen is new to each other: take one that all share, "
        hint += "such as Redis."
        text = "The default cache, which knows the proofs that were used, is not shared."
        yield Warning(text, hint=hint, id="jwt_refresh.W027")


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_rsa_sizes,
    check_origin,
    check_long_lifetime,
    check_endless_sessions,
    check_limits_are_on,
    check_counters_are_shared,
    check_proofs_are_shared,
)
