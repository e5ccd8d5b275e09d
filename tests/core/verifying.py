"""A verifier of tokens that were made by hand, and what it takes."""

from __future__ import annotations

from typing import Any

from jwt_refresh.core.keys.keyring import Keyring, hmac_key
from jwt_refresh.core.tokens import Verifier
from tests.support import forging
from tests.support.forging import SECRET, header, token

LEEWAY = 5
ISSUER, AUDIENCE = "https://id.example.com", "shop"
RETIRED, LONGER = b"a retired secret that still verifies", b"a secret for another algorithm" * 3
RING = Keyring([hmac_key([SECRET, RETIRED], "HS256"), hmac_key([LONGER], "HS512")])
METHODS = ["authenticating", "current", "refreshable", "ours"]


def verifier(**config: Any) -> Verifier:
    defaults: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "leeway": LEEWAY,
    }
    return Verifier(RING, **(defaults | config))


def claims(**members: Any) -> dict[str, Any]:
    """Claims that this verifier takes, but for ``members``."""
    return forging.claims(**({"iss": ISSUER, "aud": AUDIENCE} | members))


GOOD = token(header(), claims())
