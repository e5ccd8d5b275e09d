from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AbstractBaseUser
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jwt_refresh import sessions
from jwt_refresh.core.claims import Style, later
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions.refreshing import ROTATING

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
NEVER = None

State = Session.State


def save(user: Any, **changes: Any) -> Session:
    """A live session, but for ``changes``."""
    now = timezone.now()
    columns: dict[str, Any] = {
        "user": user,
        "style": Style.SLIDING,
        "lifetime": HOUR,
        "started_at": now,
        "current_jti": "current",
        "issued_at": now,
        "expires_at": now + HOUR,
        "rotated_at": now,
    }
    return Session.objects.create(**columns | changes)


@pytest.mark.parametrize(
    ("expires_in", "ends_in", "state"),
    [
        (SECOND, NEVER, State.LIVE),
        (SECOND, SECOND, State.LIVE),
        (SECOND, 0 * SECOND, State.ENDED),
        (SECOND, -SECOND, State.ENDED),
        (0 * SECOND, NEVER, State.ENDED),
        (0 * SECOND, SECOND, State.ENDED),
        (-SECOND, NEVER, State.ENDED),
        (-SECOND, -SECOND, State.ENDED),
    ],
)
@pytest.mark.parametrize("revoked", [False, True])
def test_every_session_is_exactly_one_of_live_revoked_and_ended(
    ann: Any,
    clock: time_machine.Traveller,
    expires_in: timedelta,
    ends_in: timedelta | None,
    state: State,
    revoked: bool,
) -> None:
    now = timezone.now()
    session = save(
        ann,
        expires_at=now + expires_in,
        ends_at=NEVER if ends_in is NEVER else now + ends_in,
        revoked_at=now if revoked else None,
    )
    expected = State.REVOKED if revoked else state
    assert session.state is expected
    found = [name for name in State.values if getattr(Session.objects, name)().exists()]
    assert found == [expected]


def test_the_states_of_many_sessions_part_them(ann: Any, clock: time_machine.Traveller) -> None:
    now = timezone.now()
    instants = [now - SECOND, now, now + SECOND]
    for expires_at, ends_at, revoked_at in product(instants, [*instants, None], [*instants, None]):
        save(ann, expires_at=expires_at, ends_at=ends_at, revoked_at=revoked_at)
    parted = [
        (state, session.pk) for state in State for session in getattr(Session.objects, state)()
    ]
    assert sorted(parted, key=str) == sorted(
        ((session.state, session.pk) for session in Session.objects.all()), key=str
    )
    assert {state for state, _ in parted} == set(State)


def test_a_session_ends_in_the_instant_that_its_row_names(
    ann: Any, clock: time_machine.Traveller
) -> None:
    session = save(ann, expires_at=timezone.now() + HOUR)
    found = []
    for pause in (HOUR - SECOND / 1_000_000, SECOND / 1_000_000):
        clock.shift(pause)
        found += [session.state, Session.objects.live().exists()]
    assert found == [State.LIVE, True, State.ENDED, False]


