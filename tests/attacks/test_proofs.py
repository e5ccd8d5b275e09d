"""Proofs of attackers (RFC 9449 section 11), at every place that takes a bound token.

Each row of ``ATTACKS`` is one thing that is wrong with a proof that is good in all else.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from jwt_refresh import sessions
from jwt_refresh.core.binding import ALGORITHMS
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import proving
from tests.support.devices import Device
from tests.support.forging import ABSENT, segment
from tests.support.honest import COOKIE
from tests.support.http import MINUTE
from tests.support.lanes import sized
from tests.support.proofs import SITE, BoundDevice, ProofKey, digest_of
from tests.support.statements import statements

from .places import (
    BODIES,
    COOKIES,
    GUARDED,
    HEADERS,
    LOGOUT,
    ME,
    OPTIONAL,
    REFRESH,
    STATELESS,
    VERIFY,
    Place,
    check_refusal,
    leaked,
)

pytestmark = pytest.mark.django_db

ALGS = f'algs="{" ".join(ALGORITHMS)}"'
INVALID, MISMATCH, NONCE = "invalid_dpop_proof", "invalid_token", "use_dpop_nonce"
BY_COOKIE = {"DPOP": "all", "ACCESS_COOKIE": COOKIE}
# Whoever has a token may end its session, with the key or without.
PLACES = [place for place in (*HEADERS, *BODIES, *COOKIES) if place.path != LOGOUT.path]
IN_HEADER = [place for place in HEADERS if place.path != LOGOUT.path]
REFRESHES = [place for place in PLACES if place.path == REFRESH.path]
RESOURCES = [place for place in PLACES if place.path != REFRESH.path]
OTHER, ED = ProofKey(), ProofKey("EdDSA")


class Owner(NamedTuple):
    """A client with its key, and its token, which is bound to that."""

    key: ProofKey
    token: str

    def proof(self, place: Place, **changes: Any) -> str:
        """A proof that is good at this place, but for the changes."""
        good: dict[str, Any] = {"token": self.token, "nonce": proving.nonce()}
        signer: ProofKey = changes.pop("key", self.key)
        return signer.proof(place.method.upper(), place.path, **(good | changes))

    def send(self, place: Place, proof: str | None, scheme: str = "DPoP") -> Any:
        headers = {} if proof is None else {"DPoP": proof}
        return place.send(self.token, scheme, **headers)


Build = Callable[[Owner, Place], str | None]


class Attack(NamedTuple):
    """What is sent, the word of the refusal, and where: everywhere, if nothing is said."""

    build: Build
    error: str = INVALID
    places: list[Place] = PLACES
    scheme: str = "DPoP"

    def at(self, place: Place, proof: str | None) -> tuple[str, int]:
        """The word, and how many statements: at a refresh, who lacks the key is told of."""
        if place.path == REFRESH.path and proof is None:
            return INVALID, 1
        by_another = self.error == MISMATCH and self.scheme == "DPoP"
        return self.error, int(place.path == REFRESH.path and by_another)


def with_claims(**claims: Any) -> Build:
    return lambda owner, place: owner.proof(place, **claims)


def with_header(sign: Callable[[bytes], bytes] | None = None, **members: Any) -> Build:
    return lambda owner, place: owner.proof(place, header=members, sign=sign)


def with_key(**members: Any) -> Build:
    """A key with other members, which are no key, or too much of one."""
    return lambda owner, place: owner.proof(place, header={"jwk": owner.key.jwk | members})


def aged(seconds: int) -> Build:
    """Made for another time, and with no nonce that says otherwise."""

    return lambda owner, place: owner.proof(place, iat=int(time.time()) - seconds, nonce=ABSENT)


def confused(owner: Owner, place: Place) -> str:
    """Signed with the public key, which everybody has, as if it were a secret."""
    secret = json.dumps(owner.key.jwk).encode()
    return owner.proof(
        place, header={"alg": "HS256"}, sign=lambda it: hmac.digest(secret, it, "sha256")
    )


def somewhere_else(**part: str) -> Build:
    """A proof that was made, and caught, for another request."""
    return lambda owner, place: owner.proof(place._replace(**part))


def at(address: str) -> Build:
    """A proof for an address, in which the path stands for ``{}``."""
    return lambda owner, place: owner.proof(place, htu=address.format(place.path))


def oversized(owner: Owner, place: Place) -> str:
    return owner.proof(place, header={"jwk": owner.key.jwk | {"x": "A" * 8000}})


ATTACKS = {
    # 11.1 Replay is below, since it takes two requests.
    # 11.2 Pre-generated proofs
    "A40 11.2 for ten minutes later": Attack(aged(-10 * MINUTE), NONCE),
    "A40 11.2 for a week later": Attack(aged(-7 * 24 * 60 * MINUTE), NONCE),
    "A40 11.2 of ten minutes ago": Attack(aged(10 * MINUTE), NONCE),
    "A40 11.2 for now, at a refresh, without a nonce": Attack(aged(0), NONCE, REFRESHES),
    # 11.3 Nonce downgrade
    "A40 11.3 no nonce at a refresh": Attack(with_claims(nonce=ABSENT), NONCE, REFRESHES),
    "A40 11.3 a nonce that was made up": Attack(with_claims(nonce="0" * 64), NONCE),
    "A40 11.3 an empty nonce": Attack(with_claims(nonce="")),
    "A40 11.3 null for a nonce": Attack(with_claims(nonce=None)),
    "A40 11.3 several nonces": Attack(with_claims(nonce=[])),
    # 11.4 Untrusted code in the client: it has made proofs for later (11.2), or for other tokens.
    "A40 11.4 for the token of another session": Attack(with_claims(ath=digest_of("a.b.c"))),
    "A40 11.4 for no token": Attack(with_claims(ath=ABSENT), INVALID, RESOURCES),
    "A40 11.4 for an empty token": Attack(with_claims(ath=digest_of(""))),
    "A40 11.4 for a hash in hexadecimal": Attack(with_claims(ath="0" * 64)),
    # 11.5 Signed JWT swapping
    "A40 11.5 the token itself": Attack(lambda owner, place: owner.token),
    "A40 11.5 of the type of a token": Attack(with_header(typ="at+jwt")),
    "A40 11.5 of the type JWT": Attack(with_header(typ="JWT")),
    "A40 11.5 of no type": Attack(with_header(typ=ABSENT)),
    # 11.6 Signature algorithms
    "A40 11.6 alg none": Attack(with_header(alg="none", sign=lambda _: b"")),
    "A40 11.6 alg none, signed": Attack(with_header(alg="none")),
    "A40 11.6 the public key as a secret": Attack(confused),
    "A40 11.6 a secret in the header": Attack(
        with_header(
            alg="HS256",
            jwk={"kty": "oct", "k": segment(b"s" * 32)},
            sign=lambda message: hmac.digest(b"s" * 32, message, "sha256"),
        )
    ),
    "A40 11.6 an algorithm of another key": Attack(with_header(alg="ES384")),
    "A40 11.6 EdDSA with a key of P-256": Attack(with_header(alg="EdDSA")),
    "A40 11.6 RS256": Attack(with_header(alg="RS256")),
    # 11.7 Request integrity
    "A40 11.7 of another method": Attack(with_claims(htm="PATCH")),
    "A40 11.7 of a method in small letters": Attack(with_claims(htm="post")),
    "A40 11.7 of another path": Attack(somewhere_else(path="/elsewhere/")),
    "A40 11.7 of the login": Attack(somewhere_else(path="/auth/login/")),
    "A40 11.7 of another host": Attack(with_claims(htu="http://evil.example/me/")),
    "A40 11.7 of another port": Attack(at(SITE + ":8000{}")),
    "A40 11.7 of another scheme": Attack(at("https://testserver{}")),
    "A40 11.7 with a query": Attack(at(SITE + "{}?x=1")),
    "A40 11.7 with a fragment": Attack(at(SITE + "{}#x")),
    "A40 11.7 of no request": Attack(with_claims(htm=ABSENT, htu=ABSENT)),
    # 11.8, 11.9 Keys: swapped, private, oversized
    "A40 11.9 of another key": Attack(with_claims(key=OTHER), MISMATCH),
    "A40 11.9 of a key of another kind": Attack(with_claims(key=ED), MISMATCH),
    "A40 11.9 the key of the owner, signed by another": Attack(with_header(sign=OTHER.sign)),
    "A40 11.9 another key, signed by the owner": Attack(with_header(jwk=OTHER.jwk)),
    "A40 11.9 a private key": Attack(with_key(d=segment(b"d" * 32))),
    "A40 11.9 a key with a name": Attack(with_key(kid="x")),
    "A40 11.9 a point that is on no curve": Attack(with_key(y=segment(b"y" * 32))),
    "A40 11.9 no key": Attack(with_header(jwk=ABSENT)),
    "A40 11.9 a key that is somewhere else": Attack(with_header(jku="https://evil.example/keys")),
    "A40 11.9 an oversized key": Attack(oversized),
    # What is no proof
    "A40 no proof": Attack(lambda owner, place: None),
    "A40 an empty header": Attack(lambda owner, place: ""),
    "A40 two headers": Attack(lambda owner, place: f"{owner.proof(place)},{owner.proof(place)}"),
    "A40 a proof and a space": Attack(lambda owner, place: f"{owner.proof(place)} x"),
    "A40 a padded proof": Attack(lambda owner, place: f"{owner.proof(place)}="),
    "A40 a megabyte": Attack(lambda owner, place: "a" * 1_000_000),
    "A40 bytes that are no ASCII": Attack(lambda owner, place: "\xe9\xff.\xe9.\xe9"),
    "A40 no jti": Attack(with_claims(jti=ABSENT)),
    "A40 a jti of a thousand letters": Attack(with_claims(jti="j" * 1000)),
    # 7.2 The token as if it were bound to nothing
    "A40 7.2 as Bearer, with its proof": Attack(
        lambda owner, place: owner.proof(place), MISMATCH, IN_HEADER, "Bearer"
    ),
    "A40 7.2 as Bearer, without": Attack(lambda owner, place: None, MISMATCH, IN_HEADER, "Bearer"),
}


@pytest.fixture
def owner(ann: Any, settings: Any, clock: Any) -> Owner:
    """Somebody with a bound session in sliding style, whose one token goes everywhere."""
    settings.JWT_REFRESH = BY_COOKIE
    key = ProofKey()
    return Owner(key, sessions.start(ann, jkt=key.jkt).access_token)


def places_for(number: int, attack: Attack) -> list[Place]:
    """All; in the quick lane a share, so that each place meets a share of the attacks."""
    return sized(attack.places[number % 4 :: 4], attack.places)


@pytest.mark.parametrize(
    ("attack", "places"),
    [(it, places_for(number, it)) for number, it in enumerate(ATTACKS.values())],
    ids=ATTACKS,
)
def test_an_attack_is_refused_everywhere_and_changes_nothing(
    owner: Owner, attack: Attack, places: list[Place], log: Any
) -> None:
    before = Session.objects.values().get()
    proofs: list[str] = []
    for place in places:
        proof = attack.build(owner, place)
        proofs.append(proof or "")
        error, asked = attack.at(place, proof)
        with statements(asked):
            response = owner.send(place, proof, attack.scheme)
        check_refusal(response, place, 401, "token_invalid", f'DPoP error="{error}", {ALGS}')
        if place.path != OPTIONAL.path:
            assert ("DPoP-Nonce" in response) is (error == NONCE), place
    records = [repr(vars(record)) for record in log.records]
    assert leaked([owner.token, *proofs], log.text, *records) == []
    assert Session.objects.values().get() == before
    assert IssuedToken.objects.count() == 1


@pytest.mark.parametrize("place", PLACES, ids=lambda it: f"{it.path}{it.member}{it.cookie}")
def test_the_proof_of_the_owner_is_good_there_and_once(owner: Owner, place: Place) -> None:
    """The rows above fail for what is wrong with them, and 11.1: a replay."""
    proof = owner.proof(place)
    response = owner.send(place, proof)
    assert response.status_code in (200, 204, 404), place
    if place.path == OPTIONAL.path:
        assert response.json()["user"] is not None
    with statements(0):
        again = owner.send(place, proof)
    check_refusal(again, place, 401, "token_invalid", f'DPoP error="{INVALID}", {ALGS}')


@pytest.mark.parametrize("place", IN_HEADER, ids=lambda it: it.path)
def test_a_token_that_is_not_bound_is_refused_as_dpop(ann: Any, owner: Owner, place: Place) -> None:
    """With any proof: its key is not the token's, since that has none."""
    loose = Owner(owner.key, sessions.start(ann, jkt="").access_token)
    for proof in (None, loose.proof(place)):
        with statements(0):
            response = loose.send(place, proof)
        check_refusal(response, place, 401, "token_invalid", f'DPoP error="{MISMATCH}", {ALGS}')


