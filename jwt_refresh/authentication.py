"""The classes that authenticate requests to Django REST framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models.manager import EmptyManager
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from .conf import conf
from .core.claims import Claims
from .exceptions import TokenError, Unavailable
from .sealing import sealed
from .sessions import checking
from .stores import denylist
from .web.transport import challenge, refuse, token_of_header

__all__ = [
    "BearerAuthentication",
    "JWTAuthentication",
    "OptionalJWTAuthentication",
    "StatelessJWTAuthentication",
    "TokenUser",
]


class BearerAuthentication(BaseAuthentication):
    """The base of our classes: reads the token of the header, and refuses one that fails.

    Raises ``Refusal`` for a token of ours that failed; leaves other schemes to others.
    """

    @sealed
    def authenticate(self, request: Request) -> tuple[Any, Claims] | None:
        try:
            encoded = token_of_header(request._request)
            return None if encoded is None else self.check(encoded, request)
        except TokenError as error:
            self.refuse(error)
            return None

    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        """Return the user and the claims of the token. Raises ``TokenError``."""
        raise NotImplementedError

    def refuse(self, error: TokenError) -> None:
        """Answer a request with a token that fails."""
        raise refuse(error) from None

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

    Only where the database cannot be asked is the request refused.
    """

    def refuse(self, error: TokenError) -> None:
        if isinstance(error, Unavailable):
            super().refuse(error)


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
    of a revocation through ``DENYLIST_CACHE``; where it is not set, and of new passwords and
    deactivated users in any case, only by the end of the token.
    """

    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        claims = conf.verifier(request._request).authenticating(encoded)
        denylist.check(checking.parse_sid(claims))
        return TokenUser(claims), claims
