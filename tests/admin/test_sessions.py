from __future__ import annotations

import re
import uuid
from datetime import timedelta
from traceback import walk_tb
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from jwt_refresh import admin, sessions
from jwt_refresh.admin import tokens as tokens_admin
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import make_user
from tests.support.proofs import ProofKey
from tests.support.told import Told

from .pages import (
    LIST,
    act,
    listed,
    one_of_each,
    page_of,
    page_of_user,
    said,
    site,
    staff,
    states,
    with_users,
)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", {"live": "live", "revoked": "revoked", "ended": "ended"}),
        ("ko", {"live": "사용 중", "revoked": "해지됨", "ended": "종료됨"}),
    ],
)
def test_pages_say_the_state_in_words(
    admin_client: Client, ann: Any, language: str, words: dict[str, str]
) -> None:
    found = one_of_each(ann)
    headers = {"Accept-Language": language}
    overview = admin_client.get(LIST, headers=headers).content.decode()
    assert "jwt_refresh/admin.css" in overview
    for state, session in found.items():
        shown = f'<span class="jwt-refresh-{state}">{words[state]}</span>'
        assert overview.count(shown) == 1
        assert shown in admin_client.get(page_of(session), headers=headers).content.decode()


@pytest.mark.parametrize(
    ("reason", "language", "words"),
    [
        (Session.Reason.LOGOUT, "en", "logged out"),
        (Session.Reason.REUSE, "ko", "교체된 토큰이 다시 사용됨"),
        ("login_refused", "de", "die Anmeldung wurde abgelehnt"),
        ("device reported lost", "en", "device reported lost"),
    ],
)
def test_a_page_says_in_words_why_a_session_was_revoked(
    admin_client: Client, ann: Any, reason: str, language: str, words: str
) -> None:
    session = sessions.start(ann).session
    sessions.revoke(session, reason)
    page = admin_client.get(page_of(session), headers={"Accept-Language": language})
    assert f">{words}<" in page.content.decode()


HOSTILE = "<script>alert(1)</script>\r\nSet-Cookie: x=1\x00\u202e"


def test_what_a_client_calls_itself_is_text_on_a_page(admin_client: Client, ann: Any) -> None:
    """A name and an agent that an attacker chose reach an administrator's browser."""
    type(ann).objects.filter(pk=ann.pk).update(**{ann.USERNAME_FIELD: HOSTILE.replace("\0", "")})
    ann.refresh_from_db()
    request = RequestFactory().post("/", headers={"User-Agent": HOSTILE * 1000})
    session = sessions.start(ann, request).session
    assert len(session.agent) <= 200
    assert session.agent.isprintable()
    for address in (LIST, page_of(session), page_of(session, "revoke")):
        response = admin_client.get(address)
        assert "Set-Cookie: x" not in str(response.headers)
        assert "<script>alert" not in response.content.decode()
        assert "&lt;script&gt;alert" in response.content.decode()


def test_nobody_adds_or_changes_a_session(admin_client: Client, ann: Any) -> None:
    session = sessions.start(ann).session
    before = Session.objects.values().get()
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}add/", {"user": ann.pk}).status_code == 403
    assert admin_client.post(page_of(session), {"generation": "7"}).status_code == 403
    page = admin_client.get(page_of(session)).content.decode()
    assert 'name="_save"' not in page
    assert f"{LIST}add/" not in page
    assert Session.objects.values().get() == before


def test_whoever_has_no_permission_sees_nothing(ann: Any) -> None:
    session = sessions.start(ann).session
    client = staff()
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(session)).status_code == 403


def test_the_list_is_filtered_by_state(admin_client: Client, ann: Any) -> None:
    found = one_of_each(ann)
    for state, session in found.items():
        assert listed(admin_client, state=state) == {session.pk}
    everything = {session.pk for session in found.values()}
    for garbage in ("", "garbage", "delete", "LIVE"):
        assert listed(admin_client, state=garbage) == everything
    assert b"ended (1)" in admin_client.get(LIST, {"_facets": "True"}).content


