"""Tokens that we did sign, at every place that takes one: what they are good for no longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import PAIR, make_user
from tests.support.honest import Honest, malleated, ring_of, settings_of
from tests.support.statements import statements

from .places import (
    GUARDED,
    LOGOUT,
    OPTIONAL,
    OTHER_SID,
    REFRESH,
    STATELESS,
    VERIFY,
    Place,
    check_refusal,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("committing")]

MINUTE = 60


class Login:
    """A session, its user, the clock; ``token`` is what it was issued last."""

    def __init__(self, user: Any, clock: Any) -> None:
        self.user, self.clock = user, clock
        self.first = self.last = sessions.start(user)
        self.session = self.first.session

    @property
    def token(self) -> str:
        return self.last.access_token

    def honest(self, algorithm: str = "HS256") -> Honest:
        return Honest(self.token, ring_of(algorithm))

    def refresh(self) -> None:
        """Long after the last time, and the successor is used."""
        self.clock.shift(10 * MINUTE)
        self.last = sessions.refresh(self.last.refresh_token or self.token)
        GUARDED[0].send(self.token)

    def revoke(self) -> None:
        sessions.revoke(self.session, "stolen")

    def change_user(self, **fields: Any) -> None:
        get_user_model()._default_manager.filter(pk=self.user.pk).update(**fields)


def malleated_and_revoked(login: Login) -> str:
    """A08: a text that no denylist of texts has seen, with a signature that holds."""
    login.revoke()
    honest = login.honest("ES256")
    return honest.resigned(malleated(honest.signature))


def parent(login: Login) -> str:
    first = login.token
    login.refresh()
    login.clock.shift(MINUTE)
    return first


def grandparent(login: Login) -> str:
    first = login.token
    login.refresh()
    login.refresh()
    return first


def without_record(login: Login) -> str:
    first = grandparent(login)
    IssuedToken.objects.all().delete()
    return first


def after_reuse(login: Login) -> str:
    assert REFRESH.send(parent(login)).json()["code"] == "token_reused"
    return login.token


def after_revocation(login: Login) -> str:
    login.revoke()
    return login.token


def after_purge(login: Login) -> str:
    login.revoke()
    sessions.purge()
    assert not Session.objects.exists()
    return login.token


def of_the_family(login: Login) -> str:
    """A32: logging out with one token ends the other one as well."""
    first = login.token
    login.clock.shift(MINUTE)
    login.last = sessions.refresh(first)
    assert LOGOUT.send(login.token).status_code == 204
    return first


def of_an_inactive_user(login: Login) -> str:
    login.change_user(is_active=False)
    return login.token


def after_a_new_password(login: Login) -> str:
    login.change_user(password="of another hash")
    return login.token


def of_a_deleted_user(login: Login) -> str:
    login.user.delete()
    return login.token


def past_its_end(login: Login) -> str:
    """A31: the session is over, whatever the token says of itself."""
    Session.objects.update(ends_at=timezone.now())
    return login.token


def with_claims(**claims: Any) -> Callable[[Login], str]:
    return lambda login: login.honest().with_claims(**claims)


def of_somebody_else(login: Login) -> str:
    other = make_user("bob@example.com")
    return login.honest().with_claims(sub=str(other.pk))


def of_nobody(login: Login) -> str:
    other = make_user("bob@example.com")
    sub = str(other.pk)
    other.delete()
    return login.honest().with_claims(sid=OTHER_SID, sub=sub)


def on_a_session_of_somebody_else(login: Login) -> str:
    other = sessions.start(make_user("bob@example.com")).session
    return login.honest().with_claims(sid=str(other.pk))


def spelt(form: str) -> Callable[[Login], str]:
    return lambda login: login.honest().with_claims(sub=form.format(login.user.pk))


Expected = tuple[int, str, int]
"""Status, code, and statements."""
GOOD, DONE = (200, "", 0), (204, "", 2)


class Row(NamedTuple):
    """A token, and what is said to it: where the database is asked, and where it is not.

    Who asks no database hears of an end through the denylist, and of a user who is inactive, or
    has a new password, once a request was refused for that.
    """

    prepare: Callable[[Login], str]
    api: Expected
    stateless: Expected = GOOD
    refresh: Expected | None = None
    logout: Expected = DONE
    algorithm: str = "HS256"
    ends: bool = False
    """The first request that is refused ends the session."""

    def at(self, place: Place) -> Expected:
        by_place = {STATELESS: self.stateless, REFRESH: self.refresh, LOGOUT: self.logout}
        return by_place.get(place) or self.api

    def more_at_first(self, place: Place) -> int:
        """How many statements that takes: the end, and, for the denylist, what was not read yet."""
        if not self.ends or place in (STATELESS, LOGOUT):
            return 0
        return 1 if place in (VERIFY, REFRESH) else 2


REVOKED = (401, "session_revoked", 1)
LISTED = (401, "session_revoked", 0)
GONE = (401, "user_inactive", 2)
NOT_THE_USER = (401, "token_invalid", 1)
ROWS = {
    "A08 a malleated signature": Row(malleated_and_revoked, REVOKED, LISTED, algorithm="ES256"),
    "A29 of a session that a reuse ended": Row(after_reuse, REVOKED, LISTED),
    "A29 of a session that was revoked": Row(after_revocation, REVOKED, LISTED),
    "A29 of a session that was purged": Row(
        after_purge, (401, "session_revoked", 2), LISTED, logout=(204, "", 1)
    ),
    "A31 of an inactive user": Row(of_an_inactive_user, (401, "user_inactive", 1), ends=True),
    "A31 of before a new password": Row(
        after_a_new_password, (401, "password_changed", 1), ends=True
    ),
    "A31 of a deleted user": Row(of_a_deleted_user, GONE, LISTED, logout=(204, "", 1)),
    "A31 past the end of the session": Row(past_its_end, REVOKED),
    "A32 the other token of the family": Row(of_the_family, REVOKED, LISTED),
    "A33 of another user": Row(of_somebody_else, NOT_THE_USER),
    "A33 on a session of another user": Row(on_a_session_of_somebody_else, NOT_THE_USER),
    **{
        f"A33 sub spelt {form!r}": Row(spelt(form), NOT_THE_USER)
        for form in (" {}", "{} ", "0{}", "{}.0", "+{}", "{}_0", "{}\u0660")
    },
    "A33 sub of 255 characters": Row(with_claims(sub="1" * 255), NOT_THE_USER),
    "A33 no such session": Row(
        with_claims(sid=OTHER_SID), (401, "session_revoked", 2), logout=(204, "", 1)
    ),
    "A33 no such session, no such user": Row(of_nobody, GONE, logout=(204, "", 1)),
    "A33 no such session, a user of letters": Row(
        with_claims(sid=OTHER_SID, sub="x" * 255), (401, "user_inactive", 1), logout=(204, "", 1)
    ),
    "A33 a session of letters": Row(
        with_claims(sid="x'--"), LISTED, LISTED, logout=(401, "session_revoked", 0)
    ),
}
PLACES = [*GUARDED, STATELESS, OPTIONAL, VERIFY, REFRESH, LOGOUT]
BODY = REFRESH._replace(member="refresh_token")


@pytest.fixture
def committing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the transaction around a test nothing is ever committed: what waits for it, does not."""
    monkeypatch.setattr(transaction, "on_commit", lambda act, using, robust: act())


