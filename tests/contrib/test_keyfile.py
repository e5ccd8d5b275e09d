"""``KeyFile``: the key of a bound session in a file."""

from __future__ import annotations

import os
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm

from jwt_refresh.contrib import keyfile
from jwt_refresh.contrib.keyfile import KeyFile
from jwt_refresh.core.keys.generating import generate_private_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.pem"


def written(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def pem_of(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def test_it_makes_the_file_once(path: Path) -> None:
    first, second = KeyFile(path), KeyFile(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]
    assert first.alg == "ES256"
    assert first.jwk == second.jwk
    assert "d" not in first.jwk


def test_whoever_is_late_takes_the_key_that_is_there(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda _: KeyFile(path).jwk["x"], range(8))]
    assert len(set(found)) == 1
    assert [*path.parent.iterdir()] == [path]
    before = path.read_bytes()
    keyfile._make(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601])
def test_it_refuses_a_file_that_others_can_read(path: Path, mode: int) -> None:
    written(path, generate_private_key("ES256"), mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        KeyFile(path)
    path.chmod(0o400)
    assert KeyFile(path).alg == "ES256"


def test_where_there_are_no_modes_none_is_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, generate_private_key("ES256"), 0o666)
    monkeypatch.setattr(keyfile, "IS_POSIX", False)
    assert KeyFile(path).alg == "ES256"


def test_it_reads_pem_and_jwk(path: Path) -> None:
    ed = ed25519.Ed25519PrivateKey.generate()
    found = KeyFile(written(path, pem_of(ed)))
    assert found.alg == "EdDSA"
    ed.public_key().verify(found.sign(b"message"), b"message")
    p256 = ec.generate_private_key(ec.SECP256R1())
    found = KeyFile(written(path, ECAlgorithm.to_jwk(p256)))
    algorithm = ECAlgorithm(ECAlgorithm.SHA256)
    assert algorithm.verify(b"message", p256.public_key(), found.sign(b"message"))


P256 = ec.generate_private_key(ec.SECP256R1())
PEM = pem_of(P256)
PUBLIC = P256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is neither"),
        (b"\xff\xfe\x00", "is neither"),
        (PEM.replace("A", "B").encode(), ""),
        (PUBLIC, "is a public key"),
        (generate_private_key("ES384").encode(), "is of another kind"),
        (b"{}", ""),
    ],
)
def test_another_content_is_told_and_not_shown(path: Path, content: bytes, fault: str) -> None:
    written(path, content)
    with pytest.raises(ValueError, match=f"key.pem {fault}") as caught:
        KeyFile(path)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert type(caught.value) is ValueError
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [it.locals for it in report.stack if "/jwt_refresh/" in it.filename]
    assert ours
    lines = [it for it in content.decode("ascii", "replace").split("\n") if len(it) > 20]
    assert [it for it in lines if "KEY" not in it and it in repr(ours) + str(caught.value)] == []


def test_an_error_while_it_is_written_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*names: Any) -> None:
        raise OSError("no such thing on this disk")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(OSError, match="no such thing"):
        KeyFile(path)
    assert [*path.parent.iterdir()] == []


def test_it_shows_nothing_of_the_key(path: Path) -> None:
    key = KeyFile(written(path, PEM))
    assert repr(P256.private_numbers().private_value) not in repr(key) + repr(vars(key))
    assert PEM.split("\n")[1] not in repr(vars(key))
