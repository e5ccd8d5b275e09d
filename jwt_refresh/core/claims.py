"""The content of a verified token, the kinds of token, and the times in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any


class Style(StrEnum):
    """The way in which a session hands out tokens; fixed at login."""

    SLIDING = "sliding"
    PAIR = "pair"


class Kind(Enum):
    """A kind of token, told by its header ``typ`` (RFC 8725 section 3.11), and its uses."""

    ACCESS = "at+jwt"
    REFRESH = "rt+jwt"
    SLIDING = "sliding+jwt"

    @property
    def authenticates(self) -> bool:
        """Tell whether a request can be made with it."""
        return self is not Kind.REFRESH

    @property
    def refreshes(self) -> bool:
        """Tell whether it can be exchanged for a successor."""
        return self is not Kind.ACCESS

    @property
    def style(self) -> Style:
        """The style of the sessions that hand it out."""
        return Style.SLIDING if self is Kind.SLIDING else Style.PAIR


_REGISTERED = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")
_OURS = ("sid", "auth_time", "origin_jti", "client_id", "amr")
_OF_OTHERS = ("acr", "azp", "cnf", "scope")
RESERVED = frozenset((*_REGISTERED, *_OURS, *_OF_OTHERS))
"""Claims with a meaning here or for whoever verifies: a project's function must not write them."""


@dataclass(frozen=True, slots=True, repr=False)
class Claims(Mapping[str, Any]):
    """The claims of a token, after its signature and every registered claim were checked.

    Only a ``Verifier`` makes one. It reads like a mapping, ``claims["sid"]``, and views find it
    as ``request.auth``. The encoded token is not in it.
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
    def iat(self) -> int:
        """The second in which it was issued, since the epoch."""
        return self.content["iat"]  # type: ignore[no-any-return]

    @property
    def exp(self) -> int:
        """The first second in which it is no longer accepted, since the epoch."""
        return self.content["exp"]  # type: ignore[no-any-return]

    @property
    def refreshable_jti(self) -> str:
        """The ``jti`` of the refreshable token that this one is, or was issued with."""
        return self.content.get("origin_jti", self.jti)  # type: ignore[no-any-return]

    @property
    def jkt(self) -> str:
        """The thumbprint of the key that it is bound to (RFC 9449 section 6); empty for none."""
        return self.content.get("cnf", {}).get("jkt", "")  # type: ignore[no-any-return]

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __hash__(self) -> int:
        return hash(self.jti)

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping can be neither pickled nor copied.
        return _claims, (self.kind, dict(self.content), self.expired)

    def __repr__(self) -> str:
        return f"<Claims {self.kind.value} sid={self.sid} jti={self.jti}>"


def _claims(kind: Kind, content: dict[str, Any], expired: bool) -> Claims:
    return Claims(kind, MappingProxyType(content), expired)


def numeric_date(instant: datetime) -> int:
    """Return ``instant`` as a claim: whole seconds since the epoch (RFC 7519 section 2)."""
    return int(instant.timestamp())


def at(seconds: int, *, like: datetime) -> datetime:
    """Return the instant of a claim; aware where ``like`` is, naive where that is naive."""
    return datetime.fromtimestamp(seconds, tz=None if like.tzinfo is None else UTC)


def whole_second(instant: datetime) -> datetime:
    """Return the whole second at or before ``instant``, which a claim can hold."""
    return instant.replace(microsecond=0)


def later(instant: datetime, lifetime: timedelta) -> datetime:
    """Return ``instant + lifetime`` in elapsed whole seconds, also where local clocks change."""
    return at(int(instant.timestamp() + lifetime.total_seconds()), like=instant)
