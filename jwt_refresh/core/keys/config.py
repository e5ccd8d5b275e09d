"""The construction of a keyring from the settings, with the fault and the mend where it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jwt_refresh.core.encoding import decode

from .keyring import HMAC_KEY_BYTES, Key, Keyring, derive, hmac_key
from .pairs import KEY_PAIR_ALGORITHMS, check_use, key_pair

ALGORITHMS = (*HMAC_KEY_BYTES, *KEY_PAIR_ALGORITHMS)


class KeyConfigError(ValueError):
    """A ``fault`` of the setting ``name``, and the ``mend``. It holds nothing of a key."""

    def __init__(self, name: str, fault: str, mend: str) -> None:
        self.name, self.fault, self.mend = name, fault, mend
        super().__init__(f"{name} {fault} {mend}")


@dataclass(frozen=True, slots=True, repr=False)
class KeyConfig:
    """The settings of the keys, as text: a key is PEM, or the JSON of a JWK.

    ``secrets`` are those of ``SECRET``, ``None`` for the ones derived from ``secret_keys``;
    ``listed`` tells that they were given as a list. Only then do they stand beside key pairs:
    whoever mixes the two by mistake could sign with what others can read (RFC 8725 section 2.1).
    """

    algorithm: str
    secrets: Sequence[str | None]
    listed: bool
    secret_keys: Sequence[str | bytes]
    private_keys: Sequence[str]
    public_keys: Sequence[str]

    def build(self) -> Keyring:
        """Build the keyring, in which a key of ``algorithm`` signs. Raises ``KeyConfigError``."""
        if self.algorithm not in ALGORITHMS:
            raise KeyConfigError(
                "ALGORITHM", "is not known.", f"It is one of {', '.join(ALGORITHMS)}."
            )
        pairs = [*self._pairs()]
        if self.algorithm in HMAC_KEY_BYTES:
            self._check_alone(pairs)
            keys = [*self._symmetric(self.algorithm), *pairs]
            if keys[0].algorithm != self.algorithm:
                mend = f"Set 'ALGORITHM' to {keys[0].algorithm}, or put another secret first."
                fault = f"has a first secret that is not for {self.algorithm}."
                raise KeyConfigError("SECRET", fault, mend)
        else:
            self._check_signing(pairs)
            keys = [*pairs, *(self._symmetric("HS256") if self.listed else ())]
        try:
            return Keyring(keys)
        except ValueError:
            mend = "Give each key once, and each JWK a kid of its own."
            fault = "or 'PRIVATE_KEYS' has two keys with one kid."
            raise KeyConfigError("PUBLIC_KEYS", fault, mend) from None

    def _pairs(self) -> Iterator[Key]:
        private = [("PRIVATE_KEYS", number, text) for number, text in enumerate(self.private_keys)]
        public = [("PUBLIC_KEYS", number, text) for number, text in enumerate(self.public_keys)]
        for name, number, text in private + public:
            try:
                yield key_pair(text, self.algorithm, private=name == "PRIVATE_KEYS")
            except ValueError as error:
                mend = "`manage.py generate_signing_key` makes a pair: the private key for the one "
                mend += "setting, its public half for the other."
                raise KeyConfigError(name, f"has an entry {number} that {error}.", mend) from None

    def _check_alone(self, pairs: Sequence[Key]) -> None:
        if pairs and not self.listed:
            mend = "Name the algorithm of the keys; to change over, give 'SECRET' as a list."
            fault = f"is {self.algorithm}, beside key pairs in 'PRIVATE_KEYS' or 'PUBLIC_KEYS'."
            raise KeyConfigError("ALGORITHM", fault, mend)

    def _check_signing(self, pairs: Sequence[Key]) -> None:
        if not pairs:
            mend = "Put a key of `manage.py generate_signing_key` into 'PRIVATE_KEYS'."
            raise KeyConfigError("ALGORITHM", f"is {self.algorithm}, and there is no key.", mend)
        if self.secrets and not self.listed and self.secrets[0] is not None:
            mend = "Leave it out; to change over, give it as a list, and it verifies."
            raise KeyConfigError("SECRET", f"is set, and {self.algorithm} uses none.", mend)
        # A service that only verifies lists keys of others, which may be of any algorithm.
        if pairs[0].signing is not None and pairs[0].algorithm != self.algorithm:
            mend = f"Set 'ALGORITHM' to {pairs[0].algorithm}, or put another key first."
            raise KeyConfigError(
                "PRIVATE_KEYS", f"has a first key that is not for {self.algorithm}.", mend
            )

    def _symmetric(self, algorithm: str) -> Iterator[Key]:
        """Yield a key for each algorithm that a secret names; ``algorithm`` where it names none."""
        chosen: dict[str, list[bytes]] = {}
        for text in self.secrets:
            if text is None:
                chosen.setdefault(algorithm, []).extend(self._derived(algorithm))
            else:
                name, secret = _read_secret(text, algorithm)
                chosen.setdefault(name, []).append(secret)
        if not chosen:
            raise KeyConfigError(
                "SECRET", "is an empty list.", "Give it a secret, or leave it out."
            )
        for name, secrets in chosen.items():
            try:
                yield hmac_key(secrets, name)
            except ValueError as error:
                mend = "Take a random one: a short secret is found by trying."
                raise KeyConfigError("SECRET", f"does not serve. {error}", mend) from None

    def _derived(self, algorithm: str) -> list[bytes]:
        try:
            return [derive(key, algorithm) for key in self.secret_keys]
        except (AttributeError, UnicodeEncodeError):
            mend = "Make it a text, or bytes, or give 'SECRET' one of its own."
            fault = "is derived from SECRET_KEY and its fallbacks, one of which is no text."
            raise KeyConfigError("SECRET", fault, mend) from None


def _read_secret(text: str, algorithm: str) -> tuple[str, bytes]:
    """Read a secret, plain text or a JWK that may name its ``alg``: its algorithm and its bytes."""
    try:
        jwk = json.loads(text)
        if not isinstance(jwk, dict) or "kty" not in jwk:
            raise ValueError
    except (ValueError, RecursionError):
        return algorithm, _encoded(text)
    name = jwk.get("alg", algorithm)
    with suppress(ValueError, KeyError, AttributeError, TypeError):
        check_use(jwk)
        if jwk["kty"] == "oct" and name in HMAC_KEY_BYTES:
            return name, decode(jwk["k"].encode())
    mend = "A secret has kty oct, k, and the alg of an HMAC; a key pair goes into 'PRIVATE_KEYS'."
    raise KeyConfigError("SECRET", "has a JWK that is no secret.", mend)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        mend = "Take a random one of letters and digits."
        raise KeyConfigError("SECRET", "has a lone surrogate.", mend) from None
