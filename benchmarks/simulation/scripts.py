"""What each sort of thief does. A script acts at once, and yields what the thief waits for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .sessions import AHEAD, LIFETIME
from .sorts import Sort
from .thieves import NEVER, Script, Thief, Wait
from .world import DAY, HOUR, MINUTE


def at_once(thief: Thief) -> Script:
    thief.steal()
    thief.authenticate()
    yield from thief.live()


def lies_low(thief: Thief) -> Script:
    """Once or twice, so that what the owner holds is no longer the previous token."""
    thief.steal()
    thief.refresh()
    if thief.coin():
        thief.refresh()
    yield thief.later(HOUR, 10 * DAY)
    yield from thief.live()


def later(thief: Thief) -> Script:
    thief.steal()
    yield thief.later(10 * MINUTE, 10 * DAY)
    yield from _uses_or_lies_low(thief)


def expired(thief: Thief) -> Script:
    thief.steal()
    yield Wait(thief.pairs[0].expires_at + thief.rng.uniform(0, 2 * DAY))
    yield from _uses_or_lies_low(thief)


def _uses_or_lies_low(thief: Thief) -> Script:
    if thief.coin() and thief.refresh():
        yield thief.later(HOUR, 3 * DAY)
    yield from thief.live()


def polls(thief: Thief, least: float, most: float, *, pounces: bool) -> Script:
    """He exchanges what he has as soon as verify shows that the owner has refreshed. One who
    ``pounces`` does so as well when the owner seems to sleep."""
    thief.steal()
    period = thief.rng.uniform(least, most)
    sleep = thief.rng.uniform(HOUR, 8 * HOUR) if pounces else NEVER
    seen = thief.verify()
    while seen is not None:
        until = thief.agenda.now + sleep
        yield Wait(until, period)
        says = thief.verify()
        if says is not None and (says != seen or thief.agenda.now >= until):
            thief.refresh()
            thief.authenticate()
            says = thief.verify()
        seen = says


def at_a_loss(thief: Thief) -> Script:
    yield Wait(for_loss=True)
    thief.steal()
    yield from _uses_or_lies_low(thief)


def intercepts(thief: Thief) -> Script:
    """The answer is lost because he has it."""
    yield Wait(for_loss=True)
    thief.take(thief.lost_answer)
    if thief.coin():
        yield thief.later(MINUTE, DAY)
    thief.authenticate()
    yield from _uses_or_lies_low(thief)


def predicts(thief: Thief) -> Script:
    """The client refreshes when its access token is about to end; a little later, within the
    grace, so does he. Once he was the first, he lives on like the others."""
    thief.steal()
    while (due_at := thief.pairs[-1].issued_at + LIFETIME - AHEAD) > thief.agenda.now:
        yield Wait(due_at + thief.rng.uniform(5, 25))
        if not thief.refresh():
            return
        thief.authenticate()
        if thief.pairs[-1].issued_at == int(thief.agenda.now):
            yield thief.later(MINUTE, DAY)
    yield from thief.live()


def shadows(thief: Thief, least: float, most: float) -> Script:
    """When the store shows that the owner has refreshed, he exchanges the token before."""
    thief.steal()
    period = thief.rng.uniform(least, most)
    while thief.victim.store.session is thief.session:
        if thief.victim.store.jti not in thief.held and not thief.refresh():
            return
        yield Wait(period=period)


def access_only(thief: Thief) -> Script:
    thief.steal()
    while thief.agenda.now < thief.pairs[0].access_expires_at:
        thief.authenticate()
        yield thief.later(MINUTE, 5 * MINUTE)


SCRIPTS: dict[Sort, Callable[[Thief], Script]] = {
    Sort.AT_ONCE: at_once,
    Sort.LIES_LOW: lies_low,
    Sort.LATER: later,
    Sort.EXPIRED: expired,
    Sort.POLLS: partial(polls, least=MINUTE, most=20 * MINUTE, pounces=True),
    Sort.POLLS_FAST: partial(polls, least=5, most=25, pounces=False),
    Sort.AT_A_LOSS: at_a_loss,
    Sort.INTERCEPTS: intercepts,
    Sort.PREDICTS: predicts,
    Sort.SHADOWS_SLOWLY: partial(shadows, least=MINUTE, most=HOUR),
    Sort.SHADOWS: partial(shadows, least=2, most=25),
    Sort.ACCESS_ONLY: access_only,
    Sort.NO_RETURN: at_once,
}
