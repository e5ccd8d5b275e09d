"""Which passwords end sessions: every new one, however it is saved; no old one encoded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from traceback import walk_tb
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import isolate_apps

from jwt_refresh import sessions
from jwt_refresh.login import log_in
from jwt_refresh.models import Session, SessionQuerySet
from jwt_refresh.sessions import passwords
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
        user = model._default_manager.get_by_natural_key(credentials["username"])
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


def test_an_upgrade_looks_at_its_own_user_alone(phone: Device, bob: Device, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [OLD, NEW]
    for device in (phone, bob):
        device.user.set_password(PASSWORD)
        device.user.save()
        device.login()
    settings.PASSWORD_HASHERS = [NEW, OLD]
    for device in (phone, bob):
        assert Device(device.user).login().status_code == 200
        assert device.get().status_code == 200


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


@pytest.mark.usefixtures("core_alone")
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


def test_who_comes_second_to_an_upgrade_keeps_the_encoding_of_the_first(
    phone: Device, settings: Any
) -> None:
    """Or a session that the first login starts a moment later would die."""
    settings.PASSWORD_HASHERS = [OLD, NEW]
    phone.user.set_password(PASSWORD)
    phone.user.save()
    settings.PASSWORD_HASHERS = [NEW, OLD]
    users: Any = type(phone.user)._default_manager
    both = [users.get(), users.get()]
    for user in both:
        with checking_password(PASSWORD):
            assert user.check_password(PASSWORD)
    assert {user.password for user in [*both, users.get()]} == {both[0].password}
    assert both[0].password != phone.user.password


def test_an_upgrade_that_cannot_take_the_sessions_along_is_undone(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = [OLD, NEW]
    phone.user.set_password(PASSWORD)
    phone.user.save()
    settings.PASSWORD_HASHERS = [NEW, OLD]

    def fail(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(SessionQuerySet, "carry_over", fail)
    users: Any = type(phone.user)._default_manager
    with checking_password(PASSWORD), pytest.raises(OperationalError):
        users.get().check_password(PASSWORD)
    assert users.get().password == phone.user.password


def test_whoever_catches_the_error_of_an_upgrade_finds_no_password_in_it(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a backend may that logs it, before the block that checks the password is left."""

    def fail(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(passwords, "_stored", fail)
    with checking_password(PASSWORD), pytest.raises(OperationalError) as raised:
        ann.save()
    frames = [frame for frame, _ in walk_tb(raised.tb.tb_next)]
    assert carry_over.__name__ in [frame.f_code.co_name for frame in frames]
    assert PASSWORD not in "".join(repr(frame.f_locals) for frame in frames)


@pytest.mark.usefixtures("core_alone")
def test_a_user_who_is_created_at_login_has_no_sessions_to_take_along(settings: Any) -> None:
    with (
        checking_password(PASSWORD),
        statements(3 if settings.AUTH_USER_MODEL != "auth.User" else 2),
    ):
        make_user("new@example.com")


def test_saves_of_other_columns_cost_nothing(ann: Any) -> None:
    with checking_password(PASSWORD), statements(1):
        ann.save(update_fields=["is_active"])


# Whatever checks a password, and may encode it anew with that


def log_in_to_the_admin(phone: Device) -> None:
    """By Django's own form, with a backend as the README shows it."""
    admin = Client()
    credentials = {"username": phone.user.get_username(), "password": phone.password}
    assert admin.post("/admin/login/", credentials).status_code == 200
    assert not admin.session.get("_auth_user_id")
    type(phone.user)._default_manager.update(is_staff=True)
    assert admin.post("/admin/login/?next=/me/", credentials).status_code == 302


def type_it_again(phone: Device) -> None:
    with sessions.checking_password(PASSWORD):
        assert phone.user.check_password(PASSWORD)


def type_it_again_asynchronously(phone: Device) -> None:
    async def check() -> bool:
        with sessions.checking_password(PASSWORD):
            checked: bool = await phone.user.acheck_password(PASSWORD)
        return checked

    assert async_to_sync(check)()


def log_in_to_a_view_of_its_own(phone: Device) -> None:
    name = get_user_model().USERNAME_FIELD
    with sessions.checking_password(PASSWORD):
        user = authenticate(**{name: phone.user.get_username(), "password": PASSWORD})
    phone.token = sessions.start(user).access_token


def log_in_over_http(phone: Device) -> None:
    assert phone.login().status_code == 200


def call_log_in(phone: Device) -> None:
    credentials = {get_user_model().USERNAME_FIELD: phone.user.get_username()}
    phone.token = log_in(
        RequestFactory().post("/"), credentials | {"password": PASSWORD}
    ).access_token


DOORS: list[Callable[[Device], None]] = [
    type_it_again,
    type_it_again_asynchronously,
    log_in_to_a_view_of_its_own,
    log_in_over_http,
    call_log_in,
]


@pytest.mark.usefixtures("upgraded")
@pytest.mark.parametrize("open_door", DOORS)
def test_an_upgrade_ends_no_session_at_any_door(
    phone: Device, laptop: Device, open_door: Callable[[Device], None]
) -> None:
    phone.user = get_user_model()._default_manager.get()
    open_door(phone)
    assert encoded().startswith("md5$")
    for device in (phone, laptop):
        assert device.get().status_code == 200
    assert laptop.refresh().status_code == 200


@pytest.mark.usefixtures("upgraded")
def test_an_upgrade_at_the_login_of_the_admin_ends_none_with_the_backend_of_the_readme(
    phone: Device, laptop: Device, settings: Any
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Checking"]
    log_in_to_the_admin(phone)
    assert encoded().startswith("md5$")
    assert phone.get().status_code == laptop.get().status_code == 200


@pytest.mark.usefixtures("upgraded")
@pytest.mark.parametrize("how", ["set_password", "make_password"])
@pytest.mark.parametrize("checked", [False, True])
def test_a_new_password_that_looks_like_an_upgrade_ends_sessions(
    phone: Device, laptop: Device, how: str, checked: bool
) -> None:
    """Django saves an upgrade in just this way; nothing but the password tells them apart."""
    user: Any = get_user_model()._default_manager.get()
    with sessions.checking_password(PASSWORD if checked else None):
        if how == "set_password":
            user.set_password("another")
        else:
            user.password = make_password("another")
        user.save(update_fields=["password"])
    assert said(laptop.get())[1] == said(phone.refresh())[1] == "password_changed"


class Checking(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> Any:
        with sessions.checking_password(password):
            return super().authenticate(request, username, password, **credentials)


class Deriving(ModelBackend):
    """Returns users of a model that derives from the user model."""

    model: Any = None

    def authenticate(self, *args: Any, **credentials: Any) -> Any:
        name = get_user_model().USERNAME_FIELD
        user = self.model._default_manager.get(**{name: credentials["username"]})
        return user if user.check_password(credentials["password"]) else None


@pytest.fixture(params=["proxy", "subclass"])
def derived(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A model that derives from the user model: with the same table, or one of its own."""
    user_model: Any = get_user_model()
    with isolate_apps("tests.sessions"):
        meta = {"app_label": "sessions", "proxy": request.param == "proxy"}
        members = {"__module__": __name__, "Meta": type("Meta", (), meta)}
        model = type("Derived", (user_model,), members)
    if request.param == "proxy":
        yield model
        return
    with connection.schema_editor() as editor:
        editor.create_model(model)
    try:
        yield model
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


def derive(user: Any, model: Any) -> None:
    """Give the user a row of the subclass; a proxy has it already."""
    if not model._meta.proxy:
        child = model(pk=user.pk)
        vars(child).update(
            {name: value for name, value in vars(user).items() if not name.startswith("_")}
        )
        child.save_base(raw=True)


@pytest.mark.usefixtures("upgraded")
def test_an_upgrade_ends_no_session_where_the_backend_returns_a_model_of_its_own(
    phone: Device, laptop: Device, settings: Any, derived: Any, monkeypatch: Any
) -> None:
    derive(phone.user, derived)
    monkeypatch.setattr(Deriving, "model", derived)
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Deriving"]
    assert phone.login().status_code == 200
    assert encoded().startswith("md5$")
    assert phone.get().status_code == laptop.get().status_code == 200


@pytest.mark.usefixtures("upgraded")
def test_an_upgrade_ends_no_session_where_a_parent_of_the_user_model_has_the_password(
    phone: Device, laptop: Device, derived: Any, monkeypatch: Any
) -> None:
    parent = get_user_model()
    derive(phone.user, derived)
    monkeypatch.setattr(passwords, "get_user_model", lambda: derived)
    user: Any = parent._default_manager.get()
    with sessions.checking_password(PASSWORD):
        assert user.check_password(PASSWORD)
    assert encoded().startswith("md5$")
    assert laptop.get().status_code == 200


def test_a_user_model_without_passwords_has_none_to_encode_anew(
    ann: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "get_user_model", lambda: Session)
    ann.set_password("another")
    with sessions.checking_password(PASSWORD), statements(1):
        ann.save(update_fields=["password"])
