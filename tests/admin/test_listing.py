from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.admin import IssuedTokenAdmin, SessionAdmin, listing
from jwt_refresh.models import Session
from tests.support.devices import PAIR, make_user

from .pages import LIST, TOKENS, listed, one_of_each, page_of, rows

BOTH = pytest.mark.parametrize("address", [LIST, TOKENS])
WITHOUT_OUR_TABLES = 2
"""Statements that tell who looks: the session of Django, and its user."""


@pytest.fixture
def three_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionAdmin, "list_per_page", 3)
    monkeypatch.setattr(IssuedTokenAdmin, "list_per_page", 3)


def statements(client: Client, address: str, **query: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address, query)
        assert response.status_code == 200
    return [query["sql"] for query in captured][WITHOUT_OUR_TABLES:]


@pytest.mark.parametrize(
    ("address", "query", "cost"),
    [
        (LIST, {}, 2),
        (LIST, {"p": "2"}, 2),
        (LIST, {"state": "live", "style__exact": "sliding"}, 2),
        (LIST, {"q": "ann@example.com"}, 4),
        (LIST, {"q": "ann@"}, 5),
        (LIST, {"q": "nobody"}, 5),
        (TOKENS, {}, 1),
        (TOKENS, {"p": "2"}, 1),
        (TOKENS, {"q": "ann@example.com"}, 3),
        (TOKENS, {"q": "ann@"}, 4),
        (TOKENS, {"q": "nobody"}, 5),
    ],
)
@pytest.mark.usefixtures("three_a_page")
def test_a_list_counts_nothing_and_costs_the_same_however_long(
    admin_client: Client, ann: Any, address: str, query: dict[str, str], cost: int
) -> None:
    """Of sessions: the rows, and the first and last date. Of tokens: the rows."""
    for _ in range(4):
        sessions.start(ann)
    said_first = statements(admin_client, address, **query)
    for number in range(8):
        sessions.start(make_user(f"ann@example.com.{number}"))
    for asked in (said_first, statements(admin_client, address, **query)):
        assert not [sql for sql in asked if "COUNT(" in sql.upper() or "key_hash" in sql]
        assert len(asked) == cost


@BOTH
@pytest.mark.usefixtures("three_a_page")
def test_a_list_is_turned_page_by_page(admin_client: Client, ann: Any, address: str) -> None:
    for _ in range(7):
        sessions.start(ann)
    name = "sessions" if address == LIST else "issued tokens"
    first = admin_client.get(address).content.decode()
    assert f"more than 3 {name}" in first
    assert "?p=2" in first
    assert "?p=3" not in first
    found = [row.pk for page in "123" for row in rows(admin_client, address, p=page)]
    assert len(found) == len(set(found)) == 7
    last = admin_client.get(address, {"p": "3"}).content.decode()
    assert f"7 {name}" in last
    assert "?p=4" not in last
    Session.objects.exclude(pk=Session.objects.all()[0].pk).delete()
    assert f"1 {name[:-1]}\n" in admin_client.get(address).content.decode()


@BOTH
@pytest.mark.parametrize("page", ["0", "-1", "4", "9" * 40])
@pytest.mark.usefixtures("three_a_page")
def test_a_page_that_is_not_there_leads_back(
    admin_client: Client, ann: Any, address: str, page: str
) -> None:
    for _ in range(9):
        sessions.start(ann)
    response = admin_client.get(address, {"p": page})
    assert response.headers["Location"] == f"{address}?e=1"
    assert len(rows(admin_client, address, p="3")) == 3


