"""The place of a token in a request, and the HTTP answer that an error becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from jwt_refresh import exceptions
from jwt_refresh.conf import conf
from jwt_refresh.core.binding import ALGORITHMS
from jwt_refresh.exceptions import (
    BindingViolated,
    CSRFFailed,
    InvalidRequest,
    LoginTooOld,
    NonceNeeded,
    TokenError,
    TokenInvalid,
    TokenMissing,
)
from jwt_refresh.lifetimes import as_object
from jwt_refresh.sessions import events, proving

from .cookies import check_csrf, cookie_values, only_one

BODY_NAMES = ("refresh_token", "token")
"""The members of a body in which a token may travel."""
SIMPLE_TYPES = ("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
"""The content types that a page may send to any site without asking first (Fetch, section 2.2.2)"""

_ANSWERS: dict[type[TokenError], tuple[int, Any]] = {
    exceptions.TokenError: (401, _("The token is not valid.")),
    exceptions.InvalidRequest: (400, _("The request is malformed.")),
    exceptions.InvalidCredentials: (401, _("No active account has these credentials.")),
    exceptions.CSRFFailed: (403, _("A page of another site may have sent this request.")),
    exceptions.TokenMissing: (401, _("A token is required.")),
    exceptions.TokenExpired: (401, _("The token has expired.")),
    exceptions.TokenAlreadyExpired: (401, _("The token has already expired.")),
    exceptions.TokenReused: (401, _("The token was used before. Its session is now revoked.")),
    exceptions.StaleRetry: (409, _("This is a late duplicate of an earlier request.")),
    exceptions.SessionRevoked: (401, _("The session has ended.")),
    exceptions.UserInactive: (401, _("The user is not active.")),
    exceptions.PasswordChanged: (401, _("The password was changed. Please log in again.")),
    exceptions.LoginTooOld: (401, _("Please log in again to do this.")),
    exceptions.Unavailable: (503, _("Try again later.")),
}
_WITHOUT_TOKEN = (exceptions.TokenMissing, exceptions.InvalidCredentials)
_ERRORS = {
    exceptions.InvalidRequest: "invalid_request",
    exceptions.NonceNeeded: "use_dpop_nonce",
    exceptions.ProofInvalid: "invalid_dpop_proof",
    exceptions.TokenError: "invalid_token",
}
"""The words of RFC 6750 section 3.1 and RFC 9449 section 12.2; the first that fits is sent."""
REALM = 'realm="api"'
ALGS = f'algs="{" ".join(ALGORITHMS)}"'


class Refusal(APIException):
    """A ``TokenError`` as an HTTP error; an error of a project is answered like its base class.

    Not an ``AuthenticationFailed``: REST framework turns that into a 403 without a challenge
    wherever our class is not the first authenticator. This one keeps status and challenge.
    """

    def __init__(self, error: TokenError, request: HttpRequest | None = None) -> None:
        bases = type(error).__mro__
        self.status_code, sentence = next(_ANSWERS[base] for base in bases if base in _ANSWERS)
        super().__init__({"detail": sentence, "code": error.code}, error.code)
        challenged = self.status_code in (400, 401)
        self.auth_header = challenge(error, request) if challenged else ""
        self.headers: dict[str, str] = {}
        """Those that REST framework does not set by itself."""
        if isinstance(error, NonceNeeded):
            self.headers = {"DPoP-Nonce": proving.nonce(), "Cache-Control": "no-store"}

    def add_headers(self, response: HttpResponseBase) -> None:
        for name, text in self.headers.items():
            response[name] = text


def refuse(error: TokenError, request: HttpRequest | None = None) -> Refusal:
    """Make the HTTP error that is sent because of ``error``, and log why.

    ``request`` tells the scheme with which the token came.
    """
    events.refused(error)
    return Refusal(error, request)


def json_of(refusal: Refusal) -> JsonResponse:
    """Make the answer of a view that is not one of REST framework's, as that would make it."""
    as_rest_framework = {"ensure_ascii": False, "separators": (",", ":")}
    response = JsonResponse(
        refusal.detail, status=refusal.status_code, json_dumps_params=as_rest_framework
    )
    if refusal.auth_header:
        response["WWW-Authenticate"] = refusal.auth_header
    refusal.add_headers(response)
    response["Cache-Control"] = "no-store"
    return response


def challenge(error: TokenError | None = None, request: HttpRequest | None = None) -> str:
    """Make ``WWW-Authenticate`` (RFC 6750 section 3), without ``error`` where no token came.

    Where access tokens may be bound, for both schemes (RFC 9449 section 7.2); for ``DPoP`` alone
    where the token came with that, or a proof failed.
    """
    attributes = _error_attributes(error)
    presented = [] if request is None else proving.header_words(request)[:1]
    if isinstance(error, BindingViolated) or _is_dpop(presented):
        return f"DPoP {', '.join([*attributes, ALGS])}"
    scheme = next(filter(None, conf.AUTH_HEADER_TYPES), "Bearer")
    bearer = f"{scheme} {', '.join([REALM, *attributes])}"
    return f"{bearer}, DPoP {ALGS}" if conf.binds_access else bearer