def test_revoke_is_one_statement_and_leaves_the_revoked_as_they_are(
    ann: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    save(ann)
    save(ann)
    first = timezone.now()
    with django_assert_num_queries(1):
        assert Session.objects.all().mark_revoked("first", first) == 2
    third = save(ann)
    with django_assert_num_queries(1):
        assert Session.objects.all().mark_revoked("second", first + HOUR) == 1
    assert Session.objects.all().mark_revoked("third", first + HOUR) == 0
    revoked = set(Session.objects.exclude(pk=third.pk).values_list("revoked_at", "revoked_reason"))
    assert revoked == {(first, "first")}
    third.refresh_from_db()
    assert (third.revoked_at, third.revoked_reason) == (first + HOUR, "second")


def test_revoke_touches_the_chosen_sessions_alone(ann: Any) -> None:
    chosen, other = save(ann), save(ann)
    assert Session.objects.filter(pk=chosen.pk).mark_revoked("lost", timezone.now()) == 1
    other.refresh_from_db()
    assert (other.revoked_at, other.revoked_reason) == (None, "")


def test_confirm_notes_the_time_once(
    ann: Any, clock: time_machine.Traveller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session, sibling = save(ann), save(ann)
    with django_assert_num_queries(1):
        assert Session.objects.confirm(session) == 1
    now = timezone.now()
    clock.shift(1)
    assert Session.objects.confirm(session) == 0
    session.refresh_from_db()
    sibling.refresh_from_db()
    assert (session.confirmed_at, sibling.confirmed_at) == (now, None)


@pytest.mark.parametrize("changed", ["current_jti", "revoked_at", "confirmed_at"])
def test_confirm_does_nothing_where_the_row_has_moved_on(ann: Any, changed: str) -> None:
    session = save(ann)
    values = {"current_jti": "next", "revoked_at": timezone.now(), "confirmed_at": timezone.now()}
    Session.objects.update(**{changed: values[changed]})
    before = Session.objects.values().get()
    assert Session.objects.confirm(session) == 0
    assert Session.objects.values().get() == before


def test_a_new_password_is_noticed(ann: Any) -> None:
    session = Session(auth_hash=ann.get_session_auth_hash())
    assert session.has_password_of(ann)
    ann.set_password("new")
    assert not session.has_password_of(ann)


def test_a_retired_secret_key_still_vouches_for_the_password(ann: Any, settings: Settings) -> None:
    session = Session(auth_hash=ann.get_session_auth_hash())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["other", settings.SECRET_KEY]
    assert session.has_password_of(ann)
    settings.SECRET_KEY_FALLBACKS = ["other"]
    assert not session.has_password_of(ann)


def test_a_session_without_a_hash_has_no_password_to_compare(ann: Any) -> None:
    assert Session(auth_hash="").has_password_of(ann)


def test_a_user_without_a_hash_does_not_match_a_session_with_one() -> None:
    user = SimpleNamespace()
    assert not Session(auth_hash="hash").has_password_of(user)
    assert Session(auth_hash="").has_password_of(user)


def test_a_user_model_without_a_hash_stores_none(ann: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_hash")
    assert sessions.start(ann).session.auth_hash == ""


def test_a_session_is_shown_by_its_id_and_a_token_by_its_jti(ann: Any) -> None:
    session = sessions.start(ann).session
    assert str(session) == str(session.pk)
    assert str(IssuedToken.objects.get()) == session.current_jti


@pytest.mark.parametrize("style", [*Style])
@pytest.mark.parametrize("end", [None, 2 * HOUR])
def test_a_renewed_session_never_outlives_its_end(
    ann: Any, clock: time_machine.Traveller, settings: Settings, end: timedelta | None, style: str
) -> None:
    idle = 3 * HOUR
    lifetimes = {"LIFETIME": idle} if style == "sliding" else {"REFRESH_LIFETIME": idle}
    settings.JWT_REFRESH = lifetimes | {"SESSION_LIFETIME": end}
    session = sessions.start(ann).session
    assert session.style == style
    before = session.current_jti
    later_on = session.started_at + HOUR
    session.renew(later_on)
    assert session.current_jti != before
    assert session.issued_at == later_on
    assert session.expires_at == session.started_at + (4 * HOUR if end is None else end)


def test_a_session_is_never_younger_than_its_token(ann: Any) -> None:
    """By the clock of another server, which lags behind that of the login."""
    session = sessions.start(ann).session
    session.renew(session.started_at - SECOND)
    assert session.issued_at == session.started_at


def test_a_session_was_used_when_it_was_refreshed_or_confirmed_to_the_hour(
    ann: Any, clock: time_machine.Traveller
) -> None:
    session = save(ann)
    hour = session.started_at
    session.issued_at = hour + 1.9 * HOUR
    assert session.last_used_at == hour + HOUR
    session.confirmed_at = hour + 2.1 * HOUR
    assert session.last_used_at == hour + 2 * HOUR


def test_no_use_lies_before_the_login(ann: Any, clock: time_machine.Traveller) -> None:
    clock.shift(10 * 60)
    session = save(ann)
    assert session.last_used_at == session.started_at
    session.confirmed_at = session.started_at + HOUR / 60
    assert session.last_used_at == session.started_at
    session.issued_at = session.started_at + HOUR
    assert session.last_used_at == session.started_at + HOUR * 5 / 6


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_the_surplus_is_what_was_refreshed_least_recently(ann: Any, most: int) -> None:
    now = timezone.now()
    ages = [save(ann, rotated_at=now - HOUR * age) for age in (1, 0, 2)]
    newest_first = [ages[1], ages[0], ages[2]]
    assert set(Session.objects.surplus(most)) == set(newest_first[most:])


def test_of_sessions_of_the_same_instant_as_many_are_left_over(ann: Any) -> None:
    now = timezone.now()
    for _ in range(3):
        save(ann, rotated_at=now)
    assert Session.objects.surplus(1).count() == 2


def test_instants_that_become_claims_are_whole_seconds(
    ann: Any, clock: time_machine.Traveller
) -> None:
    clock.shift(0.75)
    session = sessions.start(ann).session
    assert session.rotated_at.microsecond == 750_000
    for name in ("started_at", "issued_at", "expires_at", "ends_at"):
        assert getattr(session, name).microsecond == 0


def test_later_counts_elapsed_time_where_local_clocks_are_set_forward(settings: Settings) -> None:
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    instant = datetime(2026, 3, 29, 1, 30)  # noqa: DTZ001
    found = later(instant, HOUR)
    assert found == datetime(2026, 3, 29, 3, 30)  # noqa: DTZ001
    assert found.timestamp() - instant.timestamp() == 3600


def test_later_keeps_aware_times_aware(settings: Settings) -> None:
    settings.USE_TZ = True
    instant = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert later(instant, 1.5 * HOUR) == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)


def test_no_column_that_a_refresh_writes_is_in_an_index(db: None) -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Session._meta.db_table)
    indexed = {
        column
        for constraint in found.values()
        if constraint["index"] or constraint["unique"]
        for column in constraint["columns"]
    }
    assert {"user_id", "started_at"} <= indexed
    written = {field.column for field in Session._meta.concrete_fields if field.name in ROTATING}
    assert len(written) == len(ROTATING)
    assert indexed.isdisjoint(written)
    # What a database does not tell of an index, or this one lacks.
    for index in Session._meta.indexes:
        assert [*index.expressions, *index.include, index.condition] == [None]


@pytest.mark.django_db
def test_the_migrations_are_complete() -> None:
    out = io.StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=out)
    assert "No changes detected" in out.getvalue()


