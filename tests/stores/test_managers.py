"""``request.user`` is what the default manager of the user model gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Upper
from django.db.models.query import ModelIterable

from jwt_refresh import sessions
from jwt_refresh.models import Session
from jwt_refresh.stores.query import CHECKED, session_with_user
from tests.support.devices import Device, make_user
from tests.support.http import said
from tests.support.statements import statements

from .rows import DEFAULT, columns, find

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

User = get_user_model()
NAME = User.USERNAME_FIELD
Become = Callable[[Any], models.Manager[Any]]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Give a function that makes a manager the default one, for the time of a test."""

    def be(manager: models.Manager[Any]) -> models.Manager[Any]:
        manager.model = User
        monkeypatch.setattr(User._meta, "default_manager", manager)
        return manager

    return be


class Annotating(models.Manager[Any]):
    def get_queryset(self) -> Any:
        return super().get_queryset().annotate(loud=Upper(NAME), count=Count("jwt_sessions"))


class Prefetching(models.Manager[Any]):
    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().prefetch_related("groups")


class Deferring(models.Manager[Any]):
    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().defer("last_login")


class Joining(models.Manager[Any]):
    """Shows users who have a session that lives, each once."""

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(jwt_sessions__revoked_at=None).distinct()


class Customer(User):  # type: ignore[valid-type,misc]
    """What a polymorphic user model makes of a row."""

    class Meta:
        proxy = True
        app_label = "tests"
        apps = Apps()


class Casting(ModelIterable):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        for user in super().__iter__():
            user.__class__ = Customer
            yield user