def _error_attributes(error: TokenError | None) -> list[str]:
    if error is None or isinstance(error, _WITHOUT_TOKEN):
        return []
    if isinstance(error, LoginTooOld):
        return [f'error="{error.code}"', f"max_age={error.max_age}"]
    kinds = (kind for kind in _ERRORS if isinstance(error, kind))
    return [f'error="{_ERRORS[next(kinds)]}"']


def _is_dpop(words: list[str]) -> bool:
    """Tell whether these words begin with the scheme ``DPoP``, where that is one of ours."""
    return conf.DPOP != "off" and [word.lower() for word in words[:1]] == [proving.SCHEME]


def check_site(request: HttpRequest) -> None:
    """Raise ``CSRFFailed`` for a form of a page of another site, as its browser says.

    Any page can send one, from the address of whoever looks at it. JSON is not sent so: the
    browser asks first (CORS), and the server has let that site.
    """
    cross_site = request.headers.get("Sec-Fetch-Site", "").strip().lower() == "cross-site"
    if cross_site and request.method == "POST" and request.content_type in SIMPLE_TYPES:
        raise CSRFFailed("a form from another site")


def token_of_guarded(request: HttpRequest) -> str | None:
    """Return the token that authenticates a request: of the header, else of ``ACCESS_COOKIE``.

    Raises ``InvalidRequest`` for several in one place, and ``CSRFFailed`` where a cookie would
    decide and another site may have made the request: before the token is looked at, so that the
    answer tells such a site nothing about it.
    """
    token = token_of_header(request)
    if token is None and (values := cookie_values(request, conf.ACCESS_COOKIE)):
        check_csrf(request)
        return only_one(values)
    return token


def came_by_cookie(request: HttpRequest) -> bool:
    """Tell whether the token was in a cookie, for a request that a guard of ours has let in."""
    return token_of_header(request) is None


def varying() -> list[str]:
    """Name the headers that decide who a request of a guarded view is.

    With the proof, which is another one each time: whoever has a bound token without its key must
    not be given the page that a cache has kept for its owner.
    """
    cookie = ["Cookie"] if conf.ACCESS_COOKIE else []
    return [conf.AUTH_HEADER_NAME, *cookie, *(["DPoP"] if conf.DPOP != "off" else [])]


def vary(response: HttpResponseBase) -> HttpResponseBase:
    """Tell caches that the answer is for whoever sent the token."""
    patch_vary_headers(response, varying())
    return response


class MalformedHeader(InvalidRequest):
    """A scheme of ours with no token behind it, or with several."""


def token_of_header(request: HttpRequest) -> str | None:
    """Return the token in ``AUTH_HEADER_NAME``; ``None`` without, or with a scheme not ours.

    ``DPoP`` is one of ours where ``DPOP`` is not ``"off"``. Raises ``MalformedHeader``.
    """
    words = proving.header_words(request)
    schemes = {scheme.lower() for scheme in conf.AUTH_HEADER_TYPES}
    if words and (words[0].lower() in schemes or _is_dpop(words)):
        if len(words) != 2:
            raise MalformedHeader("not one token behind the scheme")
        return words[1]
    return words[0] if len(words) == 1 and "" in schemes else None


@dataclass(frozen=True, slots=True)
class Presented:
    """The tokens that a request to one of our endpoints presents, all from one place."""

    values: list[str] = field(repr=False)
    by_cookie: bool

    @property
    def encoded(self) -> str:
        """The one token. Raises ``InvalidRequest`` where several cookies have the name of one."""
        return only_one(self.values)


def presented(request: Request, *cookies: str | None) -> Presented:
    """Return the token of a request: that of the body, else of a cookie, else of the header.

    The first that is there decides, and the others are not parsed: a client may attach a stale
    header to every call. So does the first of the ``cookies``.

    Raises ``TokenMissing``, ``TokenInvalid``, ``InvalidRequest``, and ``CSRFFailed`` where a
    cookie decides and another site may have made the request.
    """
    data, plain = body_of(request), request._request
    given = [value for name in BODY_NAMES for value in _values(data, name) if value]
    if len(given) > 1:
        raise InvalidRequest("more than one token in the body")
    if not given and (values := cookie_values(plain, *cookies)):
        check_csrf(plain)
        return Presented(values, by_cookie=True)
    token = given[0] if given else token_of_header(plain)
    if not token:
        raise TokenMissing("neither in the body, nor in a cookie, nor in the header")
    if not isinstance(token, str):
        raise TokenInvalid("not text")
    return Presented([token], by_cookie=False)


def _values(data: Mapping[str, Any], name: str) -> list[Any]:
    return data.getlist(name) if isinstance(data, QueryDict) else [data.get(name)]


def body_of(request: Request) -> Mapping[str, Any]:
    """Return the members of a JSON object or a form; none of a JSON ``null``.

    Raises ``InvalidRequest`` for other bodies.
    """
    data: Any = request.data
    members: Mapping[str, Any] = {} if data is None else as_object(data)
    return members


def idempotency_key_of(request: Request) -> str:
    """Return the header ``Idempotency-Key``, empty where it is absent."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    return key
