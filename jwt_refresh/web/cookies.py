"""Tokens in cookies, and the proof that a page of one's own made the browser send them.

A browser adds its cookies to whatever any page makes it send. So a cookie counts only on a request
that changes nothing, or that no other site can have made; and an answer sets or deletes cookies
only for such a request. Else another site could log its visitor out, or in as somebody else.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from rest_framework.authentication import CSRFCheck
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import CSRFFailed, InvalidRequest
from jwt_refresh.serializers import TokenResponseSerializer
from jwt_refresh.sessions import Tokens

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""The methods that change nothing (RFC 9110 section 9.2.1)."""
UNREADABLE = (BadRequest, LookupError, MultiPartParserError, SuspiciousOperation, ValueError)
"""The errors of a form that Django cannot read, to look for its token there."""


def cookie_values(request: HttpRequest, *names: str | None) -> list[str]:
    """Return the values of the first cookie of ``names`` that is there, each once; else none.

    They are several where somebody has set another cookie of that name, for a longer path or for
    the domain above. ``request.COOKIES`` would take one of them. It would also take a name behind
    a space of Unicode, in which no browser sees a prefix such as ``__Host-``.
    """
    for name in filter(None, names):
        pairs = (pair.partition("=") for pair in request.META.get("HTTP_COOKIE", "").split(";"))
        given = dict.fromkeys(value for key, _, value in pairs if key.strip(" \t") == name)
        if values := [*filter(None, given)]:
            return values
    return []


def only_one(values: list[str]) -> str:
    """Return the only value of a cookie. Raises ``InvalidRequest`` for several.

    To choose would be to guess: whoever can set a second cookie would put a session of his own in
    the place of that of his victim.
    """
    if len(values) > 1:
        raise InvalidRequest("a cookie is there twice")
    return values[0]


def check_csrf(request: HttpRequest) -> None:
    """Raise ``CSRFFailed`` unless a request is safe, or a page of one's own has made it.

    Its browser says so in ``Sec-Fetch-Site``, which no page can write (W3C Fetch Metadata, section
    2.3). Where it does not, Django's own check decides: by ``Origin`` or ``Referer``, and a token.
    """
    if request.method in SAFE_METHODS or request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return
    # Asked anew: Django may have asked before a middleware has changed the method.
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    try:
        reason: object = CSRFCheck(HttpResponse).process_view(request, HttpResponse, (), {})
    except UNREADABLE:
        reason = "form that cannot be read"
    if reason is not None:
        # Behind the dash Django quotes the request.
        raise CSRFFailed(str(reason).partition(" - ")[0])


def answer(tokens: Tokens, *, by_cookie: bool) -> Response:
    """Make a token response (RFC 6749 section 5.1), which a view of plain Django can return too.

    ``by_cookie``: a token for which a cookie is set up travels in that, and not in the body.
    """
    body = dict(TokenResponseSerializer(tokens).data)
    response = Response(body, headers={"Cache-Control": "no-store"})
    # Where REST framework has the view, it takes its own instead.
    response.accepted_renderer, response.accepted_media_type = JSONRenderer(), "application/json"
    response.renderer_context = {}  # type: ignore[attr-defined]
    if by_cookie:
        move_to_cookies(response, body)
    return response


def move_to_cookies(response: HttpResponse, body: dict[str, Any]) -> None:
    """Move the tokens of a token response into their cookies, each for as long as it lives.

    A cookie for which there is no token is deleted, since it has one of an earlier login. To
    delete is to set with the same attributes, by which a browser finds it, and no time to live.
    """
    samesite = conf.COOKIE_SAMESITE
    # No page needs the refresh token on its way in from another site.
    strict = samesite if samesite == "None" else "Strict"
    for cookie, token, seconds, same in (
        (conf.ACCESS_COOKIE, "access_token", "expires_in", samesite),
        (conf.REFRESH_COOKIE, "refresh_token", "refresh_expires_in", strict),
    ):
        if cookie:
            response.set_cookie(
                cookie,
                body.pop(token, ""),
                max_age=body.get(seconds, 0),
                path=conf.COOKIE_PATH,
                domain=conf.COOKIE_DOMAIN,
                secure=conf.COOKIE_SECURE,
                httponly=True,
                samesite=same,
            )


def delete_cookies(response: HttpResponse) -> None:
    """Take the tokens from the browser."""
    move_to_cookies(response, {})
