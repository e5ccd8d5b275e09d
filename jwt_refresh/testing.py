"""Help for the tests of projects: logged-in clients, sessions with a past, thieves, lost answers.

``docs/testing.md`` shows its use. Nothing that runs in production imports it. Clocks and settings
are looked up when they are used, and nothing is kept from one test to the next.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypedDict, TypeVar, Unpack, cast

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpHeaders, HttpRequest
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, SimpleTestCase
from django.utils import timezone
from rest_framework.request import Request

from . import sessions
from .conf import conf
from .core.claims import Claims, Kind, Style, later, numeric_date, whole_second
from .core.encoding import decode, decode_object, encode, encode_object
from .core.users import set_user
from .lifetimes import lifetimes_of
from .models import Session
from .serializers import BODY
from .sessions import Tokens
from .sessions.checking import may_authenticate
from .sessions.device import plain_of
from .sessions.issuing import record, tokens_of
from .sessions.refreshing import exchange
from .sessions.starting import new_session
from .stores import cache
from .stores.database import session_rows, write_alias

__all__ = [
    "JWTTestMixin",
    "alog_in",
    "assert_live",
    "assert_revoked",
    "authenticated",
    "claims_of",
    "clear_counters",
    "expired_tokens",
    "expiring_tokens",
    "forged_tokens",
    "give",
    "headers_of",
    "log_in",
    "lose_answer",
    "refresh",
    "reused_tokens",
    "start_session",
    "stolen",
]

AnyClient = Client | AsyncClient | RequestFactory | AsyncRequestFactory
"""A test client, or a factory of requests; those of REST framework are derived from these."""
Holder = TypeVar("Holder", bound=AnyClient)
AnyRequest = TypeVar("AnyRequest", bound=HttpRequest | Request)
Given = Tokens | Mapping[str, Any] | str
"""Tokens, the body of a token response, or one encoded token."""
_GIVEN = Tokens, Mapping, str
Transport = Literal["body"]

FORTNIGHT = timedelta(days=14)
"""The idle time of a session in pair style where the settings have none."""
SECOND = timedelta(seconds=1)
NOW = timedelta(0)
_HELD = "_jwt_refresh_held"
_MADE_UP = (
    *("style", "refresh_lifetime", "started_at", "ends_at"),
    *("generation", "current_jti", "previous_jti", "issued_at", "expires_at", "rotated_at"),
)
"""The columns that a past is made of."""


class _Login(TypedDict, total=False):
    """How a session begins."""

    request: HttpRequest | Request | None
    amr: Sequence[str]
    style: Literal["sliding", "pair"] | None


class _Past(_Login, total=False):
    """How it begins, and how long ago it did, and was refreshed for the last time."""

    age: timedelta | None
    idle: timedelta | None


def log_in(
    client: AnyClient, user: Any, *, transport: Transport | None = None, **past: Unpack[_Past]
) -> Tokens:
    """Start a session of ``user`` and let ``client`` send its tokens, by header or cookie.

    ``client`` is any test client of Django or REST framework, or a factory of requests. No
    password is asked for, and none is hashed. ``past`` is that of ``start_session``, and
    ``transport`` that of ``give``.
    """
    tokens = start_session(user, **past)
    give(client, tokens, transport=transport)
    return tokens


async def alog_in(
    client: AnyClient, user: Any, *, transport: Transport | None = None, **past: Unpack[_Past]
) -> Tokens:
    """Do what ``log_in`` does, in an async test."""
    return await sync_to_async(log_in)(client, user, transport=transport, **past)


def authenticated(request: AnyRequest, /, user: Any, **past: Unpack[_Past]) -> AnyRequest:
    """Make a request as a view finds it behind its guard, and return it.

    It has the header of the token, so that a guard lets it pass, and ``user``, ``auser`` and
    ``auth``, for code without one. ``past`` is that of ``start_session``.
    """
    past.setdefault("request", request)
    tokens = start_session(user, **past)
    plain: Any = plain_of(request)
    for name, text in headers_of(tokens).items():
        plain.META[HttpHeaders.to_wsgi_name(name)] = text
    claims, wrapped = claims_of(tokens), cast(Any, request)
    for each in (plain, wrapped):
        set_user(each, tokens.session.user)
        each.auth = claims
    return request


def start_session(
    user: Any, *, age: timedelta | None = None, idle: timedelta | None = None, **how: Unpack[_Login]
) -> Tokens:
    """Start a session by ``sessions.start``, as if it had been ``age`` ago; return its tokens.

    Its client has refreshed it since, ``idle`` ago for the last time: by default just now. Where
    the two are equal, or only ``idle`` is given, it has not. ``amr`` and ``request`` are those of
    ``sessions.start``; ``style`` is ``"sliding"`` or ``"pair"``, whatever the settings say.

    Raises ``ValueError`` for a past that cannot be, and what ``sessions.start`` raises.
    """
    return _history(user, how, lambda _: _moments(age, idle or NOW))[-1]


def expired_tokens(user: Any, *, age: timedelta | None = None, **how: Unpack[_Login]) -> Tokens:
    """Start a session whose access token has just expired, with no refresh since.

    In sliding style it is over; in pair style its refresh token lives.
    """
    return expiring_tokens(user, left=NOW, age=age, **how)


def expiring_tokens(
    user: Any,
    *,
    left: timedelta = 10 * SECOND,
    age: timedelta | None = None,
    **how: Unpack[_Login],
) -> Tokens:
    """Start a session whose access token expires within the time that is ``left``.

    Tokens count in whole seconds, so it may be up to one second less.
    """
    return _history(user, how, lambda session: _moments(age, session.lifetime - left))[-1]


def reused_tokens(user: Any, **how: Unpack[_Login]) -> Tokens:
    """Start a session, and return tokens that it has superseded and that nobody may use again.

    Their successor was issued longer ago than ``REFRESH_GRACE``, and refreshed in turn. So a
    refresh with them is a reuse, which ends the session.
    """
    past = conf.REFRESH_GRACE + 2 * SECOND
    return _history(user, how, lambda _: [past + SECOND, past, NOW])[0]


def forged_tokens(user: Any, *, unsigned: bool = False, **past: Unpack[_Past]) -> Tokens:
    """Start a session, and return its tokens with a signature that no key of the project made.

    ``unsigned``: with ``"alg": "none"`` and no signature at all (RFC 8725 section 2.1).
    """
    tokens = start_session(user, **past)
    forge = _unsigned if unsigned else _signed_by_another
    refresh_token = tokens.refresh_token and forge(tokens.refresh_token)
    return replace(tokens, access_token=forge(tokens.access_token), refresh_token=refresh_token)


def give(client: AnyClient, tokens: Given | None, *, transport: Transport | None = None) -> None:
    """Let a client send these tokens with each request, in the place of any others.

    ``tokens`` are ``Tokens``, the body that an endpoint answered, or the text of one token;
    ``None`` takes them away. They travel as after a login: in cookies where they are set up,
    unless ``transport`` is ``"body"``, else in the header.
    """
    held = _held(tokens or "")
    if isinstance(tokens, Mapping):
        # What came by cookie is not in the body.
        cookies = _in_cookies(client)
        held = _Held(held.access or cookies.access, held.refresh or cookies.refresh)
    by_cookie = conf.uses_cookies and transport != BODY
    for cookie, token in ((conf.ACCESS_COOKIE, held.access), (conf.REFRESH_COOKIE, held.refresh)):
        client.cookies.pop(cookie or "", None)
        if cookie and token and by_cookie:
            client.cookies[cookie] = token
    # Those of an APIClient are above all other headers, and its logout() takes them away.
    headers: dict[str, Any] = vars(client).get("_credentials", client.defaults)
    spelling = HttpHeaders.to_wsgi_name
    if isinstance(client, AsyncClient | AsyncRequestFactory):
        spelling = HttpHeaders.to_asgi_name
    headers.pop(spelling(conf.AUTH_HEADER_NAME), None)
    if held.access and not (by_cookie and conf.ACCESS_COOKIE):
        headers |= {spelling(name): text for name, text in headers_of(held.access).items()}
    vars(client)[_HELD] = held


def headers_of(tokens: Given) -> dict[str, str]:
    """Return the header that authenticates a request, for one alone or for another library."""
    scheme = conf.AUTH_HEADER_TYPES[0]
    return {conf.AUTH_HEADER_NAME: f"{scheme} {_held(tokens).access}".strip()}


def claims_of(whose: Any, /, **claims: Any) -> Claims:
    """Return the claims of an access token, with ``claims`` on top, for ``force_authenticate``.

    ``whose`` is a user, whom no session is started for, and who need not be saved; or ``Tokens``,
    or an encoded token. Asks the project's ``CLAIMS``, and no database.

    Raises ``ValueError`` for a user where the keys only verify.
    """
    if not isinstance(whose, _GIVEN):
        now = timezone.now()
        session = new_session(whose, lifetimes_of(whose, None), None, (), now)
        whose = tokens_of(session, now, None)
    header, content = _read(_held(whose).access)
    content |= claims
    expired = time.time() >= content["exp"]
    return Claims(Kind(header["typ"]), MappingProxyType(content), expired=expired)


def refresh(
    client: AnyClient,
    *,
    idempotency_key: str = "",
    request: HttpRequest | Request | None = None,
) -> Tokens:
    """Refresh what the client holds, let it send the new tokens, and return these.

    It asks no endpoint, and raises the ``TokenError`` that one would answer. The arguments are
    those of ``sessions.refresh``.
    """
    tokens = _exchange(_tokens_in(client), idempotency_key, request)
    cookies = [name for name in (conf.ACCESS_COOKIE, conf.REFRESH_COOKIE) if name in client.cookies]
    give(client, tokens, transport=None if cookies else "body")
    return tokens


def lose_answer(
    holder: AnyClient | Given,
    *,
    idempotency_key: str = "",
    request: HttpRequest | Request | None = None,
) -> None:
    """Refresh the tokens of a client, which never hears of it; ``holder`` may be the tokens.

    The arguments are those of ``sessions.refresh``, and so is what it raises.
    """
    held = _tokens_in(holder) if isinstance(holder, AnyClient) else _held(holder)
    _exchange(held, idempotency_key, request)


def stolen(client: Holder) -> Holder:
    """Return another client with a copy of what this one holds: tokens, cookies, headers."""
    thief = copy(client)
    for name in {"cookies", "defaults", "_credentials", "handler"} & vars(client).keys():
        it = getattr(client, name)
        # A morsel of a cookie is changed in place. The rest of a handler may not be copied.
        setattr(thief, name, deepcopy(it) if name == "cookies" else copy(it))
    return thief


def assert_live(whose: Any) -> None:
    """Raise ``AssertionError`` unless the next request of the session would be let in.

    ``whose`` is a session, its tokens or claims, the client that holds them, or a user: then one
    session of the user's is enough.
    """
    found = _outcomes(whose)
    if not any(outcome.state == Session.State.LIVE for outcome in found):
        raise AssertionError("\n".join(f"Not live: {outcome.text}." for outcome in found))


def assert_revoked(whose: Any, reason: str | None = None) -> None:
    """Raise ``AssertionError`` unless the session was revoked, and for this reason if one is given.

    ``whose`` is as in ``assert_live``; of a user, all sessions must be revoked. ``reason`` is one
    of ``Session.Reason``, or what ``sessions.revoke`` was given. A session that the next request
    is refused for, since its user is inactive or has a new password, counts as revoked for that.
    """
    found = _outcomes(whose)
    wrong = [
        f"Not revoked: {outcome.text}."
        if outcome.state != Session.State.REVOKED
        else f"Revoked for {outcome.reason!r}, not for {str(reason)!r}: {outcome.text}."
        for outcome in found
        if outcome.state != Session.State.REVOKED or reason not in (None, outcome.reason)
    ]
    if wrong:
        raise AssertionError("\n".join(wrong))


def clear_counters() -> None:
    """Begin the counts of ``LOGIN_RATE`` and ``REFRESH_RATE`` anew, and forget known addresses.

    For this process. It asks no cache, and leaves whatever else is in it.
    """
    cache.era = secrets.token_urlsafe(8)


class JWTTestMixin(SimpleTestCase):
    """The functions as methods, for test cases of Django, before which it stands.

    Counters begin anew before each test, also where a ``setUp`` forgets ``super()``.
    """

    def run(self, result: Any = None) -> Any:
        clear_counters()
        return super().run(result)

    def log_in(
        self, user: Any, *, transport: Transport | None = None, **past: Unpack[_Past]
    ) -> Tokens:
        """Do what ``log_in`` does, for ``self.client``."""
        return log_in(self.client, user, transport=transport, **past)

    def assertLive(self, whose: Any) -> None:
        assert_live(whose)

    def assertRevoked(self, whose: Any, reason: str | None = None) -> None:
        assert_revoked(whose, reason)


def _moments(age: timedelta | None, idle: timedelta) -> list[timedelta]:
    """Return how long ago a session was started, and refreshed, if it was."""
    age = idle if age is None else age
    if not NOW <= idle <= age:
        raise ValueError("A session is as old as its last refresh or older; neither is to come.")
    return [age] if age == idle else [age, idle]


def _history(
    user: Any, how: _Login, moments: Callable[[Session], Sequence[timedelta]]
) -> list[Tokens]:
    """Start a session, and return its tokens of each of the ``moments``, the oldest first."""
    request, alias = how.get("request"), write_alias()
    with transaction.atomic(using=alias):
        first = sessions.start(user, request, amr=how.get("amr", ()))
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
            session.previous_jti, session.rotated_at = session.current_jti, at
            session.generation += 1
            history.append(_issue(session, at, now, request))
        session.save(using=alias, update_fields=_MADE_UP)
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


def _issue(
    session: Session, at: datetime, now: datetime, request: HttpRequest | Request | None
) -> Tokens:
    """Issue the tokens of one moment, with the seconds that are left of them now."""
    if session.ends_at is not None and at >= session.ends_at:
        raise ValueError("A session that has reached its end is refreshed no more: give its idle.")
    session.renew(at)
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
    header, content = _read(encoded)
    message = encode_object(header | {"alg": "none"}) + b"." + encode_object(content) + b"."
    return message.decode()


def _read(encoded: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a token, whoever signed it."""
    header, content, _ = encoded.encode().split(b".")
    return decode_object(header), decode_object(content)


