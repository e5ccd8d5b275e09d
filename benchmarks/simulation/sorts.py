"""The sorts of thieves there are."""

from __future__ import annotations

from enum import Enum


class Sort(Enum):
    """What a thief does with the store of a device that he copied, or with an answer."""

    AT_ONCE = "uses what he took at once"
    LIES_LOW = "rotates first and lies low"
    LATER = "comes back later with an old token"
    EXPIRED = "comes back with an expired token"
    POLLS = "polls verify, some minutes apart"
    POLLS_FAST = "polls verify, faster than the grace"
    AT_A_LOSS = "steals in the moment of a lost answer"
    INTERCEPTS = "takes a lost answer off the wire"
    PREDICTS = "guesses when the owner refreshes"
    SHADOWS_SLOWLY = "reads the live store, slower than the grace"
    SHADOWS = "reads the live store, faster than the grace"
    ACCESS_ONLY = "uses only a stolen access token"
    NO_RETURN = "the victim never returns"

    @property
    def excepted(self) -> bool:
        """What no rotation can see; stated in the documents, and counted apart."""
        return self in (Sort.SHADOWS, Sort.ACCESS_ONLY, Sort.NO_RETURN)