@pytest.fixture
def login(ann: Any, settings: Any, clock: Any, request: pytest.FixtureRequest) -> Login:
    """With the keys of an algorithm in force."""
    settings.JWT_REFRESH = settings_of(ring_of(getattr(request, "param", "HS256")))
    return Login(ann, clock)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.path)
@pytest.mark.parametrize(
    ("row", "login"),
    [pytest.param(row, row.algorithm, id=name) for name, row in ROWS.items()],
    indirect=["login"],
)
def test_what_is_over_is_good_for_nothing(login: Login, row: Row, place: Place) -> None:
    token = row.prepare(login)
    status, code, count = row.at(place)
    for more in (row.more_at_first(place), 0) if row.ends else (0,):
        with statements(count + more):
            response = place.send(token)
        if code:
            check_refusal(response, place, status, code)
        else:
            assert response.status_code == status


@pytest.mark.parametrize(("prepare", "count"), [(parent, 2), (grandparent, 3), (without_record, 3)])
def test_a29_a_replay_ends_the_session(login: Login, prepare: Any, count: int) -> None:
    """Read the session, and its records where they count; end it."""
    replayed = prepare(login)
    with statements(count):
        check_refusal(REFRESH.send(replayed), REFRESH, 401, "token_reused")
    for token in (replayed, login.token):
        for place in (*GUARDED, STATELESS, OPTIONAL, VERIFY, REFRESH):
            check_refusal(place.send(token), place, 401, "session_revoked")


