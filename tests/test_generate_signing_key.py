"""The command that makes key pairs and lists those in force."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Kind
from jwt_refresh.core.keys.generating import RSA_BITS
from jwt_refresh.management.commands.generate_signing_key import Command
from tests.support.key_pairs import ED, NEW, OLD, RSA, secret_jwk

from .support import forging, key_pairs
from .support.key_pairs import private_jwk, private_key, private_pem, public_pem

PEM = re.compile(r"-----BEGIN (\w+) KEY-----\n.+?-----END \1 KEY-----\n", re.DOTALL)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("generate_signing_key", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    "algorithm",
    [
        None,
        # Each key of RSA takes a second to make.
        *(
            pytest.param(it, marks=pytest.mark.full if it in key_pairs.RSA_ALGORITHMS[1:] else ())
            for it in key_pairs.ALGORITHMS
        ),
    ],
)
def test_what_it_prints_can_be_pasted(settings: Settings, algorithm: str | None) -> None:
    printed = run() if algorithm is None else run("--algorithm", algorithm)
    private, public = (found.group() for found in PEM.finditer(printed))
    algorithm = algorithm or "EdDSA"
    settings.JWT_REFRESH = {"ALGORITHM": algorithm, "PRIVATE_KEYS": [private]}
    (key,) = conf.keyring().keys
    assert key.algorithm == algorithm
    encoded = conf.issuer(None).issue(Kind.SLIDING, **forging.claims(iat=1, exp=2))
    settings.JWT_REFRESH = {"ALGORITHM": algorithm, "PUBLIC_KEYS": [public]}
    assert conf.verifier(None).ours(encoded).sub == "7"
    assert conf.keyring().signing is None
    listed = run("--check").split()
    assert listed[:2] == [algorithm, str(SIZES.get(algorithm, RSA_BITS))]


SIZES = {"ES256": 256, "ES384": 384, "ES512": 521, "EdDSA": 256, "Ed25519": 256}


def test_each_half_stands_below_a_line_that_says_what_it_is_for() -> None:
    lines = run().splitlines()
    at = lines.index("-----BEGIN PRIVATE KEY-----"), lines.index("-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE_KEYS" in lines[at[0] - 1]
    assert "PUBLIC_KEYS" in lines[at[1] - 1]


def test_no_key_is_made_twice() -> None:
    assert run() != run()


@pytest.mark.parametrize("algorithm", ["HS256", "none", "eddsa", "RS1"])
def test_it_makes_nothing_for_other_algorithms(algorithm: str) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        run("--algorithm", algorithm)


ES512_KID = key_pairs.thumbprint(private_key("ES512"))
RINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing set": ({}, ["HS256    1 secret            signs and verifies  kid HS256"]),
    "secrets": (
        {"SECRET": [OLD, NEW, secret_jwk(NEW, "HS512")]},
        [
            "HS256    2 secrets           signs and verifies  kid HS256",
            "HS512    1 secret            verifies            kid HS512",
        ],
    ),
    "all there is": (
        {
            "ALGORITHM": "EdDSA",
            "PRIVATE_KEYS": [private_jwk(ED) | {"kid": "new"}, private_pem(RSA)],
            "PUBLIC_KEYS": [public_pem(private_key("ES512"))],
            "SECRET": [OLD],
        },
        [
            "EdDSA    256 bits            signs and verifies  kid new",
            f"RS256    2048 bits           verifies            kid {key_pairs.thumbprint(RSA)}",
            f"ES512    521 bits            verifies            kid {ES512_KID}",
            "HS256    1 secret            verifies            kid HS256",
        ],
    ),
    "public keys alone": (
        {"ALGORITHM": "Ed25519", "PUBLIC_KEYS": [public_pem(ED)]},
        [f"Ed25519  256 bits            verifies            kid {key_pairs.thumbprint(ED)}"],
    ),
}


@pytest.mark.parametrize(("given", "lines"), RINGS.values(), ids=RINGS)
def test_check_lists_the_keys_in_force_and_nothing_of_them(
    settings: Settings, given: dict[str, Any], lines: list[str]
) -> None:
    settings.JWT_REFRESH = given
    assert run("--check").splitlines() == lines


def failing() -> None:
    raise RuntimeError("hunter2")


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"ALGORITHM": "EdDSA"}, "Put a key of `manage.py generate_signing_key` into 'PRIV"),
        ({"ALGORITHM": "none"}, "It is one of HS256"),
        ({"SECRET": "hunter2"}, "Take a random one"),
        ({"PUBLIC_KEYS": ["hunter2"]}, "makes a pair"),
        ({"ALGORITHM": "EdDSA", "PRIVATE_KEYS": "tests.hunter2.keys"}, "returns a list of PEM"),
        ({"PUBLIC_KEYS": f"{__name__}.failing"}, "returns a list of PEM"),
        ({"PRIVATE_KEYS": [{"kty": "OKP", "x": b"hunter2"}]}, "no bytes"),
        *(
            ({name: value}, "It takes a")
            for name in ("SECRET", "ALGORITHM", "PRIVATE_KEYS", "PUBLIC_KEYS")
            for value in (7, b"hunter2", {"hunter2"}, [["hunter2"]])
        ),
        ({"ALGORTIHM": "EdDSA"}, "Did you mean 'ALGORITHM'?"),
    ],
)
def test_a_ring_that_does_not_serve_is_named_with_its_mend(
    settings: Settings, given: dict[str, Any], mend: str
) -> None:
    settings.JWT_REFRESH = given
    with pytest.raises(CommandError) as refusal:
        run("--check")
    assert mend in str(refusal.value)
    assert [*given][-1] in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_key_can_be_made_while_the_ring_does_not_serve(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first key is made after ``ALGORITHM`` was set: no check may stand in its way."""
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA"}
    # As from a shell: `call_command` runs no checks anyway.
    Command().run_from_argv(["manage.py", "generate_signing_key"])
    assert PEM.search(capsys.readouterr().out)
