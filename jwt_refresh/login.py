"""A login, and its end: what the endpoints do, for views of a project's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import authenticate, get_user_model, signals
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from rest_framework.request import Request
from rest_framework.response import Response

from . import sessions
from .conf import conf
from .core.claims import Claims
from .exceptions import (
    CSRFFailed,
    InvalidCredentials,
    PasswordChanged,
    SessionRevoked,
    TokenError,
    TokenInvalid,
    UserInactive,
)
from .models import Session
from .sealing import sealed
from .serializers import BODY
from .sessions import Tokens, checking_password
from .sessions.checking import find
from .sessions.device import plain_of
from .sessions.proving import key_at_login
from .web.cookies import answer, check_csrf, cookie_values
from .web.limits import Limit, LoginLimits, subscriber_of
from .web.transport import came_by_cookie, check_site, json_of, refuse

__all__ = ["count_try", "error_response", "log_in", "login_limits", "token_response"]


@sealed
def log_in(request: HttpRequest | Request, credentials: Mapping[str, Any]) -> Tokens:
    """Check ``credentials`` with Django's ``authenticate()``, and start a session.

    ``credentials`` has the user model's ``USERNAME_FIELD`` and ``password``; what else it has is
    for your backend. It is one try of ``login_limits``, Django's signals are sent, a hasher upgrade
    ends no session, and ``request.user`` is the user afterwards. Call it outside a transaction: a
    rollback would take the session back after its tokens were handed out.

    Raises ``InvalidCredentials`` for an unknown user, a wrong password and an inactive user alike,
    what ``login_limits`` raises, and ``ValueError`` where the keys only verify.
    """
    # Before anything can fail on them.
    _hide_form(request)
    with login_limits(request, credentials[get_user_model().USERNAME_FIELD]) as limits:
        tokens = _start_session(request, credentials, limits)
        request.user = tokens.session.user
        limits.succeeded(request.user)
    return tokens


def log_out(request: HttpRequest, session: Session) -> None:
    """Revoke the session of somebody who logs out; Django is told, unless it had ended before."""
    if sessions.revoke(session, Session.Reason.LOGOUT):
        tell_logged_out(request, session.user)


def tell_logged_out(request: HttpRequest, user: Any) -> None:
    signals.user_logged_out.send(type(user), request=request, user=user)


def login_limits(request: HttpRequest | Request, name: object) -> LoginLimits:
    """Limit a login by other means as the login endpoint is limited: a context manager.

    ``with login_limits(request, name) as limits:`` is one try to log in as the user who has this
    ``USERNAME_FIELD``, whether there is one or not. A block that raises ``InvalidCredentials`` has
    failed, and counts by address and by account (``LOGIN_RATE``); one that ends takes its try back.
    Call ``limits.succeeded(user)`` once the login is complete, and nothing more is asked for: the
    address is then known as one of its owner. One query, and none with ``LOGIN_RATE`` ``None``.

    Raises, and does not count, ``CSRFFailed`` for a form of a page of another site, and
    ``ProofInvalid`` for a proof of a key that is none, or none where ``DPOP`` requires one; REST
    framework's ``Throttled``, before the block or in the place of what it raised; and
    ``Unavailable`` where the cache that counts does not answer.
    """
    plain: Any = plain_of(request)
    _hide_form(plain)
    check_site(plain)
    # Before any query; the session is bound to it as it starts.
    key_at_login(plain)
    return LoginLimits(plain, name)


def count_try(scope: str, rate: str, whose: HttpRequest | Request | str) -> None:
    """Count one more try, failed or not, in the cache in which logins are counted.

    For what a project asks beside a password, such as the codes that one account may try. ``scope``
    is a word of your own, which the log shows; ``rate`` is in REST framework's notation
    (``"10/hour"``), in windows of the clock. ``whose`` is a text, of which the cache gets a keyed
    hash, or a request, which stands for its address, as at a login; where there is none to count
    by, nothing is counted. Tries at the same instant are all counted.

    Raises REST framework's ``Throttled`` at one too many, and ``Unavailable`` where the cache does
    not answer.
    """
    if not isinstance(whose, str):
        plain: Any = plain_of(whose)
        whose = subscriber_of(plain)
    if whose:
        Limit(scope, rate).hit(whose)


@sealed
def token_response(
    request: HttpRequest | Request, tokens: Tokens, transport: object = None
) -> Response:
    """Hand out tokens as the login endpoint does: in cookies where they are set up, else in JSON.

    For plain Django as well. ``transport`` is what the client asks for: ``"body"`` for no cookies.
    Cookies that are there already are replaced, and their session ends; one query for each.
    A request that was authenticated by a token in the header is answered in the body, too.

    Raises ``CSRFFailed``, and ends the session, where there would be cookies and another site may
    have made the request: its visitor would be logged in as somebody else.
    """
    plain: Any = plain_of(request)
    goes_on = isinstance(getattr(request, "auth", None), Claims)
    if not conf.uses_cookies or transport == BODY or (goes_on and not came_by_cookie(plain)):
        return answer(tokens, by_cookie=False)
    try:
        check_csrf(plain)
    except CSRFFailed as error:
        sessions.revoke(tokens.session, error.code)
        raise
    if "CSRF_COOKIE" in plain.META:
        # As at a login of Django's own: nobody who knew its token before may know the next one.
        rotate_token(plain)
    _end_replaced(plain, tokens.session)
    return answer(tokens, by_cookie=True)


def error_response(error: TokenError, request: HttpRequest | None = None) -> HttpResponse:
    """Refuse a request as the endpoints do, in a view that is not one of REST framework's.

    With the status, the code, the challenge and the headers of that error, and its record in the
    log. ``request`` tells the scheme that the challenge is for.
    """
    return json_of(refuse(error, request))


def _hide_form(request: HttpRequest | Request) -> None:
    """Keep the fields of a form, with the password, out of an error report.

    For views of a project's own.
    """
    plain: Any = plain_of(request)
    plain.sensitive_post_parameters = "__ALL__"


def _end_replaced(request: HttpRequest, started: Session) -> None:
    """End the sessions whose cookies the new ones replace: no page could log them out any more."""
    for encoded in cookie_values(request, conf.REFRESH_COOKIE, conf.ACCESS_COOKIE):
        try:
            session = find(conf.verifier(request).ours(encoded))
        except (SessionRevoked, TokenInvalid):
            continue
        if session is not None and session != started:
            sessions.revoke(session, Session.Reason.LOGOUT)


def _start_session(
    request: HttpRequest | Request, credentials: Mapping[str, Any], limits: LoginLimits
) -> Tokens:
    # By the names that Django's own form gives them, and its documentation to backends.
    plain, given = plain_of(request), dict(credentials)
    given["username"] = given.pop(get_user_model().USERNAME_FIELD)
    with checking_password(given["password"]):
        user = authenticate(plain, **given)
    if user is None:
        raise InvalidCredentials("refused by every backend")
    try:
        return sessions.start(user, request)
    except (UserInactive, PasswordChanged) as error:
        # A backend or a replica let this user through: nobody was told of the failure yet.
        signals.user_login_failed.send(
            __name__, credentials={"username": given["username"]}, request=plain
        )
        raise InvalidCredentials(str(error)) from None
    except Exception:
        # With the right password it was no guess.
        limits.take_back()
        raise
