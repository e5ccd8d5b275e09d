"""The denylist: revoked sessions in a cache, for services that ask no database.

An entry lives as long as an access token that was issued just before the revocation.
"""

from __future__ import annotations

from uuid import UUID

from jwt_refresh.conf import conf
from jwt_refresh.exceptions import SessionRevoked, Unavailable
from jwt_refresh.models import Session

from .cache import answering


def publish(session: Session) -> None:
    """Write an entry for a revoked session into ``DENYLIST_CACHE``, where that is set.

    Raises ``Unavailable`` where the cache does not answer, or has not kept the entry.
    """
    if conf.DENYLIST_CACHE is not None:
        # Clocks of services differ, by LEEWAY at most.
        seconds = (session.lifetime + conf.LEEWAY).total_seconds()
        with answering(conf.DENYLIST_CACHE) as cache:
            cache.set(_key(session.pk), 1, seconds)
            kept = cache.has_key(_key(session.pk))
        if kept is not True:
            raise Unavailable(f"the cache {conf.DENYLIST_CACHE!r} has not kept an entry")


def check(sid: UUID) -> None:
    """Raise ``SessionRevoked`` for a session with an entry.

    Raises ``Unavailable`` where the cache does not answer.
    """
    if conf.DENYLIST_CACHE is not None:
        with answering(conf.DENYLIST_CACHE) as cache:
            revoked = cache.has_key(_key(sid))
        # A client that hides that its cache is away answers neither yes nor no.
        if not isinstance(revoked, bool):
            raise Unavailable(f"the cache {conf.DENYLIST_CACHE!r} answered neither yes nor no")
        if revoked:
            raise SessionRevoked("on the denylist")


def _key(sid: UUID) -> str:
    # Not keyed by SECRET_KEY, which services that only verify do not share.
    return f"jwt_refresh:revoked:{sid}"
