"""A login: what the endpoint does, for views of a project's own."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from typing import Any

from django.contrib.auth import authenticate, get_user_model, signals
from django.http import HttpRequest
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
    TokenInvalid,
    Unavailable,
    UserInactive,
)
from .models import Session
from .sealing import sealed
from .serializers import BODY
from .sessions import Tokens, checking_password
from .sessions.checking import find
from .sessions.device import plain_of
from .stores.database import is_away
from .web.cookies import answer, check_csrf, cookie_values
from .web.limits import LoginLimits
from .web.transport import came_by_cookie, check_site

__all__ = ["log_in", "token_response"]


@sealed
def log_in(request: HttpRequest | Request, credentials: Mapping[str, Any]) -> Tokens:
    """Check ``credentials`` with Django's ``authenticate()``, and start a session.

    ``credentials`` has the user model's ``USERNAME_FIELD`` and ``password``. Failures are counted
    by ``LOGIN_RATE``, Django's signals are sent, a hasher upgrade ends no session, and
    ``request.user`` is the user afterwards. Call it outside a transaction: a rollback would take
    the session back after its tokens were handed out.

    Raises ``InvalidCredentials`` for an unknown user, a wrong password and an inactive user alike,
    ``CSRFFailed`` for a form of a page of another site, ``Unavailable`` where the throttles' cache
    does not answer, REST framework's ``Throttled``, and ``ValueError`` where the keys only verify.
    """
    plain: Any = request._request if isinstance(request, Request) else request
    # A form of a project's own view holds the password too, and an error report shows its fields.
    plain.sensitive_post_parameters = "__ALL__"
    check_site(plain)
    limits = LoginLimits(plain, credentials[get_user_model().USERNAME_FIELD])
    limits.check()
    try:
        tokens = _start_session(plain, request, credentials, limits)
    except InvalidCredentials:
        limits.failed()
        raise
    request.user = tokens.session.user
    limits.succeeded(request.user)
    return tokens


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
    plain: HttpRequest,
    request: HttpRequest | Request,
    credentials: Mapping[str, Any],
    limits: LoginLimits,
) -> Tokens:
    # By the names that Django's own form gives them, and its documentation to backends.
    given = dict(credentials)
    given["username"] = given.pop(get_user_model().USERNAME_FIELD)
    with checking_password(given["password"]):
        try:
            user = authenticate(plain, **given)
        except Exception as error:
            if _is_outage(error):
                limits.take_back()
            raise
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


def _is_outage(error: Exception) -> bool:
    """Tell whether ``authenticate()`` failed since something is away: surely no answer.

    Any other error may be the way in which a backend says no. So is what a receiver of
    ``user_login_failed`` raises: whoever finds one that fails must not guess uncounted.
    """
    told = any(
        frame.f_locals.get("self") is signals.user_login_failed
        for frame, _ in walk_tb(error.__traceback__)
    )
    away = isinstance(error, Unavailable | ConnectionError | TimeoutError) or is_away(error)
    return away and not told
