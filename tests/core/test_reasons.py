"""The caller learns that a token was refused, the log learns why: one row for each reason."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_refresh.core.tokens import MAX_LIFETIME
from jwt_refresh.exceptions import TokenError
from tests.core.verifying import GOOD, claims, verifier
from tests.support.forging import ABSENT, NOW, header, segment, sign, token

pytestmark = pytest.mark.usefixtures("now")

REASONS: dict[str, Any] = {
    "not text, or too long": None,
    "malformed: UnicodeEncodeError": GOOD + "\u00e9",
    "malformed: ValueError": f"{GOOD}.{GOOD}",
    "bad signature": GOOD[:-8] + "AAAAAAA" + GOOD[-1],
    "header members": token(header(jku="https://evil.example"), claims()),
    "header types": token(header(kid=7), claims()),
    "no such key, or not of that algorithm": token(header(alg="HS384"), claims()),
    "rt+jwt authenticates no request": token(header(typ="rt+jwt"), claims()),
    "payload": sign(f"{segment(header())}.{segment('[]')}"),
    "sub": token(header(), claims(sub=7)),
    "sid": token(header(), claims(sid="")),
    "jti": token(header(), claims(jti=ABSENT)),
    "origin_jti": token(header(typ="at+jwt"), claims()),
    "iss": token(header(), claims(iss=7)),
    "aud": token(header(), claims(aud=["shop"])),
    "client_id": token(header(), claims(client_id=None)),
    "a time is not a whole number": token(header(), claims(exp=str(NOW))),
    "times out of order": token(header(), claims(exp=1)),
    "lives too long": token(header(), claims(exp=NOW + MAX_LIFETIME)),
    "cnf": token(header(), claims(cnf={})),
    "issuer or audience": token(header(), claims(aud="elsewhere")),
    "from the future": token(header(), claims(iat=NOW + 6)),
    "past exp": token(header(), claims(exp=NOW)),
}


@pytest.mark.parametrize("why", REASONS)
def test_the_log_learns_why(why: str) -> None:
    with pytest.raises(TokenError) as refusal:
        verifier().authenticating(REASONS[why])
    assert str(refusal.value) == why
