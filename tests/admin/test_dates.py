from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jwt_refresh import sessions
from jwt_refresh.models import Session

from .pages import LIST, listed


def started(user: Any, *dates: tuple[int, int, int]) -> list[Session]:
    """A session of noon on each of these days, where the server stands."""
    found = []
    for year, month, day in dates:
        with time_machine.travel(datetime(year, month, day, 3, tzinfo=UTC).timestamp(), tick=False):
            found.append(sessions.start(user).session)
    return found


def offered(client: Client, **query: str) -> list[tuple[str, str]]:
    """The links of the hierarchy: what they ask, and their words."""
    page = client.get(LIST, query).content.decode()
    block = page.partition('class="toplinks"')[2].partition("</nav>")[0]
    found = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', block)
    return [(link.replace("&amp;", "&"), words.strip()) for link, words in found]


def by(*parts: int) -> dict[str, str]:
    names = ("year", "month", "day")
    return {f"started_at__{name}": str(part) for name, part in zip(names, parts, strict=False)}


def query(*parts: int) -> str:
    return "?" + "&".join(f"{name}={part}" for name, part in sorted(by(*parts).items()))


def test_years_lead_to_months_and_months_to_days(admin_client: Client, ann: Any) -> None:
    old, new, newest = started(ann, (2025, 12, 31), (2026, 2, 3), (2026, 4, 5))
    assert offered(admin_client) == [(query(2025), "2025"), (query(2026), "2026")]
    months = offered(admin_client, **by(2026))
    assert months[0] == ("?", "&lsaquo; All dates")
    assert [words for _, words in months[1:]] == [
        "January 2026",
        "February 2026",
        "March 2026",
        "April 2026",
    ]
    assert [words for _, words in offered(admin_client, **by(2025))][1:] == ["December 2025"]
    days = offered(admin_client, **by(2026, 4))
    assert days[0] == (query(2026), "&lsaquo; 2026")
    assert [words for _, words in days[1:]] == [f"April {day}" for day in range(1, 6)]
    assert days[-1][0] == query(2026, 4, 5)
    day = offered(admin_client, **by(2026, 4, 5))
    assert [link for link, _ in day] == [query(2026, 4)]
    assert listed(admin_client, **by(2025)) == {old.pk}
    assert listed(admin_client, **by(2026)) == {new.pk, newest.pk}
    assert listed(admin_client, **by(2026, 2)) == {new.pk}
    assert listed(admin_client, **by(2026, 4, 5)) == {newest.pk}


def test_it_begins_where_there_is_a_choice(admin_client: Client, ann: Any) -> None:
    assert offered(admin_client) == []
    started(ann, (2026, 11, 24))
    assert offered(admin_client) == [(query(2026, 11, 24), "November 24")]
    started(ann, (2026, 11, 26))
    assert [words for _, words in offered(admin_client)] == [
        "November 24",
        "November 25",
        "November 26",
    ]
    started(ann, (2026, 10, 30))
    assert [words for _, words in offered(admin_client)] == ["October 2026", "November 2026"]


def test_a_day_is_one_of_the_server(admin_client: Client, ann: Any) -> None:
    """20:00 in London is the next morning in Seoul."""
    assert settings.TIME_ZONE == "Asia/Seoul"
    evening = datetime(2026, 11, 24, 20, tzinfo=UTC).timestamp()
    with time_machine.travel(evening, tick=False):
        session = sessions.start(ann).session
    assert offered(admin_client) == [(query(2026, 11, 25), "November 25")]
    assert listed(admin_client, **by(2026, 11, 25)) == {session.pk}


def test_it_keeps_the_other_filters(admin_client: Client, ann: Any) -> None:
    started(ann, (2025, 12, 31), (2026, 2, 3))
    assert {link for link, _ in offered(admin_client, state="live")} == {
        f"{query(year)}&state=live" for year in (2025, 2026)
    }


def test_it_asks_for_the_first_and_last_date_alone(admin_client: Client, ann: Any) -> None:
    started(ann, (2025, 12, 31), (2026, 2, 3))
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(LIST)
    asked = [query["sql"] for query in captured if "jwt_refresh_session" in query["sql"]]
    assert len(asked) == 2
    assert not [sql for sql in asked if "DISTINCT" in sql]
    assert "MIN(" in asked[-1]


@pytest.mark.parametrize("parts", [("x",), (2026, 13), (2026, 2, 30), (0,)])
def test_a_date_that_is_none_leads_back(
    admin_client: Client, ann: Any, parts: tuple[Any, ...]
) -> None:
    started(ann, (2026, 2, 3))
    response = admin_client.get(LIST, by(*parts))
    assert response.headers["Location"] == f"{LIST}?e=1"