@pytest.mark.parametrize("by", [LOGOUT, LOGOUT._replace(member="token")], ids=["header", "body"])
@pytest.mark.parametrize("scheme", ["DPoP", "Bearer"])
def test_a_session_is_ended_with_its_key_or_without(owner: Owner, by: Place, scheme: str) -> None:
    for proof in (None, "x", owner.proof(by)):
        assert owner.send(by, proof, scheme).status_code == 204
    assert Session.objects.get().revoked_at is not None


@pytest.mark.parametrize("dpop", ["off", "refresh"])
def test_a_bound_token_stays_bound_whatever_the_setting(
    owner: Owner, settings: Any, dpop: str
) -> None:
    """One that was issued before the setting was changed."""
    settings.JWT_REFRESH = {"DPOP": dpop}
    for place in (*GUARDED, STATELESS, OPTIONAL, VERIFY):
        challenged = f'DPoP error="{MISMATCH}", {ALGS}'
        with statements(0):
            check_refusal(
                owner.send(place, None, "Bearer"), place, 401, "token_invalid", challenged
            )
    with_proof = owner.send(ME, owner.proof(ME))
    # Where it is off, the scheme is somebody else's.
    assert with_proof.status_code == (200 if dpop == "refresh" else 401)


def test_no_token_at_all_gets_both_challenges(owner: Owner) -> None:
    for place in (ME, GUARDED[1]):
        response = place.ask("Basic eDp5")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == f'Bearer realm="api", DPoP {ALGS}'


