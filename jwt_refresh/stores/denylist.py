"""Revoked sessions, published for services that ask no database.

An entry lives as long as an access token that was issued just before the revocation.
"""

from __future__ import annotations

from uuid import UUID

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import SessionRevoked
from jwt_refresh.models import Session

from .cache import answering
from .database import after_commit


def publish(session: Session) -> None:
    """Tell that the session is revoked, once that is committed; without a cache, nobody."""
    if conf.DENYLIST_CACHE is not None:
        alias = conf.DENYLIST_CACHE
        # Clocks of services differ, by LEEWAY at most.
        seconds = (session.lifetime + conf.LEEWAY).total_seconds()
        after_commit(lambda: _write(alias, _key(session.pk), seconds))


def check(sid: UUID) -> None:
    """Raise ``SessionRevoked`` for a session that was published, ``Unavailable`` unasked."""
    if conf.DENYLIST_CACHE is not None:
        with answering(conf.DENYLIST_CACHE) as cache:
            revoked = cache.get(_key(sid)) is not None
        if revoked:
            raise SessionRevoked("on the denylist")


def _write(alias: str, key: str, seconds: float) -> None:
    with answering(alias) as cache:
        cache.set(key, 1, seconds)


def _key(sid: UUID) -> str:
    # Not keyed by SECRET_KEY, which services that only verify do not share.
    return f"jwt_refresh:revoked:{sid}"
