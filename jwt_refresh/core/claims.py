"""What a verified token says, and the kinds of token there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any


class Kind(Enum):
    """A kind of token, told by its header ``typ`` (RFC 8725 section 3.11)."""

    ACCESS = "at+jwt"
    REFRESH = "rt+jwt"
    SLIDING = "sliding+jwt"


_REGISTERED = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")
_OURS = ("sid", "auth_time", "origin_jti", "client_id", "amr")
_OF_OTHERS = ("acr", "azp", "cnf", "act", "scope")
RESERVED = frozenset((*_REGISTERED, *_OURS, *_OF_OTHERS))
"""Claims that mean something here or to whoever verifies: no project writes them by its hook."""


class Style(Enum):
    """How a session hands out tokens; fixed at login."""

    SLIDING = "sliding"
    PAIR = "pair"

    @property
    def authenticating(self) -> Kind:
        """The kind that authenticates a request."""
        return Kind.SLIDING if self is Style.SLIDING else Kind.ACCESS

    @property
    def refreshable(self) -> Kind:
        """The kind that can be exchanged for a successor."""
        return Kind.SLIDING if self is Style.SLIDING else Kind.REFRESH


@dataclass(frozen=True, slots=True, repr=False)
class Claims(Mapping[str, Any]):
    """The claims of a token whose signature and every registered claim were checked.

    Only a ``Verifier`` makes one. It reads like a mapping, ``claims["sid"]``, and is what
    views find as ``request.auth``. The encoded token is not in it.
    """

    kind: Kind
    content: MappingProxyType[str, Any]
    expired: bool = False

    @property
    def sub(self) -> str:
        """The user, as the attribute that ``USER_ID_FIELD`` names."""
        return self.content["sub"]  # type: ignore[no-any-return]

    @property
    def sid(self) -> str:
        """The session."""
        return self.content["sid"]  # type: ignore[no-any-return]

    @property
    def jti(self) -> str:
        """The token itself."""
        return self.content["jti"]  # type: ignore[no-any-return]

    @property
    def exp(self) -> int:
        """The first second in which it is no longer accepted, since the epoch."""
        return self.content["exp"]  # type: ignore[no-any-return]

    @property
    def refreshable_jti(self) -> str:
        """The ``jti`` of the refreshable token that this one is, or was issued with."""
        return self.content.get("origin_jti", self.jti)  # type: ignore[no-any-return]

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __repr__(self) -> str:
        return f"<Claims {self.kind.value} sid={self.sid} jti={self.jti}>"
