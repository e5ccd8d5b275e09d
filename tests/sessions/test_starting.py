"""The start of a session, called from Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import signals
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.tokens import default_token_generator
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from jwt_refresh import sessions
from jwt_refresh.authentication import aauthenticate
from jwt_refresh.exceptions import SessionRevoked, UserInactive
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import checking, starting
from jwt_refresh.signals import session_started
from tests.support.devices import Device, make_user
from tests.support.http import said
from tests.support.statements import made, statements
from tests.support.threads import race
from tests.support.told import Told, connected, names

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LOCKS = int(connections["default"].features.has_select_for_update)
"""Where logins take turns by themselves, no lock is asked for."""
LAST_LOGIN = 1
"""Django's own receiver of ``user_logged_in`` notes the time."""


def test_an_inactive_user_starts_no_session(ann: Any) -> None:
    ann.is_active = False
    with pytest.raises(UserInactive, match=r"^inactive at login$"):
        sessions.start(ann)
    assert not Session.objects.exists()


def test_a_user_who_is_deleted_meanwhile_starts_no_session(ann: Any, told: Told) -> None:
    """Whatever sessions others have."""
    theirs = sessions.start(make_user("bob@example.com")).session
    type(ann)._default_manager.filter(pk=ann.pk).delete()
    told.clear()
    with pytest.raises(UserInactive, match=r"^deleted during login$"):
        sessions.start(ann)
    assert Session.objects.get() == theirs
    assert not told


def test_a_user_who_is_deleted_before_the_login_is_noted_is_gone(ann: Any) -> None:
    """Whoever else there is."""
    make_user("bob@example.com")

    def delete(**facts: Any) -> None:
        type(ann)._default_manager.filter(pk=ann.pk).delete()

    with (
        connected(session_started, delete),
        pytest.raises(UserInactive, match=r"^deleted during login$"),
    ):
        sessions.start(ann)


@pytest.mark.parametrize(("login", "count"), [(True, 3 + LAST_LOGIN), (False, 3)])
def test_start_is_a_count_and_two_inserts_in_the_callers_transaction(
    ann: Any, told: Told, login: bool, count: int
) -> None:
    with statements(count):
        sessions.start(ann, login=login)
    with transaction.atomic():
        sessions.start(ann)
        transaction.set_rollback(True)
    assert (Session.objects.count(), names(told)) == (1, ["started"])


def test_a_start_that_lost_its_transaction_tries_again(ann: Any) -> None:
    failures = iter([OperationalError("deadlock detected")] * 2)

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for error in failures if "issuedtoken" in sql else ():
            raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        tokens = sessions.start(ann)
    assert checking.authenticate(tokens.access_token, None)[0].user == ann
    assert (Session.objects.count(), IssuedToken.objects.count()) == (1, 1)


# A login, for Django as well


class Receiver:
    """Notes what ``user_logged_in`` says, and whom the request is of by then."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def __call__(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        live = Session.objects.live().of_user(user).count()
        self.heard.append((sender, request, user, request.user, live))


@pytest.fixture
def heard() -> Any:
    receiver = Receiver()
    with connected(signals.user_logged_in, receiver):
        yield receiver.heard


def test_a_start_is_a_login(ann: Any, heard: Any, rf: Any) -> None:
    request = rf.post("/")
    lazy: Any = SimpleLazyObject(lambda: ann)
    sessions.start(lazy, request)
    assert heard == [(type(ann), request, ann, ann, 1)]
    assert heard[0][1] is request
    assert async_to_sync(request.auser)() == ann


def test_a_request_of_rest_framework_is_told_as_the_one_of_django(
    ann: Any, heard: Any, rf: Any
) -> None:
    request = rf.post("/")
    sessions.start(ann, Request(request))
    assert heard[0][1] is request


def test_receivers_are_promised_a_request(ann: Any, heard: Any) -> None:
    """As Django's test client gives them an empty one."""
    sessions.start(ann)
    ((_, request, *rest),) = heard
    assert (type(request), rest) == (HttpRequest, [ann, ann, 1])


def test_a_link_that_is_good_for_one_login_is_used_up(ann: Any) -> None:
    link = default_token_generator.make_token(ann)
    assert default_token_generator.check_token(ann, link)
    sessions.start(ann)
    ann.refresh_from_db()
    assert ann.last_login is not None
    assert not default_token_generator.check_token(ann, link)