class CastingQuerySet(QuerySet[Any]):
    """Makes subclasses of the objects that it found."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._iterable_class = Casting


class FetchingQuerySet(QuerySet[Any]):
    """Puts others in the place of the objects that it found, as a polymorphic one may."""

    def _fetch_all(self) -> None:
        super()._fetch_all()
        cache: Any = self._result_cache
        self._result_cache = [Customer._base_manager.get(pk=user.pk) for user in cache]


MANAGERS = {
    "annotations": Annotating(),
    "related objects": Prefetching(),
    "deferred fields": Deferring(),
    "joins": Joining(),
    "subclasses": models.Manager.from_queryset(CastingQuerySet)(),
    "other objects": models.Manager.from_queryset(FetchingQuerySet)(),
    "as_manager": CastingQuerySet.as_manager(),
}


def looks(user: Any) -> Any:
    """What is known of an object, beside what the database says."""
    known = {name for name in vars(user) if name != "_state"}
    related = {
        name: list(found) for name, found in vars(user).get("_prefetched_objects_cache", {}).items()
    }
    added = getattr(user, "loud", None), getattr(user, "count", None)
    return type(user), known, related, user.get_deferred_fields(), added


@pytest.mark.parametrize("chosen", [None, CHECKED])
@pytest.mark.parametrize("kind", MANAGERS)
def test_the_user_is_what_the_manager_gives(
    ann: Any, become: Become, kind: str, chosen: Any
) -> None:
    both = [sessions.start(ann).session for _ in range(2)]
    sessions.start(make_user("bob@example.com"))
    manager = become(MANAGERS[kind])
    expected = manager.filter(pk=ann.pk).get()
    for session in both:
        found = find(session, chosen)
        assert looks(found.user) == looks(expected)
        assert found.user == expected
        plain = Session.objects.get(pk=session.pk)
        for name in CHECKED:
            assert columns(found)[name] == columns(plain)[name]
    assert session_with_user(Session().pk, DEFAULT) is None


@pytest.mark.parametrize("kind", [name for name in MANAGERS if "objects" not in name])
def test_it_comes_with_its_session_in_one_query(ann: Any, become: Become, kind: str) -> None:
    session = sessions.start(ann).session
    become(MANAGERS[kind])
    with statements(1):
        found = find(session, CHECKED)
        assert found.user.pk == found.user_id


@pytest.mark.parametrize("kind", MANAGERS)
def test_every_place_takes_tokens_of_such_users(phone: Device, become: Become, kind: str) -> None:
    become(MANAGERS[kind])
    tokens = sessions.start(phone.user)
    phone.token = tokens.access_token
    for _ in range(2):
        assert phone.get().status_code == 200
    assert phone.refresh().status_code == 200
    assert phone.verify().status_code == 200
    assert phone.post("/auth/logout/all/").status_code == 204
    # The user of the last session that lived is hidden with it.
    assert said(phone.get())[1] == ("user_inactive" if kind == "joins" else "session_revoked")


class HidingQuerySet(QuerySet[Any]):
    """Filters wherever it is made."""

    hidden: Any = Q(**{NAME: "bob@example.com"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.query.add_q(~self.hidden)


@pytest.mark.parametrize(
    "hidden", [Q(**{NAME: "bob@example.com"}), Q(is_superuser=True)], ids=["parameter", "none"]
)
def test_a_filter_of_the_query_class_is_asked_each_time(
    phone: Device, bob: Device, become: Become, monkeypatch: Any, hidden: Q
) -> None:
    User._base_manager.filter(pk=bob.user.pk).update(is_superuser=True)
    for device in (phone, bob):
        device.login()
        assert device.get().status_code == 200
    monkeypatch.setattr(HidingQuerySet, "hidden", hidden)
    become(models.Manager.from_queryset(HidingQuerySet)())
    assert phone.get().status_code == 200
    assert said(bob.get())[0] == 401
    monkeypatch.setattr(HidingQuerySet, "hidden", Q(pk=None))
    assert bob.get().status_code == 200
    monkeypatch.setattr(HidingQuerySet, "hidden", Q(**{NAME: "ann@example.com"}))
    assert said(phone.get())[0] == 401


class AddingQuerySet(QuerySet[Any]):
    """Adds methods, and looks after what is written."""

    def of_staff(self) -> QuerySet[Any]:
        return self.filter(is_staff=True)

    def delete(self) -> tuple[int, dict[str, int]]:
        return self.update(is_active=False), {}


def test_one_that_adds_methods_is_as_quick(ann: Any, become: Become, plans: Any) -> None:
    session = sessions.start(ann).session
    become(models.Manager.from_queryset(AddingQuerySet)())
    for _ in range(2):
        assert type(find(session).user) is User
    assert plans.cache_info().hits == 1
    ann.is_staff = True
    ann.save()
    manager: Any = User._default_manager
    manager.of_staff().delete()
    assert not find(session).user.is_active


class Closed(models.Manager[Any]):
    """Hides users in the method that the query goes through."""

    def using(self, alias: str | None) -> QuerySet[Any]:
        return super().using(alias).none()


def test_a_method_of_the_manager_is_not_passed_by(ann: Any, become: Become) -> None:
    session = sessions.start(ann).session
    assert find(session).user == ann
    become(Closed())
    assert session_with_user(session.pk, DEFAULT) is None


@pytest.mark.parametrize("plain", [True, False])
def test_a_column_that_is_read_with_parameters(
    ann: Any, become: Become, monkeypatch: Any, plans: Any, plain: bool
) -> None:
    """As fields do that a database decrypts."""
    session = sessions.start(ann).session
    field = User._meta.get_field("email")

    def select_format(compiler: Any, sql: str, params: Any) -> Any:
        joined = "CONCAT({}, %s)" if connection.vendor == "mysql" else "({} || %s)"
        return joined.format(sql), (*params, "!")

    monkeypatch.setattr(field, "select_format", select_format)
    become(models.Manager() if plain else Annotating())
    assert find(session).user.email == f"{ann.email}!"


class LosingQuerySet(FetchingQuerySet):
    """Its sessions are gone by the time at which it has put others in the place of its objects."""

    def _fetch_all(self) -> None:
        super()._fetch_all()
        Session.objects.all().delete()


def test_a_session_that_goes_meanwhile_is_gone(ann: Any, become: Become) -> None:
    session = sessions.start(ann).session
    become(models.Manager.from_queryset(LosingQuerySet)())
    assert session_with_user(session.pk, DEFAULT) is None
