"""Which passwords end sessions: every new one, however it is saved; no old one encoded anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import connection

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.sessions.passwords import carry_over, checking_password
from tests.support.devices import PASSWORD, Device, make_user
from tests.support.http import said
from tests.support.statements import statements

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("atomic_requests", "style"),
]

OLD, NEW = (
    "tests.sessions.test_passwords.OldHasher",
    "django.contrib.auth.hashers.MD5PasswordHasher",
)


class OldHasher(MD5PasswordHasher):
    algorithm = "old"


class Directory(ModelBackend):
    """Knows everybody's password, and saves what it was given, at each login."""

    def authenticate(self, *args: Any, **credentials: Any) -> Any:
        model: Any = get_user_model()
        user = model._default_manager.get_by_natural_key(credentials[model.USERNAME_FIELD])
        user.set_password(credentials["password"])
        user.save()
        return user


@pytest.fixture
def upgraded(phone: Device, laptop: Device, settings: Any) -> None:
    """Both have logged in while passwords were encoded in the old way; from now on in the new."""
    settings.PASSWORD_HASHERS = [OLD, NEW]
    phone.user.set_password(PASSWORD)
    phone.user.save()
    phone.login()
    laptop.login()
    settings.PASSWORD_HASHERS = [NEW, OLD]


def encoded() -> str:
    model: Any = get_user_model()
    password: str = model.objects.values_list("password", flat=True).get()
    return password


@pytest.mark.usefixtures("upgraded")
def test_a_login_that_upgrades_the_encoding_ends_no_session(phone: Device, laptop: Device) -> None:
    assert encoded().startswith("old$")
    old = phone.token
    assert phone.login().status_code == 200
    assert encoded().startswith("md5$")
    assert laptop.get().status_code == laptop.refresh().status_code == 200
    assert phone.get().status_code == phone.get(token=old).status_code == 200


