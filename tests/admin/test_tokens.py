from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.test import Client
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from tests.support.backups import Backup
from tests.support.devices import PAIR, make_user
from tests.support.proofs import ProofKey

from .pages import (
    LIST,
    SECOND,
    TOKENS,
    page_of,
    page_of_token,
    page_of_user,
    rows,
    staff,
    with_users,
)


def refreshed(user: Any, times: int) -> Session:
    tokens = sessions.start(user)
    for _ in range(times):
        tokens = sessions.refresh(tokens.access_token)
    return tokens.session


def states(client: Client) -> list[str]:
    """The state of each token in the list, the oldest first."""
    page = client.get(TOKENS).content.decode()
    cells = re.findall(r'<td class="field-now"><span class="jwt-refresh-(\w+)">(\w+)</span>', page)
    assert all(name == word for name, word in cells)
    return [word for _, word in cells[::-1]]


def jtis(client: Client, term: str) -> set[str]:
    return {token.jti for token in rows(client, TOKENS, q=term)}


def test_the_index_leads_to_the_issued_tokens(admin_client: Client) -> None:
    index = admin_client.get("/admin/").content.decode()
    assert f'<a href="{TOKENS}"' in index
    assert "Issued tokens" in index


def test_a_row_says_whose_and_which_and_when(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 1)
    page = admin_client.get(TOKENS).content.decode()
    columns = ["jti", "now", "user", "of_session", "generation", "issued_at", "expires_at"]
    places = [page.index(f'"column-{name}') for name in columns]
    assert places == sorted(places)
    assert session.current_jti in page
    assert "ann@example.com" in page
    assert page.count(f'<a href="{page_of(session)}">live</a>') == 2
    assert '<td class="field-generation">1</td>' in page


@pytest.mark.parametrize("style", [{}, PAIR], ids=["sliding", "pair"])
def test_a_token_is_current_superseded_displaced_or_expired(
    admin_client: Client,
    ann: Any,
    clock: time_machine.Traveller,
    settings: Any,
    style: dict[str, Any],
) -> None:
    settings.JWT_REFRESH = style
    first = sessions.start(ann)
    clock.shift(60)
    answer = sessions.refresh(first.refresh_token or first.access_token)
    assert states(admin_client) == ["superseded", "current"]
    clock.shift(180)
    # The answer was lost, and its client asks once more: another token takes its place.
    instead = sessions.refresh(first.refresh_token or first.access_token)
    assert instead.session.generation == answer.session.generation == 1
    assert states(admin_client) == ["superseded", "displaced", "current"]
    clock.shift(60)
    sessions.refresh(instead.refresh_token or instead.access_token)
    assert states(admin_client) == ["superseded", "displaced", "superseded", "current"]
    theirs = sessions.start(make_user("bob@example.com")).session
    assert states(admin_client)[:-1] == ["superseded", "displaced", "superseded", "current"]
    theirs.delete()
    expired = IssuedToken.objects.filter(jti__in=[first.session.current_jti])
    expired.update(expires_at=timezone.now())
    assert states(admin_client) == ["expired", "displaced", "superseded", "current"]


def test_a_token_that_the_database_lost_is_on_no_page_until_its_client_refreshes(
    admin_client: Client, ann: Any, clock: time_machine.Traveller
) -> None:
    first = sessions.start(ann)
    backup = Backup(first.session.pk)
    lost = sessions.refresh(first.access_token)
    backup.restore()
    clock.shift(1)
    assert jtis(admin_client, lost.session.current_jti) == set()
    assert states(admin_client) == ["current"]
    sessions.refresh(lost.access_token)
    (record,) = rows(admin_client, TOKENS, q=lost.session.current_jti)
    assert (record.generation, record.issued_at) == (1, lost.session.issued_at)
    assert record.expires_at == lost.session.expires_at
    assert states(admin_client) == ["superseded", "superseded", "current"]


def test_the_newest_tokens_of_a_session_come_first_whatever_their_ids(
    admin_client: Client, ann: Any, clock: time_machine.Traveller
) -> None:
    """On a cluster with several primaries they do not grow with time."""
    session = refreshed(ann, 3)
    for record in session.issued_tokens.all():
        IssuedToken.objects.filter(pk=record.pk).update(id=10**6 - record.pk)
    page = admin_client.get(page_of(session)).content.decode()
    assert re.findall(r"<td>(\d)</td>", page) == ["3", "2", "1", "0"]


def deactivate(session: Session) -> None:
    get_user_model().objects.filter(pk=session.user_id).update(is_active=False)


def change_password(session: Session) -> None:
    session.user.set_password("another")
    session.user.save()