class _Held(NamedTuple):
    """The tokens that a client holds; in sliding style there is no other than ``access``."""

    access: str
    refresh: str = ""


def _held(tokens: Given) -> _Held:
    if isinstance(tokens, Tokens):
        return _Held(tokens.access_token, tokens.refresh_token or "")
    if isinstance(tokens, str):
        return _Held(tokens)
    return _Held(tokens.get("access_token", ""), tokens.get("refresh_token", ""))


def _tokens_in(client: AnyClient) -> _Held:
    """Return what a client holds, in its cookies first: those the server may have changed."""
    held: _Held = vars(client).get(_HELD, _Held(""))
    cookies = _in_cookies(client)
    held = _Held(cookies.access or held.access, cookies.refresh or held.refresh)
    if not any(held):
        raise ValueError("This client holds no token: log_in(client, user) gives it one.")
    return held


def _in_cookies(client: AnyClient) -> _Held:
    names = conf.ACCESS_COOKIE, conf.REFRESH_COOKIE
    return _Held(*(getattr(client.cookies.get(name or ""), "value", "") for name in names))


def _exchange(held: _Held, idempotency_key: str, request: HttpRequest | Request | None) -> Tokens:
    plain = plain_of(request)
    # As sessions.refresh does, which refuses to run in a transaction that a test may have open.
    claims = conf.verifier(plain).refreshable(held.refresh or held.access)
    return exchange(claims, idempotency_key=idempotency_key, request=plain)


