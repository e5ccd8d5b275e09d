"""The error tree: each class is one reason to refuse a token.

``code`` is for programs, and part of the public contract. The text of an error is for the log
alone: it gives the reason in fixed words, and never holds a token or anything unverified.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CSRFFailed",
    "InvalidCredentials",
    "InvalidRequest",
    "LoginTooOld",
    "PasswordChanged",
    "SessionRevoked",
    "StaleRetry",
    "TokenAlreadyExpired",
    "TokenError",
    "TokenExpired",
    "TokenInvalid",
    "TokenMissing",
    "TokenReused",
    "Unavailable",
    "UserInactive",
]


class TokenError(Exception):
    """A request is refused because of its token.

    A project may derive its own errors from this one or from those below: status and sentence
    are found along the base classes.
    """

    code: ClassVar[str] = "token_invalid"


class InvalidRequest(TokenError):
    """The token is presented in a malformed way (RFC 6750 section 3.1)."""

    code = "invalid_request"


class InvalidCredentials(TokenError):
    """A login was refused: unknown user, wrong password or inactive user, which is never told."""

    code = "invalid_credentials"


class CSRFFailed(TokenError):
    """Any page could have made a browser send the request, and its user knows nothing of it."""

    code = "csrf_failed"


class TokenMissing(TokenError):
    """A token is needed and none came."""

    code = "token_missing"


class TokenInvalid(TokenError):
    """Not a token of ours, or not one of the kind that is needed here."""


class TokenExpired(TokenError):
    """The token is ours and past its ``exp``."""

    code = "token_expired"


class TokenAlreadyExpired(TokenExpired):
    """The token that was to be refreshed is past its ``exp``."""


class TokenReused(TokenError):
    """A superseded token came back after its time; its session is revoked."""

    code = "token_reused"


class StaleRetry(TokenError):
    """A late duplicate of an old request; nothing was changed."""

    code = "stale_retry"


class SessionRevoked(TokenError):
    """The session was revoked, has ended, or is gone."""

    code = "session_revoked"


class UserInactive(TokenError):
    """The user of the session is inactive or deleted."""

    code = "user_inactive"


class PasswordChanged(TokenError):
    """The password of the user changed since login."""

    code = "password_changed"


class LoginTooOld(TokenError):
    """The last login is longer ago than a view allows (RFC 9470 section 3), in seconds."""

    code = "insufficient_user_authentication"

    def __init__(self, max_age: int) -> None:
        self.max_age = max_age
        super().__init__(f"older than {max_age} seconds")

    def __reduce__(self) -> tuple[type[LoginTooOld], tuple[int]]:
        return type(self), (self.max_age,)


class Unavailable(TokenError):
    """A database, a cache or a vault does not answer; the request is refused until it does."""

    code = "unavailable"
