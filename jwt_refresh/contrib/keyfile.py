"""``KeyFile``: the key of a bound session (RFC 9449) in a file, for ``contrib.httpx.JWTAuth``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jwt_refresh.core.binding import ALGORITHMS
from jwt_refresh.core.keys.generating import generate_private_key
from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.core.keys.pairs import key_pair

__all__ = ["KeyFile"]

IS_POSIX = os.name == "posix"
"""Whether the mode of a file tells who can read it."""


class KeyFile:
    """A private key of P-256 or Ed25519, as PEM or JWK, in a file that only its owner can read.

    Where there is no file it makes one, of mode 600, with a new key of P-256. Processes that do so
    at once get the same key.

    Raises ``PermissionError`` for a file that others can read, ``ValueError`` for one that holds no
    such key, and other kinds of ``OSError``. No error shows anything of the key.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._key = _found(Path(path))

    @property
    def alg(self) -> str:
        return self._key.algorithm

    @property
    def jwk(self) -> Mapping[str, Any]:
        return self._key.jwk or {}

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def _found(path: Path) -> Key:
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
    return _read(path)


def _read(path: Path) -> Key:
    with path.open("rb") as file:
        if IS_POSIX and os.fstat(file.fileno()).st_mode & 0o077:
            raise PermissionError(f"{path} holds a key, and others may read it: chmod 600 {path}")
        # Never in a variable of a frame that an error could come through.
        try:
            key = key_pair(file.read().decode("ascii", "replace"), "ES256", private=True)
            fault = (
                "" if key.algorithm in ALGORITHMS else "is of another kind than P-256 or Ed25519"
            )
        except ValueError as error:
            fault = str(error)
    if fault:
        raise ValueError(f"{path} {fault}")
    return key


def _make(path: Path) -> None:
    """Make the file whole at once, unless another process is faster."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with open(descriptor, "w") as file:
            file.write(generate_private_key("ES256"))
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