@pytest.mark.usefixtures("three_a_page")
def test_after_the_last_page_comes_the_search(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LAST_PAGE", 2)
    for _ in range(7):
        sessions.start(ann)
    last = admin_client.get(LIST, {"p": "2"}).content.decode()
    assert "more than 6 sessions" in last
    assert "?p=3" not in last
    assert admin_client.get(LIST, {"p": "3"}).status_code == 302


@pytest.mark.usefixtures("three_a_page")
def test_who_selects_across_pages_is_told_no_number_that_is_none(
    admin_client: Client, ann: Any
) -> None:
    for _ in range(5):
        sessions.start(ann)
    first = admin_client.get(LIST).content.decode()
    assert "Select all, also those on other pages" in first
    assert "0 of 3 selected" in first
    last = admin_client.get(LIST, {"p": "2"}).content.decode()
    assert "Select all 5 sessions" in last


def search_form(client: Client, **query: str) -> str:
    page = client.get(LIST, query).content.decode()
    return page.partition('id="changelist-search"')[2].partition("</form>")[0]


@pytest.mark.usefixtures("three_a_page")
def test_a_search_says_how_many_it_found_where_it_knows(admin_client: Client, ann: Any) -> None:
    sessions.start(make_user("bob@example.com"))
    for _ in range(4):
        sessions.start(ann)
    assert "1 result (" in search_form(admin_client, q="bob")
    assert "result" not in search_form(admin_client, q="ann")
    assert "result" not in search_form(admin_client)
    assert "result" not in search_form(admin_client, p="2")


def asked_for(client: Client, address: str, term: str) -> tuple[set[str], bool]:
    """The names that a search finds, and whether it looked inside of all names."""
    found = rows(client, address, q=term)
    owners = {(row if address == LIST else row.session).user.get_username() for row in found}
    patterns = " ".join(statements(client, address, q=term))
    return owners, f"%{term}%" in patterns


@BOTH
def test_a_search_begins_where_an_index_answers(admin_client: Client, address: str) -> None:
    for name in ("kim@example.com", "kim@example.com.kr", "joakim@example.com"):
        sessions.start(make_user(name))
    longer = {"kim@example.com", "kim@example.com.kr"}
    assert asked_for(admin_client, address, "kim@example.com") == ({"kim@example.com"}, False)
    assert asked_for(admin_client, address, "kim@example") == (longer, False)
    assert asked_for(admin_client, address, "akim") == ({"joakim@example.com"}, True)
    assert asked_for(admin_client, address, "nobody") == (set(), True)


@BOTH
def test_a_name_without_a_session_does_not_end_a_search(admin_client: Client, address: str) -> None:
    make_user("smith@example.com")
    sessions.start(make_user("john.smith@example.com"))
    assert asked_for(admin_client, address, "smith") == ({"john.smith@example.com"}, True)


@BOTH
def test_a_search_finds_the_user_id_that_the_log_names(
    admin_client: Client, ann: Any, address: str
) -> None:
    sessions.start(ann)
    sessions.start(make_user("bob@example.com"))
    assert asked_for(admin_client, address, str(ann.pk)) == ({"ann@example.com"}, False)
    for nobody in ("9" * 40, str(uuid.UUID(int=7)), "9" * 5000):
        assert asked_for(admin_client, address, nobody)[0] == set()


def test_filters_by_reason_and_style(admin_client: Client, ann: Any, settings: Any) -> None:
    found = one_of_each(ann)
    lost = sessions.start(ann).session
    sessions.revoke(lost, "device reported lost")
    settings.JWT_REFRESH = PAIR
    pair = sessions.start(ann).session
    everything = {*(session.pk for session in found.values()), lost.pk, pair.pk}
    assert listed(admin_client, reason="logout") == {found["revoked"].pk}
    assert listed(admin_client, reason="other") == {lost.pk}
    assert listed(admin_client, reason="reuse") == set()
    assert listed(admin_client, reason="garbage") == everything
    assert listed(admin_client, style__exact="pair") == {pair.pk}
    assert listed(admin_client, style__exact="sliding", reason="other") == {lost.pk}
    page = admin_client.get(LIST).content.decode()
    assert re.findall(r'data-filter-title="([^"]*)"', page) == ["state", "reason", "style"]
    assert "a superseded token was reused</a>" in page
    assert "another reason</a>" in page


def test_the_filter_by_user_offers_nobody_else(admin_client: Client, ann: Any) -> None:
    session = sessions.start(ann).session
    sessions.start(make_user("bob@example.com"))
    assert "By user" not in admin_client.get(LIST).content.decode()
    name = Session._meta.get_field("user").target_field.name
    query = {f"user__{name}__exact": str(ann.pk)}
    assert listed(admin_client, **query) == {session.pk}
    page = admin_client.get(LIST, query).content.decode()
    assert "By user" in page
    assert "ann@example.com</a>" in page
    assert "bob@example.com" not in page
    facets = admin_client.get(LIST, query | {"_facets": "True"}).content.decode()
    assert "ann@example.com (1)</a>" in facets


def test_sessions_of_a_user_are_found_by_the_users_id(admin_client: Client, ann: Any) -> None:
    """By the address that Django's own pages would link to."""
    session = sessions.start(ann).session
    sessions.start(make_user("bob@example.com"))
    assert listed(admin_client, user__id__exact=str(ann.pk)) == {session.pk}


@pytest.mark.parametrize("garbage", ["garbage", "\x00", "", "9" * 40])
def test_a_filter_by_no_user_at_all(admin_client: Client, ann: Any, garbage: str) -> None:
    sessions.start(ann)
    name = Session._meta.get_field("user").target_field.name
    response = admin_client.get(LIST, {f"user__{name}__exact": garbage})
    # What cannot be the id of a user leads back; what nobody has finds nothing.
    found = response.context["cl"].result_list if response.status_code == 200 else []
    assert found == []
    assert response.headers.get("Location", f"{LIST}?e=1") == f"{LIST}?e=1"
    assert b"Revoke all" not in response.content


def heads(page: str) -> list[tuple[str, str]]:
    """The class of each column, which tells how it is sorted, and its title."""
    table = page.partition("<thead>")[2].partition("</thead>")[0]
    found = re.findall(r'class="([^"]*column-[^"]*)"(.*?)</th>', table, re.DOTALL)
    # Behind the title of a column that is sorted are the numbers and links of the order.
    texts = [re.findall(r">([^<>]*\w[^<>]*)<", head)[-1] for _, head in found]
    return [(name.strip(), text) for (name, _), text in zip(found, texts, strict=True)]


def test_the_list_says_what_an_operator_asks_first(admin_client: Client, ann: Any) -> None:
    sessions.start(ann)
    page = admin_client.get(LIST).content.decode()
    assert heads(page) == [
        ("column-user", "User"),
        ("column-standing", "State"),
        ("sortable column-last_used", "Last used"),
        ("column-device", "Device"),
        ("sortable column-started_at sorted descending", "Started at"),
    ]
    page = admin_client.get(TOKENS).content.decode()
    assert heads(page) == [
        ("column-jti", "Token id (jti)"),
        ("column-now", "Now"),
        ("column-user", "User"),
        ("column-of_session", "Session"),
        ("column-generation", "Generation"),
        ("column-issued_at", "Issued at"),
        ("column-expires_at", "Expires at"),
    ]


def test_the_list_names_the_program_and_the_address(admin_client: Client, ann: Any) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    request = RequestFactory().get("/", headers={"User-Agent": firefox}, REMOTE_ADDR="192.0.2.7")
    sessions.start(ann, request)
    sessions.start(ann)
    page = admin_client.get(LIST).content.decode()
    unknown, known = sorted(re.findall(r'<td class="field-device[^>]*>(.*?)</td>', page), key=len)
    assert "Firefox" in known
    assert "192.0.2.0/24" in known
    assert unknown == "<bdi>-</bdi>"


def test_sorted_by_last_use(admin_client: Client, ann: Any, clock: Any) -> None:
    first, second = sessions.start(ann), sessions.start(ann).session
    clock.shift(60)
    refreshed = sessions.refresh(first.access_token).session
    clock.shift(60)
    Session.objects.filter(pk=second.pk).update(confirmed_at=timezone.now())
    assert [row.pk for row in rows(admin_client, o="-3")] == [second.pk, refreshed.pk]
    assert [row.pk for row in rows(admin_client, o="3")] == [refreshed.pk, second.pk]


def test_the_page_of_a_session_costs_the_same_however_often_it_was_refreshed(
    admin_client: Client, ann: Any
) -> None:
    """The session, its user, and its newest tokens."""
    tokens = sessions.start(ann)
    # Django remembers the content type of sessions from then on.
    admin_client.get(page_of(tokens.session))
    costs = [len(statements(admin_client, page_of(tokens.session)))]
    for _ in range(5):
        tokens = sessions.refresh(tokens.access_token)
    costs.append(len(statements(admin_client, page_of(tokens.session))))
    assert costs == [3, 3]