@pytest.mark.usefixtures("upgraded")
def test_the_upgrade_takes_sessions_along_under_a_retired_secret_key(
    phone: Device, laptop: Device, settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the tests, as long as the one before was at least"
    phone.login()
    assert laptop.get().status_code == 200
    assert set(Session.objects.values_list("auth_hash", flat=True)) == {
        get_user_model()._default_manager.get().get_session_auth_hash()
    }


@pytest.mark.usefixtures("upgraded")
def test_a_session_that_a_new_password_ended_stays_dead_through_an_upgrade(
    phone: Device, laptop: Device, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = [OLD, NEW]
    laptop.user.set_password("another")
    laptop.user.save()
    phone.password = "another"
    phone.login()
    settings.PASSWORD_HASHERS = [NEW, OLD]
    phone.login()
    assert encoded().startswith("md5$")
    assert said(laptop.get())[1] == "password_changed"


@pytest.mark.usefixtures("upgraded")
def test_a_wrong_password_upgrades_nothing(phone: Device, laptop: Device) -> None:
    phone.password = "wrong"
    assert phone.login().status_code == 401
    assert encoded().startswith("old$")
    assert laptop.get().status_code == 200


def test_an_upgrade_costs_statements_only_at_that_login(phone: Device, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [OLD, NEW]
    phone.user.set_password(PASSWORD)
    phone.user.save()
    settings.PASSWORD_HASHERS = [NEW, OLD]
    with statements(6 + 4):
        phone.login()
    with statements(6):
        phone.login()


@pytest.mark.parametrize("password", [PASSWORD, "another"])
def test_a_backend_that_saves_the_password_ends_sessions_where_it_is_a_new_one(
    phone: Device, laptop: Device, settings: Any, password: str
) -> None:
    laptop.login()
    settings.AUTHENTICATION_BACKENDS = ["tests.sessions.test_passwords.Directory"]
    phone.password = password
    for _ in range(2):
        assert phone.login().status_code == 200
        assert phone.get().status_code == 200
    assert laptop.get().status_code == (200 if password == PASSWORD else 401)


def by_save(user: Any, password: str) -> None:
    user.set_password(password)
    user.save()


def by_update(user: Any, password: str) -> None:
    type(user)._default_manager.filter(pk=user.pk).update(password=make_password(password))


def by_sql(user: Any, password: str) -> None:
    field = user._meta.get_field("password")
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {field.model._meta.db_table} SET password = %s", [make_password(password)]
        )


@pytest.mark.parametrize("save", [by_save, by_update, by_sql])
@pytest.mark.parametrize("password", ["another", PASSWORD])
def test_a_password_that_is_set_anew_ends_sessions_however_it_is_saved(
    phone: Device, save: Callable[[Any, str], None], password: str
) -> None:
    phone.login()
    save(phone.user, password)
    assert said(phone.get())[1] == said(phone.refresh())[1] == "password_changed"


def test_a_password_that_changes_during_the_login_is_not_taken_for_an_upgrade(
    phone: Device, settings: Any
) -> None:
    """Between the check of a login and what it saves, somebody sets another password."""
    phone.login()
    phone.user.set_password("set meanwhile")
    phone.user.save()
    stale = type(phone.user)._default_manager.get()
    stale.password = make_password(PASSWORD)
    with checking_password(PASSWORD):
        carry_over(stale, "default", ["password"])
    assert said(phone.get())[1] == "password_changed"
    assert type(phone.user)._default_manager.get().check_password("set meanwhile")


@pytest.mark.parametrize("meanwhile", [PASSWORD, "another", None])
def test_of_two_upgrades_at_once_one_encoding_stays(
    phone: Device, settings: Any, meanwhile: str | None
) -> None:
    """Somebody changes the row between the look at it and the conditional update."""
    settings.PASSWORD_HASHERS = [OLD, NEW]
    phone.user.set_password(PASSWORD)
    phone.user.save()
    settings.PASSWORD_HASHERS = [NEW, OLD]
    users: Any = type(phone.user)._default_manager
    instance = users.get()
    instance.password = ours = make_password(PASSWORD)
    theirs = make_password(meanwhile)
    changes = iter(range(1))

    def change(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for _ in changes if sql.startswith("UPDATE") else ():
            users.update(password=theirs) if meanwhile else users.get().delete()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(change), checking_password(PASSWORD):
        carry_over(instance, "default", ["password"])
    assert instance.password == (theirs if meanwhile == PASSWORD else ours)


def test_a_user_who_is_created_at_login_has_no_sessions_to_take_along(settings: Any) -> None:
    with (
        checking_password(PASSWORD),
        statements(3 if settings.AUTH_USER_MODEL != "auth.User" else 2),
    ):
        make_user("new@example.com")


def test_saves_of_other_columns_cost_nothing(ann: Any) -> None:
    with checking_password(PASSWORD), statements(1):
        ann.save(update_fields=["is_active"])


# The user's own change


def test_the_session_in_which_the_password_is_changed_lives_on(
    phone: Device, laptop: Device, bob: Device
) -> None:
    for device in (phone, laptop, bob):
        device.login()
    for password in ("another", "yet another"):
        assert phone.post("/password/", {"password": password}).status_code == 200
        assert phone.get().status_code == phone.refresh().status_code == 200
        assert said(laptop.get())[1] == "password_changed"
        assert bob.get().status_code == 200


def test_a_session_that_was_kept_ends_with_the_next_password(phone: Device) -> None:
    phone.login()
    assert phone.post("/password/", {"password": "another"}).status_code == 200
    assert phone.get().status_code == 200
    type(phone.user)._default_manager.update(password="of a thief")
    assert said(phone.get())[1] == "password_changed"


def test_the_current_session_is_the_users_own(phone: Device, bob: Device, rf: Any) -> None:
    """Whoever changes somebody else's password keeps no session of theirs alive with it."""
    bob.login()
    phone.login()
    before = list(Session.objects.values("pk", "auth_hash"))
    request = rf.post("/")
    sessions.keep_current(request, phone.user)
    request.auth = None
    sessions.keep_current(request, phone.user)
    assert list(Session.objects.values("pk", "auth_hash")) == before
    assert phone.post("/password/", {"password": "x", "of": bob.user.pk}).status_code == 200
    assert said(bob.get())[1] == "password_changed"
    assert phone.get().status_code == 200
