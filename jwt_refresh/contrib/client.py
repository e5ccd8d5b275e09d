"""The manners of a good client, without a library for HTTP: when to ask, and what an answer means.

It imports no Django, and never waits. ``contrib.httpx`` does that.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import tempfile
import time
import uuid
import warnings
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from enum import Enum
from math import inf
from pathlib import Path
from typing import Any, Protocol

from jwt_refresh.core.encoding import encode, encode_object

ENDS = frozenset({"session_revoked", "token_reused", "password_changed", "user_inactive"})
"""The codes of a session that somebody ended: only a person may begin another."""
LAPSES = frozenset({"token_expired", "token_invalid"})
"""The codes of a token that is of no more use: with credentials one logs in again."""
LONGEST_BACK_OFF = 60.0
LONGEST_WAIT = 3600.0
"""How long after a failure nothing is asked, at most, in seconds: by our own rule, and by the
server's ``Retry-After``."""
UNKNOWN = 60.0
"""How long a token is tried of which nobody has told when it ends, in seconds."""


class JWTAuthError(Exception):
    """No token can be had. ``code`` is the server's word for programs, ``detail`` its sentence."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(code, detail)


class SessionEnded(JWTAuthError):
    """The session is over, or the login was refused; nothing more is asked of the server."""


class TryLater(JWTAuthError):
    """The server gave no token and no refusal. The session is kept, and a later call asks again,
    not before ``retry_after`` seconds."""

    def __init__(self, code: str, detail: str, retry_after: float) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after
        self.args = (code, detail, retry_after)


class Storage(Protocol):
    """A place that keeps tokens between runs. Several processes may share it."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last, if anything."""

    def save(self, tokens: Mapping[str, Any] | None) -> None:
        """Keep ``tokens``, which JSON can hold, before returning; ``None``: forget them."""


