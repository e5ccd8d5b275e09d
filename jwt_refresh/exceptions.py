"""The error tree: each class is one reason to refuse a token.

``code`` is for programs, and part of the public contract. The text of an error is for the log
alone: it gives the reason in fixed words, and never holds a token or anything unverified. The
docstring of each class is its entry in ``docs/errors.md``, written there by ``docs/reference.py``.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BindingViolated",
    "CSRFFailed",
    "InvalidCredentials",
    "InvalidRequest",
    "LoginTooOld",
    "NonceNeeded",
    "PasswordChanged",
    "ProofInvalid",
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
    """A malformed header or body, or more than one token in one place, such as two cookies of one
    name (RFC 6750 section 3.1).
    """

    code = "invalid_request"


class InvalidCredentials(TokenError):
    """A login was refused; the same for an unknown user, a wrong password and an inactive user."""

    code = "invalid_credentials"


class CSRFFailed(TokenError):
    """A login by a form of a page of another site; or a cookie decides, or would be set, and
    nothing shows that a page of your own made the request. Without a browser, log in with
    ``"transport": "body"``.
    """

    code = "csrf_failed"


class TokenMissing(TokenError):
    """A token is needed and none came."""

    code = "token_missing"


class TokenInvalid(TokenError):
    """Not a token of ours, or not one of the kind that is needed here; never says why."""


class BindingViolated(TokenInvalid):
    """A token and a key do not belong together (RFC 9449 section 7.1).

    The request proves another key than the one of the token, or presents a bound token as one that
    is not, or the reverse.
    """


class ProofInvalid(BindingViolated):
    """A proof of the key is needed, and none came, or one that proves nothing (RFC 9449)."""


class NonceNeeded(ProofInvalid):
    """The proof must have a nonce of the server, which the refusal brings (RFC 9449 section 8)."""


class TokenExpired(TokenError):
    """The token is past its end: refresh; log in where this is what would have been refreshed."""

    code = "token_expired"


class TokenAlreadyExpired(TokenExpired):
    """The token that was to be refreshed is past its ``exp``."""


class TokenReused(TokenError):
    """A superseded token was presented again; its session is now revoked.

    ``case`` says which row of the rule it met: ``in_use``, where its successor was used already;
    ``window_over``, where that was not, and ``RETRY_WINDOW`` has passed; ``displaced``, where
    another token took its place since its answer seemed lost; ``older``; or ``no_record``.
    """

    code = "token_reused"

    def __init__(self, why: str = "", *, case: str = "") -> None:
        self.case = case
        super().__init__(why)


class StaleRetry(TokenError):
    """A late duplicate of an old try; nothing changed, go on with what you have."""

    code = "stale_retry"


class SessionRevoked(TokenError):
    """The session was revoked, has ended, or is gone."""

    code = "session_revoked"


class UserInactive(TokenError):
    """The user is inactive or deleted, no backend lets them be logged in, or so it was when the
    session ended by that.
    """

    code = "user_inactive"


class PasswordChanged(TokenError):
    """The password changed since login; also where the old one is back."""

    code = "password_changed"


class LoginTooOld(TokenError):
    """The view asks for a login that is more recent (RFC 9470 section 3).

    ``max_age`` is how old the login may be, in seconds.
    """

    code = "insufficient_user_authentication"

    def __init__(self, max_age: int) -> None:
        self.max_age = max_age
        super().__init__(f"older than {max_age} seconds")

    def __reduce__(self) -> tuple[type[LoginTooOld], tuple[int]]:
        return type(self), (self.max_age,)


class Unavailable(TokenError):
    """The database, the denylist, the counter of logins or the vault of the keys cannot be asked;
    nobody is let in.
    """

    code = "unavailable"