class _Outcome(NamedTuple):
    state: str
    reason: str
    text: str


def _outcomes(whose: Any) -> list[_Outcome]:
    """Return what became of the sessions that are meant. Raises ``AssertionError`` without any."""
    if (sid := _sid_of(whose)) is None:
        found = session_rows().of_user(whose).select_related("user").order_by("started_at")
        if outcomes := [_outcome(session) for session in found]:
            return outcomes
        raise AssertionError(f"{whose} has no session.")
    session = session_rows().select_related("user").filter(pk=sid).first()
    if session is None:
        deleted = Session.Reason.DELETED
        return [_Outcome(Session.State.REVOKED, deleted, f"session {sid} was deleted")]
    return [_outcome(session)]


def _sid_of(whose: Any) -> Any:
    """Return the ``sid`` of what stands for one session; ``None`` of a user."""
    if isinstance(whose, AnyClient):
        whose = _tokens_in(whose)
        whose = whose.access or whose.refresh
    if isinstance(whose, Claims):
        return whose.sid
    if isinstance(whose, Session):
        return whose.pk
    if isinstance(whose, Tokens):
        return whose.session.pk
    return _read(_held(whose).access)[1]["sid"] if isinstance(whose, _GIVEN) else None


def _outcome(session: Session) -> _Outcome:
    state, reason = session.state, session.revoked_reason
    if state == Session.State.LIVE and not may_authenticate(session.user):
        state, reason = Session.State.REVOKED, Session.Reason.USER_INACTIVE
    elif state == Session.State.LIVE and not session.has_password_of(session.user):
        state, reason = Session.State.REVOKED, Session.Reason.PASSWORD_CHANGED
    said = {
        Session.State.LIVE: "is live",
        Session.State.REVOKED: f"was revoked for {str(reason)!r}",
        Session.State.ENDED: "ended by itself",
    }[state]
    return _Outcome(state, str(reason), f"session {session.pk} of {session.user} {said}")
