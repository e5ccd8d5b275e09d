from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from jwt_refresh.core.keys.keyring import HMAC_KEY_BYTES, Keyring, derive, hmac_key
from jwt_refresh.core.keys.pairs import key_pair
from tests.support import forging, key_pairs

PRIVATE = Ed25519PrivateKey.generate()
ALGORITHMS = ["HS256", "HS384", "HS512"]
OLD, NEW = b"o" * 64, b"n" * 64


def hkdf(secret: str, label: str, length: int) -> bytes:
    """RFC 5869 section 2, with SHA-256 and without salt."""
    extracted = hmac.digest(bytes(32), secret.encode(), sha256)
    block, blocks = b"", b""
    for number in (1, 2):
        block = hmac.digest(extracted, block + label.encode() + bytes([number]), sha256)
        blocks += block
    return blocks[:length]


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_derived_key_is_the_one_of_rfc_5869(algorithm: str, length: int) -> None:
    """Stable for good: another key would log out every user at the next deployment."""
    label = f"jwt_refresh {algorithm} signing key"
    assert derive("secret ä", algorithm) == hkdf("secret ä", label, length)
    assert derive("secret ä".encode(), algorithm) == derive("secret ä", algorithm)


def test_derived_keys_of_two_secrets_or_algorithms_have_nothing_in_common() -> None:
    keys = [derive(secret, algorithm) for secret in ("one", "two") for algorithm in ALGORITHMS]
    assert len({key[:16] for key in keys}) == 6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_derived_key_is_long_enough(algorithm: str) -> None:
    assert hmac_key([derive("", algorithm)], algorithm).algorithm == algorithm


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")]
)
def test_the_first_secret_signs_with_the_hash_of_the_algorithm(algorithm: str, digest: str) -> None:
    assert hmac_key([NEW, OLD], algorithm).sign(b"m") == hmac.digest(NEW, b"m", digest)


def test_every_secret_verifies_and_no_other() -> None:
    key = hmac_key([NEW, OLD], "HS256")
    for secret in (NEW, OLD):
        assert key.verifies(b"m", hmac.digest(secret, b"m", sha256))
    assert not key.verifies(b"m", hmac.digest(b"x" * 64, b"m", sha256))
    assert not key.verifies(b"other", hmac.digest(NEW, b"m", sha256))
    assert not key.verifies(b"m", b"")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_secret_as_long_as_the_hash_will_do(algorithm: str) -> None:
    secret = b"s" * HMAC_KEY_BYTES[algorithm]
    assert hmac_key([secret], algorithm).verifying == (secret,)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_secret_shorter_than_the_hash_is_refused_also_as_a_retired_one(algorithm: str) -> None:
    short = b"s" * (HMAC_KEY_BYTES[algorithm] - 1)
    for secrets in ([short], [NEW, short]):
        with pytest.raises(ValueError, match=f"^An {algorithm} secret needs") as refusal:
            hmac_key(secrets, algorithm)
        assert "sss" not in str(refusal.value)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(
            PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            id="public PEM",
        ),
        pytest.param(
            PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            id="private PEM",
        ),
        pytest.param(
            PRIVATE.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), id="SSH"
        ),
        pytest.param(b'{"kty": "OKP", "crv": "Ed25519", "x": "' + b"A" * 43 + b'"}', id="JWK"),
    ],
)
def test_a_key_of_another_algorithm_is_no_secret(secret: bytes) -> None:
    """Whoever has the public key could sign (RFC 8725 section 2.1)."""
    for secrets in ([secret], [NEW, secret]):
        with pytest.raises(ValueError, match="another algorithm"):
            hmac_key(secrets, "HS256")


def test_a_secret_that_looks_like_a_key_of_an_unknown_algorithm_is_a_secret() -> None:
    """The body of a PEM is decoded to see if it is a public key; no such key signs tokens."""
    unknown = b64encode(bytes.fromhex("301a300506032a0304031100") + b"A" * 16)
    with pytest.raises(UnsupportedAlgorithm):
        load_der_public_key(b64decode(unknown))
    assert hmac_key([unknown], "HS256").verifying == (unknown,)


def test_the_kid_tells_nothing_about_the_secret() -> None:
    assert hmac_key([OLD], "HS256").kid == hmac_key([NEW], "HS256").kid == "HS256"


def test_no_repr_shows_key_material() -> None:
    key = hmac_key([forging.SECRET, OLD], "HS256")
    assert repr(key) == "Key(kid='HS256', algorithm='HS256')"
    assert "secret" not in repr(Keyring([key]))


def test_the_first_key_of_a_ring_signs_and_each_is_found_by_its_kid() -> None:
    first, second = hmac_key([NEW], "HS512"), hmac_key([NEW], "HS256")
    ring = Keyring(iter([first, second]))
    assert ring.signing is first
    assert ring.find("HS512") is first
    assert ring.find("HS256") is second
    assert ring.find("HS384") is None


def test_a_ring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^A keyring needs keys, each with a kid of its own\.$"):
        Keyring([])


def test_a_ring_in_which_two_keys_share_a_kid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^A keyring needs keys, each with a kid of its own\.$"):
        Keyring([hmac_key([NEW], "HS256"), hmac_key([OLD], "HS256")])


def test_a_ring_whose_first_key_can_only_verify_signs_nothing() -> None:
    """Whatever else is in it: a secret that retires must not sign for a server without a key."""
    public = key_pair(key_pairs.public_pem(key_pairs.private_key("EdDSA")), "EdDSA", private=False)
    secret = hmac_key([NEW], "HS256")
    assert Keyring([public]).signing is Keyring([public, secret]).signing is None
    assert Keyring([secret, public]).signing is secret


def test_the_set_for_others_holds_public_keys_alone_and_cannot_change_the_ring() -> None:
    key = key_pair(key_pairs.private_pem(key_pairs.private_key("EdDSA")), "EdDSA", private=True)
    ring = Keyring([key, hmac_key([NEW], "HS256")])
    shown = ring.jwks()
    assert shown == {"keys": [key.jwk]}
    shown["keys"][0]["x"] = "of somebody else"
    shown["keys"].clear()
    assert ring.jwks() == {"keys": [key.jwk]}
    assert "somebody" not in str(key.jwk)
    assert Keyring([hmac_key([NEW], "HS256")]).jwks() == {"keys": []}