def test_whoever_looks_through_the_eyes_of_a_user_does_not_log_them_in(
    ann: Any, heard: Any, rf: Any, told: Told
) -> None:
    request = rf.post("/")
    request.user = staff = make_user("staff@example.com")
    tokens = sessions.start(ann, request, login=False)
    assert checking.authenticate(tokens.access_token, None)[0].user == ann
    ann.refresh_from_db()
    assert (heard, request.user, ann.last_login) == ([], staff, None)
    assert names(told) == ["started"]


@pytest.mark.parametrize(("failures", "atomic"), [(2, False), (3, False), (1, True)])
def test_a_receiver_that_meets_a_deadlock_is_asked_again(
    ann: Any, heard: Any, failures: int, atomic: bool
) -> None:
    """As often as we would try ourselves, and not in a transaction that it took along."""
    raising = iter([OperationalError("deadlock found")] * failures)

    def fail(**facts: Any) -> None:
        for error in raising:
            raise error

    serves = failures == 2
    with (
        connected(signals.user_logged_in, fail),
        nullcontext() if serves else pytest.raises(OperationalError, match="deadlock found"),
        transaction.atomic() if atomic else nullcontext(),
    ):
        sessions.start(ann)
    assert len(heard) == failures + serves
    assert Session.objects.count() == (not atomic)


@pytest.mark.parametrize("atomic", [False, True])
def test_trouble_of_a_receiver_is_shown_as_it_is(ann: Any, atomic: bool) -> None:
    def fail(user: Any, **facts: Any) -> None:
        with transaction.atomic(savepoint=False):
            raise DatabaseError("a receiver's own")

    with (
        connected(signals.user_logged_in, fail),
        pytest.raises(DatabaseError, match="a receiver's own"),
        transaction.atomic() if atomic else nullcontext(),
    ):
        sessions.start(ann)


# Who may log in


class Suspending(ModelBackend):
    """Knows more of a user than whether they are active."""

    suspended: ClassVar[set[Any]] = set()

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.pk not in self.suspended


class Asking(BaseBackend):
    """Has no opinion."""


MODEL = "django.contrib.auth.backends.ModelBackend"
ALL_USERS = "django.contrib.auth.backends.AllowAllUsersModelBackend"
SUSPENDING, ASKING = f"{__name__}.Suspending", f"{__name__}.Asking"


@pytest.mark.parametrize(
    ("backends", "suspended", "active", "good"),
    [
        ([SUSPENDING], False, True, True),
        ([SUSPENDING], True, True, False),
        ([SUSPENDING], False, False, False),
        ([ASKING, SUSPENDING], True, True, False),
        ([SUSPENDING, MODEL], True, True, True),
        ([MODEL], False, False, False),
        ([ASKING], False, True, True),
        ([ASKING], False, False, False),
        ([ALL_USERS], False, False, True),
        ([ASKING, ALL_USERS], False, False, True),
    ],
)
@pytest.mark.usefixtures("style")
def test_the_backends_of_the_project_say_who_may_be_and_stay_logged_in(
    phone: Device,
    settings: Any,
    monkeypatch: Any,
    backends: list[str],
    suspended: bool,
    active: bool,
    good: bool,
) -> None:
    phone.login()
    phone.get()
    settings.AUTHENTICATION_BACKENDS = backends
    monkeypatch.setattr(Suspending, "suspended", {phone.user.pk} if suspended else set())
    type(phone.user)._default_manager.update(is_active=active)
    phone.user.refresh_from_db()
    uses: list[Callable[[], Any]] = [phone.get, lambda: phone.get("/hello/"), phone.verify]
    for number, present in enumerate(uses):
        # The first refusal also writes the end of the session.
        with statements(1 if good or number else 2):
            response = present()
        assert response.status_code == (200 if good else 401)
        assert good or said(response)[1] == "user_inactive"
    assert phone.refresh().status_code == (200 if good else 401)
    if good:
        sessions.start(phone.user)
    else:
        with pytest.raises(UserInactive, match=r"^inactive at login$"):
            sessions.start(phone.user)
    if backends[0] != ASKING:
        assert phone.login().status_code == (200 if good else 401)


# MAX_SESSIONS


