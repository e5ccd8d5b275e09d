"""Sessions with a past, and tokens that a client had better not have."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypedDict, Unpack

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims, Kind, Style, later, numeric_date, whole_second
from jwt_refresh.core.encoding import decode, encode, encode_object
from jwt_refresh.lifetimes import lifetimes_of
from jwt_refresh.models import Session
from jwt_refresh.sessions import Tokens
from jwt_refresh.sessions.device import plain_of
from jwt_refresh.sessions.issuing import record, tokens_of
from jwt_refresh.sessions.starting import new_session
from jwt_refresh.stores.database import write_alias

from .held import GIVEN, Held, read

FORTNIGHT = timedelta(days=14)
"""The idle time of a session in pair style where the settings have none."""
SECOND = timedelta(seconds=1)
NOW = timedelta(0)
MADE_UP = (
    *("style", "refresh_lifetime", "started_at", "ends_at"),
    *("generation", "current_jti", "previous_jti", "issued_at", "expires_at", "rotated_at"),
)
"""The columns that a past is made of."""


class Login(TypedDict, total=False):
    """The start of a session."""

    request: HttpRequest | Request | None
    amr: Sequence[str]
    style: Literal["sliding", "pair"] | None


class Past(Login, total=False):
    """The start of a session, how long ago it was, and how long ago the last refresh."""

    age: timedelta | None
    idle: timedelta | None


def start_session(
    user: Any, *, age: timedelta | None = None, idle: timedelta | None = None, **how: Unpack[Login]
) -> Tokens:
    """Start a session by ``sessions.start``, as if it had been ``age`` ago; return its tokens.

    Its client has refreshed it since, ``idle`` ago for the last time: by default just now. Where
    the two are equal, or only ``idle`` is given, it has not. ``amr`` and ``request`` are those of
    ``sessions.start``; ``style`` is ``"sliding"`` or ``"pair"``, whatever the settings say.

    Raises ``ValueError`` for a past that cannot be, and what ``sessions.start`` raises.
    """
    return _history(user, how, lambda _: _moments(age, idle or NOW))[-1]


def expired_tokens(user: Any, *, age: timedelta | None = None, **how: Unpack[Login]) -> Tokens:
    """Start a session whose access token has just expired, with no refresh since.

    In sliding style it is over; in pair style its refresh token lives.
    """
    return expiring_tokens(user, left=NOW, age=age, **how)


def expiring_tokens(
    user: Any,
    *,
    left: timedelta = 10 * SECOND,
    age: timedelta | None = None,
    **how: Unpack[Login],
) -> Tokens:
    """Start a session whose access token expires within the time that is ``left``.

    Tokens count in whole seconds, so it may be up to one second less.
    """
    return _history(user, how, lambda session: _moments(age, session.lifetime - left))[-1]


def reused_tokens(user: Any, **how: Unpack[Login]) -> Tokens:
    """Start a session, and return tokens that it has superseded and that nobody may use again.

    Their successor was issued longer ago than ``REFRESH_GRACE``, and refreshed in turn. So a
    refresh with them is a reuse, which ends the session.
    """
    past = conf.REFRESH_GRACE + 2 * SECOND
    return _history(user, how, lambda _: [past + SECOND, past, NOW])[0]


def forged_tokens(user: Any, *, unsigned: bool = False, **past: Unpack[Past]) -> Tokens:
    """Start a session, and return its tokens with a signature that no key of the project made.

    ``unsigned``: with ``"alg": "none"`` and no signature at all (RFC 8725 section 2.1).
    """
    tokens = start_session(user, **past)
    forge = _unsigned if unsigned else _signed_by_another
    refresh_token = tokens.refresh_token and forge(tokens.refresh_token)
    return replace(tokens, access_token=forge(tokens.access_token), refresh_token=refresh_token)


def claims_of(whose: Any, /, **claims: Any) -> Claims:
    """Return the claims of an access token, with ``claims`` on top, for ``force_authenticate``.

    ``whose`` is a user, whom no session is started for, and who need not be saved; or ``Tokens``,
    or an encoded token. Asks the project's ``CLAIMS``, and no database.

    Raises ``ValueError`` for a user where the keys only verify.
    """
    if not isinstance(whose, GIVEN):
        now = timezone.now()
        session = new_session(whose, lifetimes_of(whose, None), None, (), now)
        whose = tokens_of(session, now, None)
    header, content = read(Held.of(whose).access)
    content |= claims
    expired = time.time() >= content["exp"]
    return Claims(Kind(header["typ"]), MappingProxyType(content), expired=expired)


def _moments(age: timedelta | None, idle: timedelta) -> list[timedelta]:
    """Return how long ago a session was started, and refreshed, if it was."""
    age = idle if age is None else age
    if not NOW <= idle <= age:
        raise ValueError("A session is as old as its last refresh or older; neither is to come.")
    return [age] if age == idle else [age, idle]


def _history(
    user: Any, how: Login, moments: Callable[[Session], Sequence[timedelta]]
) -> list[Tokens]:
    """Start a session, and return its tokens of each of the ``moments``, the oldest first."""
    request, alias = how.get("request"), write_alias()
    with transaction.atomic(using=alias):
        # Bound to no key, also where DPOP requires one: a test client makes no proofs.
        first = sessions.start(user, request, amr=how.get("amr", ()), jkt="")
        session, now = first.session, first.session.rotated_at
        style = how.get("style") or session.style
        past = moments(session)
        if past == [NOW] and style == session.style:
            return [first]
        _restyle(session, style)
        session.issued_tokens.using(alias).delete()
        begun, *refreshed = [now if ago == NOW else later(now, -ago) for ago in past]
        _begin(session, begun)
        history = [_issue(session, begun, now, request)]
        for at in refreshed:
            session.rotate(at)
            history.append(_issue(session, at, now, request))
        session.save(using=alias, update_fields=MADE_UP)
    return history


def _restyle(session: Session, style: str) -> None:
    if style != session.style:
        session.style = Style(style)
        idle = conf.REFRESH_LIFETIME or max(FORTNIGHT, session.lifetime)
        session.refresh_lifetime = idle if style == Style.PAIR else None


def _begin(session: Session, at: datetime) -> None:
    started_at = whole_second(at)
    if session.ends_at is not None:
        seconds = session.ends_at.timestamp() - session.started_at.timestamp()
        session.ends_at = later(started_at, timedelta(seconds=seconds))
    session.started_at, session.rotated_at = started_at, at
    session.renew(at)


def _issue(
    session: Session, at: datetime, now: datetime, request: HttpRequest | Request | None
) -> Tokens:
    """Issue the tokens of one moment, with the seconds that are left of them now."""
    if session.ends_at is not None and at >= session.ends_at:
        raise ValueError("A session that has reached its end is refreshed no more: give its idle.")
    record(session, at)
    tokens = tokens_of(session, at, plain_of(request))
    gone, left = numeric_date(now) - numeric_date(at), tokens.refresh_expires_in
    return replace(
        tokens,
        expires_in=tokens.expires_in - gone,
        refresh_expires_in=None if left is None else left - gone,
    )


def _signed_by_another(encoded: str) -> str:
    message, _, signature = encoded.rpartition(".")
    other = secrets.token_bytes(len(decode(signature.encode())))
    return f"{message}.{encode(other).decode()}"


def _unsigned(encoded: str) -> str:
    header, content = read(encoded)
    message = encode_object(header | {"alg": "none"}) + b"." + encode_object(content) + b"."
    return message.decode()
