"""An old token that has no session yet ends with all other logins of its user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import pre_save
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.contrib.simplejwt.cutoff import at_new_password
from jwt_refresh.contrib.simplejwt.models import Cutoff
from jwt_refresh.models import Session
from jwt_refresh.sessions.passwords import carry_over
from tests.support.devices import Device, make_user
from tests.support.front import FrontEnd, old_token
from tests.support.http import MINUTE
from tests.support.statements import statements

from .conftest import Blacklist

HASHERS = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("MD5", "PBKDF2")]


def by_save(user: Any) -> None:
    user.set_password("another")
    user.save()


def by_one_column(user: Any) -> None:
    user.set_password("another")
    user.save(update_fields=["password"])


def by_none(user: Any) -> None:
    user.set_unusable_password()
    user.save()


def by_revoke_user(user: Any) -> None:
    assert sessions.revoke_user(user, "stolen") == 0


def by_logout_all(user: Any) -> None:
    phone = Device(user)
    phone.login()
    assert phone.post("/auth/logout/all/").status_code == 204


def by_logout_others(user: Any) -> None:
    phone = Device(user)
    phone.login()
    assert phone.post("/auth/logout/others/").status_code == 204
    assert phone.get("/auth/sessions/").status_code == 200


WAYS = [by_save, by_one_column, by_none, by_revoke_user, by_logout_all, by_logout_others]


def refused(tab: FrontEnd) -> bool:
    """Nothing takes either token of the page, or all does."""
    answers = [tab.verify(tab.access), tab.verify(tab.refresh_token), tab.who(), tab.refresh()]
    found = {(it.status_code, it.json().get("code")) for it in answers}
    assert len(found & {(200, None), (401, "token_not_valid")}) == len(found) == 1
    return (401, "token_not_valid") in found


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("atomic_requests")
@pytest.mark.parametrize("way", WAYS)
def test_an_old_token_is_void_after(tab: FrontEnd, ann: Any, way: Callable[[Any], None]) -> None:
    laptop = FrontEnd(ann, refresh=old_token(ann))
    way(ann)
    assert refused(tab)
    assert laptop.logout().status_code == 401


def test_so_it_is_with_the_tables_of_a_blacklist(
    tab: FrontEnd, ann: Any, blacklisting: Blacklist
) -> None:
    by_save(ann)
    assert refused(tab)
    assert blacklisting.numbers == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_reuse_ends_old_tokens_where_it_ends_all_sessions(
    tab: FrontEnd, ann: Any, clock: Any, settings: Settings, whole: bool
) -> None:
    settings.JWT_REFRESH |= {"ON_REUSE": "user" if whole else "session"}
    stolen = FrontEnd(ann, refresh=old_token(ann))
    first = stolen.refresh_token
    stolen.refresh()
    stolen.refresh()
    clock.shift(10 * MINUTE)
    tab.access = old_token(ann, "access", iat=1)
    assert stolen.refresh(first).status_code == 401
    assert refused(tab) is whole


@pytest.mark.parametrize("since", [0, 1])
def test_a_token_that_is_issued_afterwards_is_good(ann: Any, clock: Any, since: int) -> None:
    by_save(ann)
    clock.shift(since)
    tab = FrontEnd(ann, access=old_token(ann, "access"), refresh=old_token(ann))
    # In the same second nobody knows which was first.
    assert refused(tab) is not bool(since)
    by_save(make_user("bob@example.com"))
    assert refused(tab) is not bool(since)


def test_a_token_that_does_not_say_when_it_was_issued_is_an_old_one(ann: Any) -> None:
    held = {"access": old_token(ann, "access", iat=None), "refresh": old_token(ann, iat=None)}
    assert not refused(FrontEnd(ann, **held))
    held["refresh"] = old_token(ann, iat=None)
    by_save(ann)
    assert refused(FrontEnd(ann, **held))


def test_the_last_cut_counts(ann: Any, clock: Any) -> None:
    by_save(ann)
    clock.shift(MINUTE)
    tab = FrontEnd(ann, access=old_token(ann, "access"), refresh=old_token(ann))
    sessions.revoke_user(ann, "again")
    assert refused(tab)
    assert str(Cutoff.objects.get()).startswith(f"{ann.pk}: ")


def test_a_password_that_is_not_stored_ends_nothing(tab: FrontEnd, ann: Any) -> None:
    with transaction.atomic():
        by_save(ann)
        transaction.set_rollback(True)
    assert not refused(tab)


def test_saves_without_a_new_password_end_nothing(tab: FrontEnd, ann: Any) -> None:
    ann.save()
    ann.set_password("another")
    ann.save(update_fields=["last_login"])
    assert not refused(tab)


@pytest.mark.parametrize("listed_first", [True, False])
def test_a_password_that_is_encoded_anew_at_login_ends_nothing(
    tab: FrontEnd, ann: Any, settings: Settings, listed_first: bool
) -> None:
    """Whichever of the two apps is listed first in ``INSTALLED_APPS``."""
    settings.PASSWORD_HASHERS = [*reversed(HASHERS)]
    order = [carry_over, at_new_password]
    for receiver in reversed(order) if listed_first else order:
        pre_save.disconnect(receiver)
        pre_save.connect(receiver)
    before = ann.password
    assert FrontEnd(ann).login().status_code == 200
    ann.refresh_from_db()
    assert ann.password != before
    assert not refused(tab)


def test_an_exchanged_token_goes_by_its_session(tab: FrontEnd, ann: Any) -> None:
    tab.refresh()
    kept = Session.objects.get()
    sessions.revoke_user(ann, "others", keep=kept.pk)
    assert tab.who().status_code == tab.refresh().status_code == 200


def test_it_costs_a_statement(tab: FrontEnd, ann: Any) -> None:
    with statements(2):
        tab.who()
    with statements(1 + 1):
        ann.save(update_fields=["password"])
    ann.set_password("another")
    with statements(1 + 2):
        ann.save(update_fields=["password"])
    with statements(1):
        ann.save(update_fields=["is_active"])
    with statements(1 + 1):
        sessions.revoke_user(ann, "test")