def test_the_migrations_are_complete_whatever_the_default_key_of_the_project() -> None:
    # The type of a key is decided when its model is loaded: a process of its own has to load it.
    program = """
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "jwt_refresh"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
call_command("makemigrations", "jwt_refresh", check=True, dry_run=True, skip_checks=True)
"""
    root = Path(__file__).parent.parent
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=False
    )
    assert found.stdout == "No changes detected in app 'jwt_refresh'\n", found.stderr


def test_no_column_holds_a_token_or_its_signature(ann: Any) -> None:
    encoded = sessions.start(ann).access_token
    refreshed = sessions.refresh(encoded, idempotency_key="a key of the client").access_token
    stored = ""
    with connection.cursor() as cursor:
        for model in (Session, IssuedToken):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            stored += repr(cursor.fetchall())
    assert ann.get_session_auth_hash() in stored
    for token in (encoded, refreshed):
        assert token not in stored
        for segment in token.split("."):
            assert segment not in stored
    assert "a key of the client" not in stored


@pytest.fixture
def stale(ann: Any) -> Session:
    """A session as it was read before it was refreshed and then revoked."""
    tokens = sessions.start(ann)
    read = Session.objects.get()
    sessions.refresh(tokens.access_token)
    sessions.revoke(tokens.session, "lost")
    return read


async def save_asynchronously(session: Session) -> None:
    await session.asave()


@pytest.mark.parametrize(
    "write",
    [
        Session.save,
        async_to_sync(save_asynchronously),
        lambda session: session.save(force_update=True),
        lambda session: session.save(using="default"),
    ],
)
def test_a_session_that_was_read_earlier_is_not_written_back(stale: Session, write: Any) -> None:
    before = Session.objects.values().get()
    stale.agent = "another"
    with pytest.raises(RuntimeError, match=r"jwt_refresh\.sessions.*update_fields"):
        write(stale)
    assert Session.objects.values().get() == before


def test_a_session_that_was_deleted_is_not_brought_back(stale: Session) -> None:
    Session.objects.get().delete()
    with pytest.raises(RuntimeError):
        stale.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        stale.save(update_fields=["agent"])
    assert not Session.objects.exists()


def test_the_columns_that_are_named_are_written(stale: Session) -> None:
    stale.agent, stale.address = "another", "192.0.2.1"
    stale.save(update_fields=["agent"])
    found = Session.objects.get()
    assert (found.agent, found.address) == ("another", "")
    assert (found.revoked_reason, found.generation) == ("lost", 1)


def test_a_query_cannot_end_sessions_under_the_name_of_the_verb() -> None:
    """The verb ``sessions.revoke`` tells signals, log and denylist; a query tells nobody."""
    assert not hasattr(Session.objects.all(), "revoke")