@pytest.mark.parametrize(
    "lookup",
    [
        "auth_hash",
        "auth_hash__startswith",
        "auth_hash__regex",
        "issued_tokens__key_hash__startswith",
        "user__password__startswith",
        "user__jwt_sessions__auth_hash__startswith",
    ],
)
def test_no_lookup_spells_out_what_no_page_shows(ann: Any, lookup: str) -> None:
    """For whoever may only look. What is shown may be looked up, as in any admin."""
    session = sessions.start(ann).session
    client = staff(("view", Session))
    assert client.get(LIST, {lookup: session.auth_hash[0]}).status_code == 400
    assert listed(client, address__startswith="9") == set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, session: client.get(LIST),
        lambda client, session: act(client, [session]),
        *[
            lambda client, session, _page=page: client.get(page_of(session, _page))
            for page in ("change", "history", "delete", "revoke")
        ],
    ],
    ids=["list", "action", "change", "history", "delete", "revoke"],
)
def test_no_row_is_in_the_report_of_an_error(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    """Those of users hold their encoded passwords, those of sessions a hash."""
    session = sessions.start(ann).session
    rows: list[str] = []

    def fail(model: Any, /, db: Any, names: Any, values: Any, **options: Any) -> Any:
        rows.append(repr(values))
        raise ZeroDivisionError

    monkeypatch.setattr(Session, "from_db", classmethod(fail))
    with pytest.raises(ZeroDivisionError) as raised:
        ask(admin_client, session)
    assert session.auth_hash in rows[0]
    shown = "".join(repr(frame.f_locals) for frame, _ in walk_tb(raised.tb.tb_next))
    assert session.auth_hash not in shown
    assert ann.password not in shown


def test_the_newest_session_comes_first(
    admin_client: Client, ann: Any, clock: time_machine.Traveller
) -> None:
    started = []
    for _ in range(3):
        started.append(sessions.start(ann).session)
        clock.shift(1)
    at_once = {sessions.start(ann).session.pk for _ in range(4)}
    found = admin_client.get(LIST).context["cl"].result_list
    # Databases do not agree in which order UUIDs come.
    assert list(found) == [*Session.objects.filter(pk__in=at_once).order_by("pk"), *started[::-1]]


def test_search_finds_by_user_session_and_token(admin_client: Client, ann: Any) -> None:
    tokens = sessions.start(ann)
    own, old = tokens.session.pk, tokens.session.current_jti
    new = sessions.refresh(tokens.access_token).session.current_jti
    foreign = sessions.start(make_user("bob@example.com")).session.pk
    for term in ("ann@example.com", "ANN", " ann ", str(own), own.hex, f"{own}".upper(), old, new):
        assert listed(admin_client, q=term) == {own}
    assert listed(admin_client, q="example.com") == {own, foreign}


@pytest.mark.parametrize("garbage", ["nobody", "%", "'\"", "-1", str(uuid.UUID(int=0)), "é" * 500])
def test_search_finds_nothing_by_garbage(admin_client: Client, ann: Any, garbage: str) -> None:
    sessions.start(ann)
    assert listed(admin_client, q=garbage) == set()


@pytest.mark.parametrize("nothing", ["", " ", "\x00"])
def test_an_empty_search_finds_everything(admin_client: Client, ann: Any, nothing: str) -> None:
    session = sessions.start(ann).session
    assert listed(admin_client, q=nothing) == {session.pk}


@pytest.mark.parametrize("term", ["ann\x00", "\x00ann", " \x00 "])
def test_a_nul_that_the_search_form_lets_pass_is_ignored(
    rf: RequestFactory, ann: Any, term: str
) -> None:
    session, everything = sessions.start(ann).session, Session.objects.all()
    model_admin = site.get_model_admin(Session)
    found, _ = model_admin.get_search_results(rf.get(LIST), everything, term)
    assert list(found) == [session]


def test_the_list_costs_the_same_however_long_it_is(admin_client: Client) -> None:
    costs = []
    for name in ("ann", "bob"):
        for number in range(5 if name == "ann" else 45):
            sessions.start(make_user(f"{name}{number}@example.com"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(listed(admin_client)) == Session.objects.count()
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_a_session_shows_its_newest_tokens_first(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_admin, "NEWEST", 3)
    tokens = sessions.start(ann)
    sessions.start(ann)
    jtis = [tokens.session.current_jti]
    for _ in range(4):
        tokens = sessions.refresh(tokens.access_token)
        jtis.append(tokens.session.current_jti)
    response = admin_client.get(page_of(tokens.session))
    (inline,) = response.context["inline_admin_formsets"]
    assert [form.instance.jti for form in inline.formset.forms] == jtis[:1:-1]
    assert [jti.encode() in response.content for jti in jtis] == [False, False, True, True, True]
    table = response.content.decode().partition('id="issued_tokens-group"')[2]
    labels = [label.lower() for label in re.findall(r'<th scope="col">([^<]*)</th>', table)]
    assert labels == ["token id (jti)", "now", "generation", "issued at", "expires at"]


def test_pages_never_show_a_token_or_a_hash(admin_client: Client, ann: Any) -> None:
    first = sessions.start(ann)
    second = sessions.refresh(first.access_token, idempotency_key="a key of the client")
    session = second.session
    secrets = [session.auth_hash, IssuedToken.objects.latest("id").key_hash, ann.password]
    for tokens in (first, second):
        secrets += tokens.access_token.split(".")
    act(admin_client, [session], confirmed="yes")
    pages = [LIST, *(page_of(session, what) for what in ("change", "history", "delete"))]
    for page in pages:
        shown = admin_client.get(page).content.decode()
        assert str(session.pk) in shown
        assert not [secret for secret in secrets if secret in shown]


def test_revoking_asks_first_and_says_how_many(admin_client: Client, ann: Any) -> None:
    found = one_of_each(ann)
    more = sessions.start(ann).session
    page = act(admin_client, [*found.values(), more]).content.decode()
    assert "2 sessions will end at once. Their users must log in again." in page
    assert all(f'value="{session.pk}"' in page for session in (*found.values(), more))
    assert "1 session will end at once." in act(admin_client, [more]).content.decode()
    assert states() == ["ended", "live", "live", "revoked"]
    assert not LogEntry.objects.exists()


def test_revoking_ends_the_chosen_sessions_and_is_logged(
    admin_client: Client, admin_user: Any, ann: Any
) -> None:
    found = one_of_each(ann)
    chosen = [sessions.start(ann).session for _ in range(2)]
    response = act(admin_client, [found["revoked"], *chosen], confirmed="yes")
    assert response.status_code == 302
    assert said(response) == ["2 sessions were revoked."]
    assert states() == ["ended", "live", "revoked", "revoked", "revoked"]
    for session in (*chosen, found["revoked"]):
        session.refresh_from_db()
    assert {session.revoked_reason for session in chosen} == {Session.Reason.ADMIN}
    assert found["revoked"].revoked_reason == Session.Reason.LOGOUT
    entries = LogEntry.objects.values_list("object_id", "action_flag", "user")
    expected = {(str(session.pk), CHANGE, admin_user.pk) for session in chosen}
    assert set(entries) == expected
    assert len(entries) == len(expected)


def test_a_session_that_somebody_else_revokes_meanwhile_is_not_counted(
    admin_client: Client, ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoke, first, second = (
        sessions.revoke,
        sessions.start(ann).session,
        sessions.start(ann).session,
    )

    def late(session: Session, reason: str) -> bool:
        if session == second:
            revoke(session, Session.Reason.LOGOUT)
        return revoke(session, reason)

    monkeypatch.setattr(sessions, "revoke", late)
    response = act(admin_client, [first, second], confirmed="yes")
    assert said(response) == ["1 session was revoked."]
    assert LogEntry.objects.get().object_id == str(first.pk)


def test_select_across_revokes_all_that_the_list_would_show(admin_client: Client, ann: Any) -> None:
    theirs = sessions.start(make_user("bob@example.com")).session
    chosen = [sessions.start(ann).session for _ in range(3)]
    query, across = "?q=ann&state=live", {"select_across": "1", "index": "0"}
    asked = act(admin_client, chosen[:1], query, **across)
    assert b"3 sessions will end at once." in asked.content
    assert b'name="select_across" value="1"' in asked.content
    answer = {"select_across": "1", "confirmed": "yes"}
    assert said(act(admin_client, chosen[:1], query, **answer)) == ["3 sessions were revoked."]
    assert list(Session.objects.live()) == [theirs]


def test_without_select_across_only_the_ticked_are_revoked(admin_client: Client, ann: Any) -> None:
    chosen, other = sessions.start(ann).session, sessions.start(ann).session
    asked = act(admin_client, [chosen])
    assert b'name="select_across" value="0"' in asked.content
    act(admin_client, [chosen], select_across="0", confirmed="yes")
    assert list(Session.objects.live()) == [other]


@pytest.mark.parametrize("lookup", ["style", "style__exact", "style__in", "state", "reason"])
def test_no_lookup_asks_for_a_nul(admin_client: Client, lookup: str) -> None:
    """PostgreSQL fails on it."""
    assert admin_client.get(LIST, {lookup: "pair\0"}).status_code == 400


@pytest.mark.parametrize("action", ["revoke_selected", "delete_selected"])
@pytest.mark.parametrize("answer", [{}, {"confirmed": "yes", "post": "yes"}], ids=["ask", "do"])
@pytest.mark.parametrize("chosen", ["junk", "\0", "9" * 40, ""])
def test_an_id_that_is_none_is_a_bad_request(
    admin_client: Client, ann: Any, action: str, answer: dict[str, str], chosen: str
) -> None:
    session = sessions.start(ann).session
    form = {"action": action, "_selected_action": [str(session.pk), chosen], **answer}
    for across in ({}, {"select_across": "0"}, {"select_across": "false"}):
        assert admin_client.post(LIST, form | across).status_code == 400
    assert Session.objects.live().get() == session


def test_whoever_may_only_look_cannot_revoke(ann: Any) -> None:
    session = sessions.start(ann).session
    client = staff(("view", Session))
    page = client.get(LIST)
    assert page.status_code == 200
    assert b"revoke_selected" not in page.content
    act(client, [session], confirmed="yes")
    assert states() == ["live"]
    assert not LogEntry.objects.exists()


def test_whoever_may_change_sessions_can_revoke_and_no_more(ann: Any) -> None:
    session = sessions.start(ann).session
    client = staff(("change", Session))
    assert b'value="revoke_selected"' in client.get(LIST).content
    assert client.post(page_of(session), {"generation": "7"}).status_code == 403
    assert said(act(client, [session], confirmed="yes")) == ["1 session was revoked."]
    assert states() == ["revoked"]


def test_revoking_speaks_korean(admin_client: Client, ann: Any) -> None:
    session = sessions.start(ann).session
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    assert "선택한 세션 해지" in admin_client.get(LIST).content.decode()
    page = act(admin_client, [session]).content.decode()
    assert "<title>세션 해지" in page
    assert "네, 해지합니다" in page
    assert said(act(admin_client, [session], confirmed="yes")) == ["세션 1개를 해지했습니다."]


@with_users
def test_a_user_takes_sessions_and_records_along(admin_client: Client, ann: Any) -> None:
    sessions.refresh(sessions.start(ann).access_token)
    theirs = sessions.start(make_user("bob@example.com")).session
    page = page_of_user(ann, "delete")
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"post": "yes"}).status_code == 302
    assert not get_user_model().objects.filter(pk=ann.pk).exists()
    assert Session.objects.get() == theirs
    assert IssuedToken.objects.get().session == theirs


@with_users
def test_whoever_may_delete_users_needs_no_permission_on_sessions(ann: Any) -> None:
    sessions.start(ann)
    client = staff(("delete", get_user_model()))
    page = page_of_user(ann, "delete")
    assert b'type="submit"' in client.get(page).content
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert not Session.objects.exists()
    assert not IssuedToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_session_is_deleted_by_whoever_may_delete_it_and_that_is_told(
    ann: Any, told: Told
) -> None:
    first, second = (sessions.start(ann).session for _ in range(2))
    client = staff(("delete", Session), ("view", Session))
    told.clear()
    assert client.post(page_of(first, "delete"), {"post": "yes"}).status_code == 302
    act(client, [second], action="delete_selected", post="yes")
    assert not Session.objects.exists()
    assert [(name, facts["session"].pk) for name, facts in told] == [
        ("revoked", first.pk),
        ("revoked", second.pk),
    ]


@pytest.mark.parametrize("action", ["delete", "change"])
def test_whoever_may_not_delete_sessions_cannot_delete_a_single_one(ann: Any, action: str) -> None:
    """Nor if they may delete, or change, users: sessions go with their user, not before."""
    session = sessions.start(ann).session
    client = staff(("view", Session), ("change", Session), (action, get_user_model()))
    assert client.post(page_of(session, "delete"), {"post": "yes"}).status_code == 403
    assert page_of(session, "delete") not in client.get(page_of(session)).content.decode()
    assert "delete_selected" not in client.get(LIST).content.decode()
    act(client, [session], action="delete_selected", post="yes")
    assert Session.objects.get() == session


def test_a_page_says_lengths_and_absences_in_words(admin_client: Client, ann: Any) -> None:
    session = sessions.start(ann).session
    page = admin_client.get(page_of(session)).content.decode()
    assert "30 minutes" in page
    assert page.count('<div class="readonly">-</div>') >= 3
    lifetimes = {"lifetime": timedelta(minutes=90), "refresh_lifetime": timedelta(days=14)}
    Session.objects.filter(pk=session.pk).update(**lifetimes)
    page = admin_client.get(page_of(session)).content.decode()
    assert "1 hour, 30 minutes" in page
    assert "14 days" in page


def test_a_page_explains_its_rows(admin_client: Client, ann: Any) -> None:
    page = admin_client.get(page_of(sessions.start(ann).session)).content.decode()
    for help_text in admin.SessionAdmin.help_texts.values():
        assert str(help_text) in page
    for label in (
        *("State", "Program", "Last used", "Lifetime of a JWT", "Lifetime of a refresh token"),
        *("Ends unless refreshed by", "Ends at the latest", "Refreshes"),
        "Newest token first used",
    ):
        assert f"{label}:" in page
    names = "standing user program address started_at last_used expires_at ends_at revoked_at"
    names += " style how_long refresh_how_long generation confirmed_at jkt id agent amr"
    assert [name for name in names.split() if f" field-{name}" not in page] == []
    speak_for_themselves = {"user", "revoked_at", "agent", "amr"}
    assert admin.SessionAdmin.help_texts.keys() == {*names.split()} - speak_for_themselves


def test_a_page_names_the_key_of_a_bound_session(admin_client: Client, ann: Any) -> None:
    key = ProofKey().jkt
    bound, loose = (sessions.start(ann, jkt=jkt).session for jkt in (key, ""))
    assert key in admin_client.get(page_of(bound)).content.decode()
    assert "Bound to the key:" in admin_client.get(page_of(loose)).content.decode()


def test_the_last_use_is_told_to_the_hour(
    admin_client: Client, ann: Any, clock: time_machine.Traveller
) -> None:
    clock.shift(50 * 60)
    tokens = sessions.start(ann)
    clock.shift(25 * 60)
    session = sessions.refresh(tokens.access_token).session
    for page in (LIST, page_of(session)):
        shown = admin_client.get(page).content.decode()
        # Ten to one in London and a quarter past, as they are told in Seoul.
        assert "Nov. 24, 2026, 9:50 p.m." in shown
        assert "Nov. 24, 2026, 10 p.m." in shown
        assert "10:15 p.m." not in shown.partition('id="issued_tokens-group"')[0]


@with_users
def test_whoever_may_delete_users_may_delete_sessions_on_their_page_alone(
    ann: Any, rf: RequestFactory
) -> None:
    session = sessions.start(ann).session
    request = rf.get("/")
    request.user = staff(("delete", get_user_model())).get("/admin/").wsgi_request.user
    session_admin = site.get_model_admin(Session)
    pages = [resolve(page_of_user(ann, "delete")), resolve(page_of(session, "delete")), None]
    found = []
    for request.resolver_match in pages:
        found += [session_admin.has_delete_permission(request, it) for it in (session, None)]
    assert found == [True, *[False] * 5]
