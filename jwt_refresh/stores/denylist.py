"""The denylist: revoked sessions in a cache, for services that ask no database.

An entry lives as long as an access token that was issued just before the revocation.
"""

from __future__ import annotations

from uuid import UUID

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import SessionRevoked
from jwt_refresh.models import Session

from .cache import answering


def publish(session: Session) -> None:
    """Write an entry for a revoked session into ``DENYLIST_CACHE``, where that is set.

    Raises ``Unavailable`` where the cache does not answer.
    """
    if conf.DENYLIST_CACHE is not None:
        # Clocks of services differ, by LEEWAY at most.
        seconds = (session.lifetime + conf.LEEWAY).total_seconds()
        with answering(conf.DENYLIST_CACHE) as cache:
            cache.set(_key(session.pk), 1, seconds)


def check(sid: UUID) -> None:
    """Raise ``SessionRevoked`` for a session with an entry.

    Raises ``Unavailable`` where the cache does not answer.
    """
    if conf.DENYLIST_CACHE is not None:
        with answering(conf.DENYLIST_CACHE) as cache:
            revoked = cache.get(_key(sid)) is not None
        if revoked:
            raise SessionRevoked("on the denylist")


def _key(sid: UUID) -> str:
    # Not keyed by SECRET_KEY, which services that only verify do not share.
    return f"jwt_refresh:revoked:{sid}"