@pytest.mark.parametrize(
    ("over", "why"),
    [
        (lambda session: sessions.revoke(session, "lost"), "lost"),
        (
            lambda session: Session.objects.update(expires_at=timezone.now()),
            "not refreshed in time",
        ),
        (lambda session: Session.objects.update(ends_at=timezone.now()), "reached its latest end"),
        (deactivate, "but its user may not log in"),
        (change_password, "but the password was changed"),
    ],
)
def test_the_tokens_of_a_session_that_is_over_are_void(
    admin_client: Client, ann: Any, over: Any, why: str
) -> None:
    session = refreshed(ann, 1)
    IssuedToken.objects.filter(generation=0).update(expires_at=timezone.now() - SECOND)
    assert states(admin_client) == ["expired", "current"]
    over(session)
    assert states(admin_client) == ["void", "void"]
    for page in (LIST, page_of(session)):
        assert f"<bdi>{why}</bdi>" in admin_client.get(page).content.decode()
    token = IssuedToken.objects.all()[0]
    assert b"Its session is over, or of no use" in admin_client.get(page_of_token(token)).content


class StaffAlone(ModelBackend):
    """The backend of a project that is closed to its customers for a while."""

    def user_can_authenticate(self, user: Any) -> bool:
        return bool(user.is_staff) and super().user_can_authenticate(user)


def test_whom_the_backends_refuse_has_no_use_of_a_token(
    admin_client: Client, admin_user: Any, ann: Any, settings: Any
) -> None:
    """The page follows the rule by which requests are refused."""
    refreshed(ann, 1)
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.StaffAlone"]
    admin_client.force_login(admin_user)
    assert states(admin_client) == ["void", "void"]
    assert b"<bdi>but its user may not log in</bdi>" in admin_client.get(LIST).content


def test_a_superseded_token_of_a_bound_session_is_no_danger_to_it(
    admin_client: Client, ann: Any
) -> None:
    session = refreshed(ann, 1)
    token = session.issued_tokens.get(generation=0)
    for jkt, end in ((ProofKey().jkt, "it gets that one again."), ("", "late, the session ends.")):
        Session.objects.update(jkt=jkt)
        assert end in admin_client.get(page_of_token(token)).content.decode()


def test_a_page_says_in_words_what_a_token_is(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 2)
    meanings = {
        2: "The newest token of its session: the next refresh presents it.",
        1: "A successor took its place. If it comes back late, the session ends.",
    }
    for generation, meaning in meanings.items():
        token = session.issued_tokens.get(generation=generation)
        page = admin_client.get(page_of_token(token)).content.decode()
        assert meaning in page
        assert token.jti in page
        for help_text in (
            "How often its session had been refreshed when it was issued.",
            "The record; not the token, which is kept nowhere.",
            "As the token itself says it.",
        ):
            assert help_text in page
        assert ">Now:<" in page
        names = "now_in_words jti user session generation issued_at expires_at"
        assert [name for name in names.split() if f" field-{name}" not in page] == []


@with_users
def test_links_lead_both_ways_and_to_the_user(admin_client: Client, ann: Any) -> None:
    session, other = refreshed(ann, 1), refreshed(ann, 0)
    page = admin_client.get(page_of(session)).content.decode()
    for token in session.issued_tokens.all():
        assert f'<a href="{page_of_token(token)}">{token.jti}</a>' in page
        assert page.count(token.jti) == 1
        back = admin_client.get(page_of_token(token)).content.decode()
        assert f'<a href="{page_of(session)}">{session.pk}</a>' in back
        assert f'<a href="{page_of_user(ann, "change")}">ann@example.com</a>' in back
    (link,) = re.findall(rf'href="({TOKENS}\?[^"]*)"', page)
    response = admin_client.get(link)
    assert b'data-filter-title="session"' in response.content
    found = response.context["cl"].result_list
    assert {token.session_id for token in found} == {session.pk}
    assert len(found) == 2
    assert str(other.pk) not in page


@with_users
def test_a_site_with_tokens_alone_names_what_has_no_page_there(
    admin_client: Client, ann: Any
) -> None:
    token = refreshed(ann, 0).issued_tokens.get()
    place = "/tokens/jwt_refresh/issuedtoken/"
    overview = admin_client.get(place).content.decode()
    assert "<bdi>ann@example.com</bdi>" in overview
    assert "<bdi>live</bdi>" in overview
    page = admin_client.get(f"{place}{token.pk}/change/").content.decode()
    assert "<bdi>ann@example.com</bdi>" in page
    assert str(token.session_id) in page
    assert "/admin/jwt_refresh" not in overview + page
    assert 'href=""' not in page


def test_whoever_may_see_sessions_alone_gets_no_link_to_tokens(ann: Any) -> None:
    session = refreshed(ann, 0)
    client = staff(("view", Session))
    assert "issuedtoken" not in client.get(page_of(session)).content.decode()
    assert client.get(TOKENS).status_code == 403