class TokenFile:
    """A ``Storage`` in a file that none but its owner can read, and that is replaced whole."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> Mapping[str, Any] | None:
        with suppress(FileNotFoundError):
            found: Mapping[str, Any] = json.loads(self._path.read_bytes())
            return found
        return None

    def save(self, tokens: Mapping[str, Any] | None) -> None:
        if tokens is None:
            self._path.unlink(missing_ok=True)
            return
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)  # mode 0600
        with open(descriptor, "w") as file:
            json.dump(tokens, file)
        os.replace(name, self._path)


class SigningKey(Protocol):
    """A key that a session is bound to (RFC 9449), wherever it is kept. Threads share it.

    ``alg`` is ``ES256``, ``EdDSA`` or ``Ed25519``; ``jwk`` the public key (RFC 7517).
    """

    @property
    def alg(self) -> str: ...

    @property
    def jwk(self) -> Mapping[str, Any]: ...

    def sign(self, message: bytes) -> bytes:
        """Sign as JWS does (RFC 7518): for ES256, the 32 bytes of r and the 32 of s."""


def public_half(key: SigningKey) -> dict[str, str]:
    """Return the members of a thumbprint (RFC 7638): no others may be in a proof."""
    jwk = key.jwk
    return {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}


def proof(key: SigningKey, method: str, url: str, *, ath: str = "", nonce: str = "") -> str:
    """Make a proof for one request (RFC 9449 section 4.2).

    ``url`` has neither query nor fragment; ``ath`` is the digest of the access token that goes
    along, if one does. Raises ``TryLater`` where the key does not sign.
    """
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url,
        "iat": int(time.time()),
    }
    claims |= {name: value for name, value in (("ath", ath), ("nonce", nonce)) if value}
    try:
        header = {"typ": "dpop+jwt", "alg": key.alg, "jwk": public_half(key)}
        message = encode_object(header) + b"." + encode_object(claims)
        return (message + b"." + encode(key.sign(message))).decode()
    except Exception as error:  # noqa: BLE001 - a key may raise anything
        why = type(error).__name__
    # Neither its text nor its frames: nobody knows what they tell.
    raise TryLater("unavailable", f"The key did not sign: {why}", 0.0)


def nonce_asked_for(answer: Any) -> str:
    """Return the nonce that a refusal asks for (RFC 9449 section 8); empty for any other answer."""
    if isinstance(answer, Exception) or answer.status_code != 401:
        return ""
    if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
        return ""
    return str(answer.headers.get("DPoP-Nonce", ""))


class Tokens:
    """A token answer; ``asked_at`` is when it was asked for, by both clocks.

    ``jwk`` is the public half of the key that their login proved, if any.

    It ages by that clock by which more time has passed: the monotonic one stands still while a
    laptop sleeps, and the other may be set. Neither has to be right. Raises ``KeyError``,
    ``TypeError`` or ``ValueError`` for what is no token answer.
    """

    def __init__(self, answer: Mapping[str, Any], asked_at: tuple[float, float]) -> None:
        self.access, self.lifetime = answer["access_token"], float(answer["expires_in"])
        self.refreshable = answer.get("refresh_token", self.access)
        self.is_bound = str(answer.get("token_type")).lower() == "dpop"
        self.jwk: Mapping[str, str] | None = answer.get("jwk")
        if not (isinstance(self.access, str) and isinstance(self.refreshable, str)):
            raise TypeError("tokens are text")
        self.asked_at = asked_at
        # Services that were started at once do not refresh at once.
        self.due = self.lifetime * random.uniform(0.2, 0.3)  # noqa: S311 - guards nothing
        self.key = uuid.uuid4().hex

    @classmethod
    def stored(cls, found: Mapping[str, Any]) -> Tokens:
        """Read what ``to_store`` wrote, or a token answer. What is of unknown age is due at once,
        and tried where no other can be had."""
        wall, monotonic = _clocks()
        asked_at = float(found.get("asked_at", inf))
        age = wall - asked_at
        if not age >= 0:  # It was not told, or the clock was set back.
            tokens = cls({"expires_in": UNKNOWN, **found}, (wall, monotonic))
            tokens.due = inf
            return tokens
        return cls(found, (asked_at, monotonic - age))

    def to_store(self) -> dict[str, Any]:
        kept: dict[str, Any] = {
            "access_token": self.access,
            "refresh_token": self.refreshable,
            "expires_in": self.lifetime,
            "asked_at": self.asked_at[0],
        }
        if self.is_bound:
            kept["token_type"] = "DPoP"
        if self.jwk is not None:
            kept["jwk"] = self.jwk
        return kept

    @property
    def ath(self) -> str:
        """The digest of the access token, for a proof."""
        return encode(hashlib.sha256(self.access.encode()).digest()).decode()

    @property
    def left(self) -> float:
        """The seconds that they last. A refresh is due where no more than ``due`` is left."""
        clocks = zip(_clocks(), self.asked_at, strict=True)
        return self.lifetime - max(now - then for now, then in clocks)


class Ask:
    """A request to an endpoint. No report shows what is in it: its ``repr`` is Python's own.

    ``nonce`` is that of its proof, if the server has asked for one; ``None``: it needs no proof.
    """

    def __init__(
        self, path: str, body: Mapping[str, Any], key: str = "", *, nonce: str | None = None
    ) -> None:
        self.path, self.body, self.nonce, self.at = path, body, nonce, _clocks()
        self.headers = {"Idempotency-Key": key} if key else {}


class Need(Enum):
    """The urgency with which other tokens are needed."""

    SOON = "those at hand are valid"
    NOW = "there are none, or they are over, or they were refused"


class Keeper:
    """The tokens of one client: takes them over from its storage, asks for others, keeps them.

    ``credentials``, ``tokens``, ``storage`` and ``key`` are those of ``contrib.httpx.JWTAuth``.
    """

    def __init__(
        self,
        credentials: Mapping[str, Any] | None,
        tokens: Mapping[str, Any] | None,
        storage: Storage | None,
        key: SigningKey | None,
    ) -> None:
        self._credentials = credentials
        self._jwk = None if key is None else public_half(key)
        self._nonce = ""
        self._tokens = None if tokens is None else Tokens.stored(tokens)
        self._storage = storage
        self._seen: Mapping[str, Any] | None = None
        self._ended: SessionEnded | None = None
        self._failures, self._failed = 0, ("unavailable", "")
        self._wait_until = 0.0

    def need(self, refused: Tokens | None) -> Need | None:
        """Return ``None`` where no other tokens than these are needed, or none can be had now."""
        tokens = self._tokens
        if self._ended or time.monotonic() < self._wait_until:
            return None
        if tokens is None or tokens is refused or tokens.left <= 0 or self._lacks_key(tokens):
            return Need.NOW
        return Need.SOON if tokens.left <= tokens.due else None

    def usable(self) -> Tokens:
        """Return tokens to authenticate with. Raises ``SessionEnded`` or ``TryLater``."""
        tokens = self._tokens
        if self._ended:
            raise SessionEnded(*self._ended.args)
        if tokens is None or tokens.left <= 0:
            raise TryLater(*self._failed, max(0.0, self._wait_until - time.monotonic()))
        return tokens

    def look(self) -> None:
        """Look at what other processes have stored."""
        found = self._load()
        # What is as it was may be older than what could not be saved.
        if found is not None and found != self._seen:
            try:
                self._tokens, self._seen = Tokens.stored(found), found
            except (AttributeError, KeyError, TypeError, ValueError):
                _warn("What JWTAuth has found in its storage are no tokens.")
        if self._tokens is not None and self._lacks_key(self._tokens):
            self._lose_key()
        elif self._tokens is None and self._credentials is None:
            self._end("token_missing", "There are neither tokens nor credentials.")

    def _lacks_key(self, tokens: Tokens) -> bool:
        """Tell whether they are of a session that is bound to a key which is not at hand."""
        if tokens.jwk is not None:
            return tokens.jwk != self._jwk
        return tokens.is_bound and self._jwk is None

    def _lose_key(self) -> None:
        if self._credentials is None:
            # The tokens stay in the storage: the key may be found again.
            self._ended = SessionEnded("key_missing", "The key of this session is gone.")
        else:
            _warn("The key of the stored session is gone, so JWTAuth logs in again.")
        self._tokens = None

    def next(self) -> Ask:
        """Return what to ask for other tokens."""
        tokens, (nonce, self._nonce) = self._tokens, (self._nonce, "")
        if tokens is None:
            return Ask("login/", {**(self._credentials or {}), "transport": "body"}, nonce=nonce)
        body = {"refresh_token": tokens.refreshable}
        return Ask("refresh/", body, tokens.key, nonce=nonce)

    def hear(self, ask: Ask, answer: Any) -> None:
        """Take the answer: tokens, an end, or a failure that the session outlives."""
        status, code, detail = _read(answer)
        logs_in, asked_for = ask.path == "login/", nonce_asked_for(answer)
        if status == 200 and self._keep(ask, answer):
            return
        if asked_for and not ask.nonce:
            self._nonce = asked_for
        elif asked_for:
            self._fail(status, code, detail, None)
        elif code in LAPSES and self._credentials is not None and not logs_in:
            self._tokens = None
        elif status in (400, 401) if logs_in else code in ENDS | LAPSES:
            self._end(code, detail)
        else:
            self._fail(status, code, detail, _retry_after(answer))

    def _keep(self, ask: Ask, answer: Any) -> bool:
        """Store and take the tokens of an answer; ``False`` where it has none."""
        before = self._tokens
        try:
            tokens = Tokens(answer.json(), ask.at)
        except (KeyError, TypeError, ValueError):
            return False
        if not tokens.lifetime > 0:
            return False
        tokens.jwk = self._jwk if ask.path == "login/" or before is None else before.jwk
        if self._ended:  # Somebody has logged out meanwhile.
            return True
        if before is not None and before.due < inf and tokens.left < before.left + 1:
            # The session ends then, and no refresh moves that.
            tokens.due = 0.0
        self._save(tokens.to_store())
        self._tokens = tokens
        self._failures = 0
        return True

    def _fail(self, status: int, code: str, detail: str, wait: float | None) -> None:
        if status == 409 and self._tokens is not None:
            self._tokens.key = uuid.uuid4().hex
        self._failures += 1
        if wait is None:
            # A lost answer is asked for again at once, the first time, and with the same key.
            first_lost = not status and self._failures == 1
            wait = 0.0 if first_lost else min(2.0 ** min(self._failures, 9), LONGEST_BACK_OFF)
        self._wait_until = time.monotonic() + wait
        self._failed = code, detail

    def _end(self, code: str, detail: str) -> None:
        self._ended = SessionEnded(code, detail)
        if self._load() == self._seen:  # Else another process has begun a session there.
            self._save(None)

    def leave(self) -> Ask | None:
        """Let nobody go on; what a refresh that is under way brings is not kept."""
        self.look()
        self._end("logged_out", "This object has logged out.")
        tokens = self._tokens
        return None if tokens is None else Ask("logout/", {"refresh_token": tokens.refreshable})

    def left(self, answer: Any) -> None:
        """Take the answer to ``leave``. Raises ``TryLater`` where the session may go on."""
        status, code, detail = _read(answer)
        if status not in (204, 401):
            raise TryLater(code, detail, _retry_after(answer) or 0.0)
        self._tokens = None

    def _load(self) -> Mapping[str, Any] | None:
        try:
            return None if self._storage is None else self._storage.load()
        except Exception as error:  # noqa: BLE001 - a storage may raise anything
            _warn(f"JWTAuth could not load its tokens: {type(error).__name__}")
            return None

    def _save(self, kept: Mapping[str, Any] | None) -> None:
        """Save the tokens; where that fails they serve this run at least."""
        if self._storage is None:
            return
        try:
            self._storage.save(kept)
            self._seen = kept
        except Exception as error:  # noqa: BLE001 - a storage may raise anything
            _warn(f"JWTAuth could not save its tokens: {type(error).__name__}")


def _warn(text: str) -> None:
    """Warn of a storage, since no call fails by it and scripts seldom set up a log."""
    warnings.warn(text, RuntimeWarning, stacklevel=2)


def _clocks() -> tuple[float, float]:
    return time.time(), time.monotonic()


def _read(answer: Any) -> tuple[int, str, str]:
    """Return status, code and detail of an answer; the status is 0 where there was none."""
    if isinstance(answer, TryLater):
        return 0, answer.code, answer.detail
    if isinstance(answer, Exception):
        return 0, "unavailable", f"{type(answer).__name__}: {answer}"
    usual = "invalid_request" if answer.status_code == 400 else "unavailable"
    try:
        data = answer.json()
        return answer.status_code, str(data.get("code", usual)), str(data.get("detail", ""))
    except (AttributeError, ValueError):
        return answer.status_code, usual, f"HTTP {answer.status_code}"


def _retry_after(answer: Any) -> float | None:
    """Return the seconds of ``Retry-After`` (RFC 9110 section 10.2.3), an hour at most.

    A date counts from that of the answer, so by the server's clock alone.
    """
    if isinstance(answer, Exception):
        return None
    text = answer.headers.get("Retry-After", "")
    with suppress(KeyError, TypeError, ValueError):
        if text.isdecimal():
            return min(float(text), LONGEST_WAIT)
        ahead = parsedate_to_datetime(text) - parsedate_to_datetime(answer.headers["Date"])
        return min(max(ahead.total_seconds(), 0.0), LONGEST_WAIT)
    return None
