"""A session that is refreshed ahead of its end, over many lifetimes."""

from __future__ import annotations

import pytest

from jwt_refresh.models import IssuedToken, Session
from tests.browser.conftest import Open

PERIODS = 20
TWICE = {"twice": True}
EACH = [
    pytest.param("sliding", [], {}, 0, id="plain"),
    pytest.param("pair", [], {}, 0, id="pair"),
    pytest.param("sliding", ["no lock is granted"], {}, 0, id="lock-never-granted"),
    pytest.param("pair", ["no lock is granted"], {}, 0, id="pair-lock-never-granted"),
    pytest.param("sliding", ["there are no locks"], {}, 0, id="no-locks"),
    pytest.param("sliding", ["there is no channel"], {}, 0, id="no-channel"),
    pytest.param("sliding", ["nothing can be stored"], {}, 0, id="store-fails-to-write"),
    pytest.param(
        "pair", ["nothing can be stored", "nothing can be read"], {}, 0, id="pair-store-fails"
    ),
    pytest.param("sliding", [], TWICE, 0, id="mounted-twice"),
    pytest.param("sliding", ["no lock is granted"], TWICE, 0, id="mounted-twice-without-lock"),
    pytest.param("sliding", [], {}, 3600, id="clock-ahead"),
    pytest.param("sliding", [], {}, -3600, id="clock-behind"),
]


@pytest.mark.parametrize("tabs", [1, 5])
@pytest.mark.parametrize(("style", "wrong", "how", "ahead"), EACH, indirect=["style"])
def test_over_many_lifetimes(
    browse: Open, style: str, tabs: int, wrong: list[str], how: dict[str, bool], ahead: float
) -> None:
    profile = browse(*wrong, ahead=ahead)
    profile.tab(**how).login("ann")
    opened = [profile.tabs[0], *(profile.tab(**how) for _ in range(tabs - 1))]
    for period in range(PERIODS):
        profile.reach(period + 1, *opened)
        assert {tab.call() for tab in opened} == {200}, period
    assert {tab.status for tab in opened} == {("active", None)}
    assert Session.objects.live().count() == 1
    rotated = IssuedToken.objects.count() - 1
    assert rotated >= PERIODS
    assert len(profile.site.refreshes) <= 1.05 * rotated
    assert {call.status for call in profile.site.refreshes} == {200}