def test_a_session_whose_records_were_purged_says_so(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 0)
    IssuedToken.objects.all().delete()
    assert b"No unexpired token is on record." in admin_client.get(page_of(session)).content


def test_search_finds_by_token_session_and_user(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 1)
    theirs = refreshed(make_user("bob@example.com"), 0)
    own = {token.jti for token in session.issued_tokens.all()}
    assert jtis(admin_client, session.current_jti) == {session.current_jti}
    assert jtis(admin_client, f" {session.current_jti[:12]} ") == {session.current_jti}
    for term in (str(session.pk), session.pk.hex, "ann@example.com", "ann", "nn@ex"):
        assert jtis(admin_client, term) == own
    assert jtis(admin_client, "example.com") == own | {theirs.current_jti}
    for garbage in ("nobody", "%", "'\"", "é" * 500):
        assert jtis(admin_client, garbage) == set()


@pytest.mark.parametrize(
    "lookup",
    [
        "key_hash__startswith",
        "session__auth_hash__startswith",
        "session__user__password__startswith",
        "session__user__is_superuser__exact",
    ],
)
def test_no_lookup_spells_out_what_no_page_shows(
    admin_client: Client, ann: Any, lookup: str
) -> None:
    refreshed(ann, 0)
    assert admin_client.get(TOKENS, {lookup: "a"}).status_code == 400


def test_tokens_are_neither_added_nor_changed_nor_deleted(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 0)
    token = session.issued_tokens.get()
    before = IssuedToken.objects.values().get()
    overview = admin_client.get(TOKENS).content.decode()
    assert '<select name="action"' not in overview
    assert f"{TOKENS}add/" not in overview
    page = admin_client.get(page_of_token(token)).content.decode()
    assert 'name="_save"' not in page
    assert page_of_token(token, "delete") not in page
    for address in (f"{TOKENS}add/", page_of_token(token), page_of_token(token, "delete")):
        assert admin_client.post(address, {"post": "yes", "jti": "x"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [str(token.pk)], "post": "yes"}
    admin_client.post(TOKENS, form)
    assert IssuedToken.objects.values().get() == before
    assert not LogEntry.objects.exists()


@with_users
@pytest.mark.parametrize("model", [Session, get_user_model()])
def test_tokens_go_along_with_a_session_or_user_that_may_be_deleted(ann: Any, model: Any) -> None:
    session = refreshed(ann, 1)
    client = staff(("delete", model))
    page = page_of(session, "delete") if model is Session else page_of_user(ann, "delete")
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert not IssuedToken.objects.exists()


@with_users
def test_whoever_may_see_no_token_has_none_in_the_index(ann: Any) -> None:
    client = staff(("view", Session), ("delete", Session), ("delete", get_user_model()))
    page = client.get("/admin/").content.decode()
    assert "Sessions" in page
    assert "Issued tokens" not in page


def test_pages_of_tokens_never_show_a_token_or_a_hash(admin_client: Client, ann: Any) -> None:
    first = sessions.start(ann)
    second = sessions.refresh(first.access_token, idempotency_key="a key of the client")
    token = IssuedToken.objects.latest("id")
    secrets = [second.session.auth_hash, token.key_hash, ann.password, "a key of the client"]
    for tokens in (first, second):
        secrets += tokens.access_token.split(".")
    for page in (TOKENS, page_of_token(token), page_of_token(token, "history")):
        shown = admin_client.get(page).content.decode()
        assert token.jti in shown
        assert not [secret for secret in secrets if secret in shown]


HOSTILE = "<script>alert(1)</script>"


def test_a_hostile_name_is_text_on_the_pages_of_tokens(admin_client: Client, ann: Any) -> None:
    type(ann).objects.filter(pk=ann.pk).update(**{ann.USERNAME_FIELD: HOSTILE})
    ann.refresh_from_db()
    session = refreshed(ann, 0)
    Session.objects.update(revoked_at=timezone.now(), revoked_reason=HOSTILE)
    token = session.issued_tokens.get()
    for page in (TOKENS, page_of_token(token), LIST, page_of(session), page_of(session, "delete")):
        shown = admin_client.get(page).content.decode()
        assert HOSTILE not in shown
    assert "&lt;script&gt;" in admin_client.get(TOKENS).content.decode()


def test_the_pages_speak_korean(admin_client: Client, ann: Any) -> None:
    session = refreshed(ann, 1)
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    page = admin_client.get(TOKENS).content.decode()
    assert "교체됨" in page
    assert "현재 토큰" in page
    assert "발급된 토큰" in admin_client.get(page_of(session)).content.decode()
