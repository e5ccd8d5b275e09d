"""What it costs to verify a token, against ``jwt.decode`` with a key that is prepared.

Both get the same tokens and take turns in one process; the medians of the rounds are compared.
A junk token of 1 MB is the other end: whoever sends one must not make us work.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import jwt

from jwt_refresh.core.claims import Kind
from jwt_refresh.core.keys.generating import generate_private_key
from jwt_refresh.core.keys.keyring import Key, Keyring, hmac_key
from jwt_refresh.core.keys.pairs import key_pair
from jwt_refresh.core.tokens import Issuer, Verifier
from jwt_refresh.exceptions import TokenInvalid

from .project import SECRET

CALLS, ROUNDS, JUNK_ROUNDS = 200, 31, 11
JUNK = "a" * 1_000_000
LIMITS = {"HS256": 0.35, "RS256": 0.55, "ES256": 0.8, "EdDSA": 0.8, "junk of 1 MB": 0.01}
"""Most that a verification may cost, in costs of ``jwt.decode``."""
ISSUER, AUDIENCE = "https://id.example.com", "shop"


def key_for(algorithm: str) -> Key:
    if algorithm == "HS256":
        return hmac_key([SECRET.encode()], algorithm)
    return key_pair(generate_private_key(algorithm), algorithm, private=True)


def token_of(ring: Keyring) -> str:
    """An access token with twelve claims, as a project would issue it."""
    issuer = Issuer(ring, issuer=ISSUER, audience=AUDIENCE, client_id="app")
    now = int(time.time())
    return issuer.issue(
        Kind.ACCESS,
        sub="4711",
        sid="0c6f3b5e-9e0c-4f4e-9a57-5a7b3a0e5f11",
        jti="mTJ8mT1bZ3u0Yw8xq2v5Xg",
        origin_jti="x1QW3Lr9Rk2cS8aD7uYb0w",
        iat=now,
        exp=now + 1800,
        auth_time=now,
        role="editor",
        plan="team",
    )


def seconds(call: Callable[[], object], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def refused(call: Callable[[], object], error: type[Exception]) -> Callable[[], object]:
    """The call, which must refuse the token."""

    def attempt() -> object:
        try:
            call()
        except error:
            return None
        raise AssertionError("junk was taken for a token")

    return attempt


def ratio(ours: Callable[[], object], theirs: Callable[[], object], calls: int, rounds: int) -> Any:
    """Medians of both, in microseconds, and of their ratios."""
    gc.disable()
    pairs = [(seconds(ours, calls), seconds(theirs, calls)) for _ in range(rounds)]
    gc.enable()
    mine, other = (median(costs) * 1e6 for costs in zip(*pairs, strict=True))
    return mine, other, median(one / two for one, two in pairs)


def contest(algorithm: str) -> tuple[Callable[[], object], Callable[[], object]]:
    key = key_for(algorithm)
    ring = Keyring([key])
    verifier = Verifier(ring, issuer=ISSUER, audience=AUDIENCE, leeway=5)
    token = token_of(ring)
    prepared: Any = key.verifying[0]
    options: Any = {"require": ["exp", "iat", "sub", "jti", "iss", "aud"], "strict_aud": True}
    return (
        lambda: verifier.authenticating(token),
        lambda: jwt.decode(
            token, prepared, [algorithm], options, audience=AUDIENCE, issuer=ISSUER, leeway=5
        ),
    )


def junk() -> tuple[Callable[[], object], Callable[[], object]]:
    key = key_for("HS256")
    verifier = Verifier(Keyring([key]))
    return (
        refused(lambda: verifier.authenticating(JUNK), TokenInvalid),
        refused(lambda: jwt.decode(f"{JUNK}.a.a", SECRET, ["HS256"]), jwt.InvalidTokenError),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    check = parser.parse_args().check

    write = sys.stdout.write
    write(f"Medians of {ROUNDS} rounds of {CALLS} calls, in microseconds.\n")
    write(f"{'':<16}{'ours':>10}{'jwt.decode':>12}{'ratio':>8}{'limit':>8}\n")
    above = []
    for name, limit in LIMITS.items():
        if name in ("HS256", "RS256", "ES256", "EdDSA"):
            mine, other, share = ratio(*contest(name), CALLS, ROUNDS)
        else:
            mine, other, share = ratio(*junk(), 1, JUNK_ROUNDS)
        write(f"{name:<16}{mine:>10.1f}{other:>12.1f}{share:>8.3f}{limit:>8.2f}\n")
        above += [name] if share > limit else []
    if check and above:
        sys.exit(f"Above the limit: {', '.join(above)}.")


if __name__ == "__main__":
    main()
