"""A session that is refreshed ahead of its end, over many lifetimes."""

from __future__ import annotations

import pytest

from jwt_refresh.models import IssuedToken, Session
from tests.browser.conftest import LIFETIME, Open

PERIODS = 20
EACH = [
    ([], {}, 0),
    (["no lock is granted"], {}, 0),
    (["there are no locks"], {}, 0),
    (["there is no channel"], {}, 0),
    (["nothing can be stored"], {}, 0),
    (["nothing can be stored", "no lock is granted"], {}, 0),
    (["nothing can be stored", "nothing can be read"], {}, 0),
    ([], {"twice": True}, 0),
    (["no lock is granted"], {"twice": True}, 0),
    ([], {}, 3600),
    ([], {}, -3600),
]
NAMES = [
    "plain",
    "lock-never-granted",
    "no-locks",
    "no-channel",
    "store-fails-to-write",
    "store-fails-to-write-and-no-lock",
    "store-fails",
    "mounted-twice",
    "mounted-twice-without-lock",
    "clock-ahead",
    "clock-behind",
]


@pytest.mark.parametrize("tabs", [1, 5])
@pytest.mark.parametrize(("wrong", "how", "ahead"), EACH, ids=NAMES)
@pytest.mark.parametrize("style", ["sliding", "pair"], indirect=True)
def test_over_many_lifetimes(
    browse: Open, style: str, tabs: int, wrong: list[str], how: dict[str, bool], ahead: float
) -> None:
    profile = browse(*wrong, ahead=ahead)
    profile.tab(**how).login("ann")
    opened = [profile.tabs[0], *(profile.tab(**how) for _ in range(tabs - 1))]
    for period in range(PERIODS):
        profile.elapse(0.78 * LIFETIME)
        before = len(profile.site.refreshes)
        profile.until(lambda: len(profile.site.refreshes) > before, seconds=2)
        assert {tab.call() for tab in opened} == {200}, period
    assert {tab.status for tab in opened} == {("active", None)}
    assert Session.objects.live().count() == 1
    rotated = IssuedToken.objects.count() - 1
    assert rotated >= PERIODS
    assert len(profile.site.refreshes) <= 1.05 * rotated
    assert {call.status for call in profile.site.refreshes} == {200}