def test_a_bad_bearer_token_gets_both_challenges_and_a_bad_dpop_one_its_own(
    owner: Owner, clock: Any
) -> None:
    both = f'Bearer realm="api", error="invalid_token", DPoP {ALGS}'
    for place in (*GUARDED, VERIFY, REFRESH):
        assert place.send("x")["WWW-Authenticate"] == both
    clock.shift(60 * MINUTE)
    for place in (*GUARDED, VERIFY):
        late = owner.send(place, owner.proof(place))
        assert late.json()["code"] == "token_expired"
        assert late["WWW-Authenticate"] == f'DPoP error="invalid_token", {ALGS}'


@pytest.mark.parametrize("text", ["DPoP", "DPoP ", "DPoP {} {}", "dpop {}, dpop {}"])
def test_a_malformed_header_is_a_400(owner: Owner, text: str) -> None:
    for place in (*GUARDED, STATELESS, VERIFY, REFRESH, LOGOUT):
        response = place.ask(text.format(owner.token, owner.token), DPoP=owner.proof(place))
        challenged = f'DPoP error="invalid_request", {ALGS}'
        check_refusal(response, place, 400, "invalid_request", challenged)


def test_the_scheme_is_compared_without_regard_to_case(owner: Owner) -> None:
    for scheme in ("dpop", "DPOP", "DPoP "):
        assert owner.send(ME, owner.proof(ME), scheme).status_code == 200


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_a_thief_has_is_good_for_nothing_over_all_of_its_life(
    ann: Any, settings: Any, clock: Any, style: str
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "all"}
    phone = BoundDevice(ann)
    phone.login()
    thief = Device(ann)
    for _ in range(10):
        clock.shift(5 * MINUTE)
        thief.token, thief.refresh_token = phone.token, phone.refresh_token
        for scheme in ("DPoP", "Bearer"):
            thief.scheme = scheme
            for response in (thief.get(), thief.refresh(), thief.verify()):
                assert response.status_code == 401
        assert phone.refresh().status_code == phone.get().status_code == 200
