"""The end of one session, or of all of a user's, as an operator meets it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client

from jwt_refresh import sessions
from jwt_refresh.admin import SessionAdmin
from jwt_refresh.admin import sessions as sessions_admin
from jwt_refresh.models import Session
from tests.support.devices import make_user

from .pages import (
    LIST,
    act,
    one_of_each,
    page_of,
    said,
    staff,
    states,
    with_firefox,
    with_users,
)

OVER = "These sessions are over already."


def revoke(client: Client, session: Session, **data: str) -> Any:
    return client.post(page_of(session, "revoke"), data)


def links(page: str) -> list[str]:
    return [found.replace("&amp;", "&") for found in re.findall(r'href="([^"]*)"', page)]


def test_a_page_leads_to_a_confirmation_that_names_user_and_device(
    admin_client: Client, ann: Any
) -> None:
    session = with_firefox(ann)
    assert page_of(session, "revoke") in links(admin_client.get(page_of(session)).content.decode())
    for asked in (admin_client.get(page_of(session, "revoke")), revoke(admin_client, session)):
        page = asked.content.decode()
        assert "1 session will end at once. Its user must log in again." in page
        assert "<bdi>ann@example.com</bdi>" in page
        assert "<bdi>Firefox on Windows, 203.0.113.0/24</bdi>" in page
        assert f'href="{page_of(session)}"' in page
        assert "jwt_refresh/admin.css" in page
    assert states() == ["live"]
    assert not LogEntry.objects.exists()


def test_the_confirmed_session_ends_and_its_history_says_so(admin_client: Client, ann: Any) -> None:
    session, other = with_firefox(ann), with_firefox(ann)
    response = revoke(admin_client, session, confirmed="yes")
    assert response.headers["Location"] == page_of(session)
    assert said(response) == ["1 session was revoked."]
    session.refresh_from_db()
    assert session.revoked_reason == Session.Reason.ADMIN
    assert list(Session.objects.live()) == [other]
    page = admin_client.get(page_of(session)).content.decode()
    assert "revoked by an administrator" in page
    assert page_of(session, "revoke") not in page
    whose = "ann@example.com, Firefox on Windows, 203.0.113.0/24"
    told = f"Changed revoked at and reason for session “{whose}”."
    assert LogEntry.objects.get().get_change_message() == told
    assert told in admin_client.get(page_of(session, "history")).content.decode()
    assert not admin_client.get(page_of(other, "history")).context["action_list"]


def test_a_get_request_ends_nothing(admin_client: Client, ann: Any) -> None:
    session = with_firefox(ann)
    asked = admin_client.get(page_of(session, "revoke"), {"confirmed": "yes"})
    assert b"1 session will end at once." in asked.content
    assert states() == ["live"]


def test_another_site_cannot_press_the_button(admin_user: Any, ann: Any) -> None:
    session = with_firefox(ann)
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert revoke(client, session, confirmed="yes").status_code == 403
    assert states() == ["live"]


@pytest.mark.parametrize("state", ["revoked", "ended"])
def test_what_is_over_is_not_ended_again(admin_client: Client, ann: Any, state: str) -> None:
    session = one_of_each(ann)[state]
    before = Session.objects.filter(pk=session.pk).values().get()
    assert page_of(session, "revoke") not in admin_client.get(page_of(session)).content.decode()
    for response in (
        admin_client.get(page_of(session, "revoke")),
        revoke(admin_client, session, confirmed="yes"),
        act(admin_client, [session]),
        act(admin_client, [session], confirmed="yes"),
    ):
        assert response.status_code == 302
        assert said(response)[-1] == OVER
    assert Session.objects.filter(pk=session.pk).values().get() == before
    assert not LogEntry.objects.exists()


def test_whoever_may_only_look_has_no_button(ann: Any) -> None:
    session = with_firefox(ann)
    client = staff(("view", Session))
    assert page_of(session, "revoke") not in client.get(page_of(session)).content.decode()
    assert client.get(page_of(session, "revoke")).status_code == 403
    assert revoke(client, session, confirmed="yes").status_code == 403
    assert b"Revoke all" not in client.get(all_of(client, session)).content
    assert states() == ["live"]


def test_whoever_left_the_staff_presses_no_button(ann: Any) -> None:
    session = with_firefox(ann)
    client = staff(("change", Session))
    get_user_model()._default_manager.update(is_staff=False)
    response = revoke(client, session, confirmed="yes")
    assert response.headers["Location"].startswith("/admin/login/")
    assert states() == ["live"]


def test_whoever_may_change_sessions_has_the_button_and_no_delete(ann: Any) -> None:
    session = with_firefox(ann)
    client = staff(("change", Session))
    page = client.get(page_of(session)).content.decode()
    assert page_of(session, "revoke") in page
    assert page_of(session, "delete") not in page
    assert said(revoke(client, session, confirmed="yes")) == ["1 session was revoked."]


@pytest.mark.parametrize("sid", ["00000000-0000-0000-0000-000000000000", "garbage", "%00"])
def test_a_session_that_is_not_there_is_not_found(admin_client: Client, sid: str) -> None:
    for response in (admin_client.get, admin_client.post):
        assert response(f"{LIST}{sid}/revoke/").status_code == 404


def test_the_way_back_keeps_the_filters_of_the_list(admin_client: Client, ann: Any) -> None:
    session = with_firefox(ann)
    kept = "?_changelist_filters=state%3Dlive"
    page = admin_client.get(page_of(session) + kept).content.decode()
    assert page_of(session, "revoke") + kept in links(page)
    response = admin_client.post(page_of(session, "revoke") + kept, {"confirmed": "yes"})
    assert response.headers["Location"] == page_of(session) + kept


def test_the_action_names_whom_it_ends(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_admin, "NAMED", 3)
    chosen = [with_firefox(ann), with_firefox(ann), sessions.start(ann).session]
    chosen.append(with_firefox(make_user("bob@example.com")))
    page = act(admin_client, chosen).content.decode()
    assert "4 sessions will end at once." in page
    assert "They belong to 2 users." in page
    assert page.count('<th scope="row">') == 3
    assert "… and 1 more." in page
    named = act(admin_client, chosen[2:3]).content.decode()
    assert "They belong to" not in named
    assert "more." not in named
    assert "<bdi>-</bdi>" in named
    assert f'href="{LIST}"' in named


def all_of(client: Client, session: Session) -> str:
    """The list to which the page of a session leads: all sessions of its user."""
    found = [
        link for link in links(client.get(page_of(session)).content.decode()) if "user__" in link
    ]
    assert len(found) == 1
    return found[0]


def test_from_a_session_to_all_of_its_user(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    found = one_of_each(ann)
    live = [found["live"], *(with_firefox(ann) for _ in range(3))]
    other = with_firefox(make_user("bob@example.com"))
    address = all_of(admin_client, found["ended"])
    response = admin_client.get(address + "&state=revoked&q=ann")
    assert list(response.context["cl"].result_list) == [found["revoked"]]
    page = response.content.decode()
    assert "Revoke all sessions of ann@example.com" in page
    # The button minds neither the page nor the other filters.
    form = re.search(r'<form method="post" action="(\?[^"]*)" class="jwt-refresh-tool">', page)
    assert form
    hidden = {"action": "revoke_selected", "select_across": "1", "_selected_action": "all"}
    for name, value in hidden.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    asked = admin_client.post(LIST + form[1], hidden)
    assert b"4 sessions will end at once." in asked.content
    done = admin_client.post(LIST + form[1], hidden | {"confirmed": "yes"})
    assert said(done) == ["4 sessions were revoked."]
    assert list(Session.objects.live()) == [other]
    assert {session.object_id for session in LogEntry.objects.all()} == {
        str(session.pk) for session in live
    }


def test_a_list_of_several_users_has_no_button_for_all(admin_client: Client, ann: Any) -> None:
    session = with_firefox(ann)
    address = all_of(admin_client, session)
    assert b"Revoke all" in admin_client.get(address).content
    assert b"Revoke all" not in admin_client.get(LIST).content
    assert b"Revoke all" not in admin_client.get(LIST, {"q": "ann"}).content


@with_users
def test_the_links_of_another_site_stay_there(admin_client: Client, ann: Any) -> None:
    """It has sessions alone: no page of a user, and none of a token."""
    session = with_firefox(ann)
    place = f"/sessions/jwt_refresh/session/{session.pk}/"
    page = admin_client.get(f"{place}change/").content.decode()
    assert f"{place}revoke/" in page
    assert session.current_jti in page
    asked = admin_client.get(f"{place}revoke/").content.decode()
    for link in links(page + asked):
        assert link.startswith(("/sessions/", "/static/", "#")) or link == "/"
    assert "issuedtoken" not in page
    done = admin_client.post(f"{place}revoke/", {"confirmed": "yes"})
    assert done.headers["Location"] == f"{place}change/"


def test_delete_is_neither_first_nor_loud(admin_client: Client, ann: Any) -> None:
    session = with_firefox(ann)
    overview = admin_client.get(LIST).content.decode()
    assert re.findall(r'<option value="(\w+)"', overview) == ["revoke_selected", "delete_selected"]
    page = admin_client.get(page_of(session)).content.decode()
    assert "deletelink" not in page
    assert f'<a href="{page_of(session, "delete")}">Delete the record</a>' in page


def test_the_button_speaks_korean(admin_client: Client, ann: Any) -> None:
    session = with_firefox(ann)
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    assert ">해지</a>" in admin_client.get(page_of(session)).content.decode()
    assert "Windows의 Firefox" in admin_client.get(page_of(session, "revoke")).content.decode()
    revoke(admin_client, session, confirmed="yes")
    told = admin_client.get(page_of(session, "history")).content.decode()
    assert "해지 시각" in told
    assert "revoked" not in told


def test_a_hostile_name_is_text_in_confirmation_and_history(admin_client: Client, ann: Any) -> None:
    hostile = "<script>alert(1)</script>"
    type(ann).objects.filter(pk=ann.pk).update(**{ann.USERNAME_FIELD: hostile})
    session = with_firefox(ann)
    ann.refresh_from_db()
    asked = admin_client.get(page_of(session, "revoke")).content.decode()
    all_asked = admin_client.get(all_of(admin_client, session)).content.decode()
    revoke(admin_client, session, confirmed="yes")
    told = admin_client.get(page_of(session, "history")).content.decode()
    for page in (asked, all_asked, told):
        assert hostile not in page
        assert "&lt;script&gt;alert(1)" in page
