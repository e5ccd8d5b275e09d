"""The classes that authenticate requests to Django REST framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from asgiref.sync import sync_to_async
from django.db.models.manager import EmptyManager
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from .core.claims import Claims
from .core.users import set_user
from .exceptions import BindingViolated, TokenError, TokenInvalid, Unavailable
from .sealing import sealed
from .sessions import checking, proving
from .stores import denylist
from .web.transport import Refusal, challenge, refuse, token_of_guarded, varying

__all__ = [
    "BearerAuthentication",
    "Claims",
    "CoexistingJWTAuthentication",
    "JWTAuthentication",
    "OptionalJWTAuthentication",
    "StatelessJWTAuthentication",
    "TokenHttpRequest",
    "TokenRequest",
    "TokenUser",
    "aauthenticate",
    "authenticate",
]


@sealed
def authenticate(encoded: str, request: HttpRequest | None = None) -> tuple[Any, Claims]:
    """Return the user and the claims of a token that may make requests now.

    For whatever is no view: WebSockets, GraphQL, other frameworks. ``request``, where there is
    one, chooses the tenant, and has the proof without which a bound token is refused. The same
    conditions, and the same one query, as in ``JWTAuthentication``.

    Raises ``TokenError``, whose ``code`` is for the client.
    """
    session, claims = checking.authenticate(encoded, request)
    return session.user, claims


async def aauthenticate(encoded: str, request: HttpRequest | None = None) -> tuple[Any, Claims]:
    """Do what ``authenticate`` does in an event loop, which it does not block."""
    return await sync_to_async(authenticate)(encoded, request)


class TokenRequest(Request):
    """REST framework's request in a view that a class of ours guards. For annotations alone."""

    auth: Claims


class TokenHttpRequest(HttpRequest):
    """Django's request in a view that ``token_required`` guards. For annotations alone."""

    auth: Claims


class BearerAuthentication(BaseAuthentication):
    """The base of our classes: reads the token of the header, else of the cookie.

    Raises ``Refusal`` for a token of ours that failed, and where another site may have made the
    browser send the cookie; leaves other schemes to others.
    """

    @sealed
    def authenticate(self, request: Request) -> tuple[Any, Claims] | None:
        _vary(request)
        try:
            encoded = token_of_guarded(request._request)
            if encoded is None:
                return None
            user, claims = self.check(encoded, request)
        except TokenError as error:
            self.refuse(error, request)
            return None
        set_user(request._request, user)
        return user, claims

    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        """Return the user and the claims of the token. Raises ``TokenError``."""
        raise NotImplementedError

    def refuse(self, error: TokenError, request: Request) -> None:
        """Answer a request with a token that fails."""
        self.send(refuse(error, request._request), request)

    def send(self, refusal: Refusal, request: Request) -> NoReturn:
        """Raise what is sent, with the headers that its view sets on the answer."""
        _headers_of_view(request).update(refusal.headers)
        raise refusal from None

    def authenticate_header(self, request: Request) -> str:
        return challenge()


class JWTAuthentication(BearerAuthentication):
    """The class for most views: ``request.user`` is from the database, ``request.auth`` its claims.

    One query finds session and user, so that whatever ended a session ends its tokens at once.
    ``confirms`` is off where a request proves nothing about who holds the current token.
    """

    def __init__(self, *, confirms: bool = True) -> None:
        self.confirms = confirms

    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        session, claims = checking.authenticate(encoded, request._request, confirm=self.confirms)
        return session.user, claims


class OptionalJWTAuthentication(JWTAuthentication):
    """The class for public pages: whoever comes with a bad token is anonymous.

    So is whoever comes with a cookie that another site may have made the browser send. Only where
    the database cannot be asked is the request refused.
    """

    def refuse(self, error: TokenError, request: Request) -> None:
        if isinstance(error, Unavailable):
            super().refuse(error, request)


class CoexistingJWTAuthentication(JWTAuthentication):
    """The class beside another one that takes tokens of its own under the same scheme.

    Leaves what is no token of ours to the classes listed after it. A token of ours that has
    expired, whose session has ended, or whose key is not proved, is refused.
    """

    def refuse(self, error: TokenError, request: Request) -> None:
        if isinstance(error, BindingViolated) or not isinstance(error, TokenInvalid):
            super().refuse(error, request)


def _vary(request: Request) -> None:
    """Tell caches that the answer is for whoever sent the token."""
    headers = _headers_of_view(request)
    known = [headers["Vary"]] if "Vary" in headers else []
    headers["Vary"] = ", ".join([*known, *varying()])


def _headers_of_view(request: Request) -> dict[str, str]:
    """Return the headers that a view sets on its answer, whatever that is; of no view, an own."""
    view = request.parser_context.get("view")
    headers: dict[str, str] = getattr(view, "headers", {})
    return headers


@dataclass(frozen=True, slots=True, eq=False)
class TokenUser:
    """A user as a token describes it: no row, nothing but claims.

    ``pk`` is the claim ``sub``, always a string. It has no permission and is in no group, whatever
    backend or table says, since nothing is asked.
    """

    claims: Claims

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    @property
    def groups(self) -> Any:
        """An empty manager of groups, as Django's ``AnonymousUser`` has it."""
        from django.contrib.auth.models import Group

        return EmptyManager(Group)

    @property
    def user_permissions(self) -> Any:
        """An empty manager of permissions."""
        from django.contrib.auth.models import Permission

        return EmptyManager(Permission)

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        return set()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return False

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Tell whether each permission is held. An empty list is, as in Django."""
        return not [*perm_list]

    def has_module_perms(self, module: str) -> bool:
        return False

    @property
    def pk(self) -> str:
        return self.claims.sub

    @property
    def id(self) -> str:
        return self.claims.sub

    def get_username(self) -> str:
        return self.claims.sub

    def __str__(self) -> str:
        return self.claims.sub

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and self.pk == other.pk

    def __hash__(self) -> int:
        return hash(self.pk)


class StatelessJWTAuthentication(BearerAuthentication):
    """The class for services without the database: ``request.user`` is a ``TokenUser`` of claims.

    For services that share keys with the one that issues, or hold its public keys. They learn
    of the end of a session through ``DENYLIST_CACHE``; where it is not set, only by the end of the
    token. New passwords and deactivated users are told there by the first request that is refused
    where the database is asked.
    """

    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        claims = proving.authenticating(encoded, request._request)
        denylist.check(checking.parse_sid(claims))
        return TokenUser(claims), claims