def test_a_newer_login_revokes_the_session_refreshed_least_recently(
    ann: Any, settings: Any, told: Told
) -> None:
    other = sessions.start(make_user("bob@example.com")).access_token
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    first, second = (sessions.start(ann).access_token for _ in range(2))
    first = sessions.refresh(first).access_token
    third = sessions.start(ann).access_token
    with pytest.raises(SessionRevoked):
        checking.authenticate(second, None)
    for encoded in (first, third, other):
        checking.authenticate(encoded, None)
    assert names(told) == ["started"] * 3 + ["refreshed", "revoked", "started"]
    assert told[-2][1]["reason"] == "max_sessions"


def test_dead_sessions_take_no_room(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    kept = sessions.start(ann).access_token
    sessions.revoke(sessions.start(ann).session, "test")
    sessions.start(ann)
    Session.objects.exclude(pk=checking.authenticate(kept, None)[0].pk).update(
        ends_at=timezone.now()
    )
    sessions.start(ann)
    checking.authenticate(kept, None)


@pytest.mark.parametrize("others", [1, 20])
def test_making_room_costs_the_same_however_many_there_are(
    ann: Any, settings: Any, others: int
) -> None:
    for _ in range(others):
        sessions.start(ann)
    settings.JWT_REFRESH = {"MAX_SESSIONS": 1}
    with statements(2 + LOCKS + 1 + 1 + LAST_LOGIN):
        sessions.start(ann)
    assert Session.objects.live().count() == 1
    settings.JWT_REFRESH = {"MAX_SESSIONS": 2}
    with statements(2 + LOCKS + 1 + LAST_LOGIN):
        sessions.start(ann)


def test_logins_of_other_users_do_not_wait_for_the_room_that_is_made(
    ann: Any, settings: Any
) -> None:
    settings.JWT_REFRESH = {"MAX_SESSIONS": 1}
    with CaptureQueriesContext(connection) as captured:
        sessions.start(ann)
    locks = [sql for sql in made(captured) if "FOR UPDATE" in sql]
    assert len(locks) == LOCKS
    assert all("WHERE" in sql for sql in locks)


def test_no_account_grows_without_end(
    ann: Any, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    """Nobody has so many devices; a stranger's script has."""
    assert 100 <= starting.MOST <= 1000
    monkeypatch.setattr(starting, "MOST", 3)
    sessions.start(make_user("bob@example.com"))
    first = sessions.start(ann)
    for _ in range(2):
        with statements(3 + LAST_LOGIN):
            sessions.start(ann)
    assert "revoked" not in names(told)
    with statements(3 + LOCKS + 1 + 1 + LAST_LOGIN):
        sessions.start(ann)
    assert told[-2][1]["session"] == first.session
    assert told[-2][1]["reason"] == "max_sessions"
    sessions.start(ann)
    assert Session.objects.of_user(ann).live().count() == 3
    assert Session.objects.live().count() == 4


def test_dead_sessions_make_no_account_full(ann: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "MOST", 2)
    first, second, third = (sessions.start(ann).session for _ in range(3))
    sessions.revoke(second, "test")
    Session.objects.filter(pk=first.pk).update(ends_at=timezone.now())
    with statements(3 + LAST_LOGIN):
        sessions.start(ann)
    assert Session.objects.live().filter(pk=third.pk).exists()


def test_a_project_may_allow_more(ann: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(starting, "MOST", 1)
    settings.JWT_REFRESH = {"MAX_SESSIONS": 5}
    for _ in range(5):
        sessions.start(ann)
    assert Session.objects.live().count() == 5


def test_eight_logins_at_once_leave_no_more_than_are_allowed(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"MAX_SESSIONS": 3}
    for _ in range(3):
        results = race(8, lambda: sessions.start(ann).access_token)
        assert all(isinstance(result, str) for result in results), results
        assert Session.objects.live().count() == 3


# In an event loop


def test_the_verbs_have_a_form_for_an_event_loop(phone: Device) -> None:
    async def goes_by() -> tuple[str, str]:
        tokens = await sessions.astart(phone.user)
        user, claims = await aauthenticate(tokens.access_token)
        tokens = await sessions.arefresh(tokens.access_token)
        assert await sessions.arevoke(tokens.session, "test")
        with pytest.raises(SessionRevoked):
            await aauthenticate(tokens.access_token)
        return user.get_username(), claims.sid

    name, sid = async_to_sync(goes_by)()
    assert (name, sid) == (phone.user.get_username(), str(Session.objects.get().pk))
    assert Session.objects.get().revoked_reason == "test"