def test_a29_a_purge_forgets_no_replay(login: Login) -> None:
    replayed = grandparent(login)
    sessions.purge(keep=timedelta(0))
    check_refusal(REFRESH.send(replayed), REFRESH, 401, "token_reused")


@pytest.mark.parametrize("login", ["ES256"], indirect=True)
def test_a08_another_spelling_is_the_same_token(login: Login) -> None:
    """Its signature holds, so it is refreshed; its reuse is one all the same."""
    honest = login.honest("ES256")
    other = honest.resigned(malleated(honest.signature))
    assert other != honest.encoded
    login.last = sessions.refresh(other)
    assert sessions.refresh(honest.encoded).session.current_jti == login.last.session.current_jti
    GUARDED[0].send(login.token)
    login.clock.shift(MINUTE)
    check_refusal(REFRESH.send(other), REFRESH, 401, "token_reused")
    check_refusal(GUARDED[0].send(login.token), GUARDED[0], 401, "session_revoked")


@pytest.fixture
def pair(ann: Any, settings: Any, clock: Any) -> Login:
    settings.JWT_REFRESH = settings_of(ring_of("EdDSA")) | PAIR
    return Login(ann, clock)


def test_a25_a_refresh_token_authenticates_nobody(pair: Login) -> None:
    token = pair.last.refresh_token or ""
    with statements(0):
        for place in (*GUARDED, STATELESS, OPTIONAL):
            check_refusal(place.send(token), place, 401, "token_invalid")


def test_a25_an_access_token_refreshes_nothing(pair: Login) -> None:
    with statements(0):
        for place in (REFRESH, REFRESH._replace(member="token"), BODY):
            check_refusal(place.send(pair.token), place, 401, "token_invalid")


def test_a25_a_session_of_a_pair_takes_no_other_kind(pair: Login) -> None:
    """Should our own key ever sign one: the style of the session decides."""
    sliding = pair.honest("EdDSA").with_header(typ="sliding+jwt")
    for place in (*GUARDED, OPTIONAL, VERIFY, REFRESH):
        with statements(1):
            check_refusal(place.send(sliding), place, 401, "token_invalid")


def test_a25_a_sliding_session_takes_no_other_kind(login: Login) -> None:
    with statements(1):
        refresh_token = login.honest().with_header(typ="rt+jwt")
        check_refusal(REFRESH.send(refresh_token), REFRESH, 401, "token_invalid")
    honest = Honest(login.honest().with_header(typ="at+jwt"), ring_of("HS256"))
    access_token = honest.with_claims(origin_jti=honest.claims["jti"])
    for place in (*GUARDED, OPTIONAL, VERIFY):
        with statements(1):
            check_refusal(place.send(access_token), place, 401, "token_invalid")


@pytest.mark.parametrize(("idle", "code"), [(14, "token_expired"), (13, "")])
def test_a31_a_session_that_lay_idle_is_over(pair: Login, idle: int, code: str) -> None:
    pair.clock.shift(timedelta(days=idle))
    response = BODY.send(pair.last.refresh_token or "")
    assert response.json().get("code", "") == code


def test_a31_no_refresh_moves_the_end_of_a_session(pair: Login) -> None:
    for _ in range(3):
        pair.clock.shift(timedelta(days=9))
        pair.last = sessions.refresh(pair.last.refresh_token or "")
    assert pair.last.refresh_expires_in == 3 * 24 * 60 * MINUTE
    pair.clock.shift(timedelta(days=3))
    response = BODY.send(pair.last.refresh_token or "")
    check_refusal(response, BODY, 401, "token_expired")


def test_a32_an_access_token_dies_with_its_session(pair: Login) -> None:
    refresh_token = pair.last.refresh_token or ""
    assert LOGOUT.send(refresh_token).status_code == 204
    for place in (*GUARDED, STATELESS, OPTIONAL, VERIFY):
        check_refusal(place.send(pair.token), place, 401, "session_revoked")
    check_refusal(BODY.send(refresh_token), BODY, 401, "session_revoked")
