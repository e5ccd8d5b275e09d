"""The database loses what it has answered, and forgets a refresh that its client has heard of."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Kind, numeric_date
from jwt_refresh.exceptions import StaleRetry, TokenError, TokenReused
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import checking
from jwt_refresh.sessions.refreshing import exchange
from tests.support.backups import Backup
from tests.support.devices import Device
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.proofs import BoundDevice
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("style"),
]


@pytest.fixture(autouse=True)
def _times(clock: Any) -> None:
    """Time stands still."""


def lose_refreshes(device: Device, times: int = 1) -> list[str]:
    """What the device is handed out by so many refreshes, a minute apart, which are then lost."""
    backup, lost = Backup(), []
    for _ in range(times):
        assert device.refresh().status_code == 200
        lost.append(device.refreshable)
    backup.restore()
    return lost


def jti_of(encoded: str) -> str:
    jti: str = claims(encoded)["jti"]
    return jti


def records() -> list[tuple[int, str]]:
    return [*IssuedToken.objects.order_by("generation").values_list("generation", "jti")]


def refused(encoded: str) -> str:
    """The case of the reuse that a token is taken for."""
    with pytest.raises(TokenReused) as refusal:
        sessions.refresh(encoded)
    return refusal.value.case


# The owner


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_the_holder_of_a_bound_session_goes_on(
    ann: Any, clock: Any, settings: Any, told: Told, share: float
) -> None:
    """Before the end that the row has, and past it: the lost refresh had moved that on."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "refresh"}
    phone = BoundDevice(ann)
    phone.login()
    first = phone.refreshable
    lifetime = claims(first)["exp"] - claims(first)["iat"]
    clock.shift(0.5 * lifetime)
    (lost,) = lose_refreshes(phone)
    clock.shift(share * lifetime)
    told.clear()
    assert phone.refresh().status_code == 200
    assert names(told) == ["refreshed"]
    assert [*enumerate(map(jti_of, (first, lost, phone.refreshable)))] == records()
    assert phone.refresh().status_code == 200


def test_whoever_holds_a_token_whose_refresh_was_lost_goes_on(
    phone: Device, clock: Any, told: Told, log: Any
) -> None:
    phone.login()
    first = phone.refreshable
    clock.shift(MINUTE)
    (lost,) = lose_refreshes(phone)
    clock.shift(MINUTE)
    told.clear()
    log.clear()
    assert phone.get().status_code == phone.verify().status_code == 200
    assert phone.refresh().status_code == 200
    session = Session.objects.get()
    assert (session.generation, session.previous_jti) == (2, jti_of(lost))
    assert [*enumerate(map(jti_of, (first, lost, phone.refreshable)))] == records()
    assert names(told) == ["refreshed"]
    assert [record.event for record in log.records] == ["write_lost", "session_refreshed"]
    noted = log.records[0]
    assert noted.levelno == logging.WARNING
    assert noted.getMessage() == (
        f"event=write_lost sid={session.pk} user_id={phone.user.pk} jti={jti_of(lost)}"
    )
    assert lost not in log.text
    for answer in phone.get(), phone.refresh(), phone.get():
        assert answer.status_code == 200


def test_it_takes_five_statements(phone: Device) -> None:
    """Session, records, swap, and the two tokens that are put on record."""
    phone.login()
    (lost,) = lose_refreshes(phone)
    with statements(5):
        sessions.refresh(lost)


def test_whoever_refreshed_shortly_before_the_end_goes_on_after_it(
    phone: Device, clock: Any
) -> None:
    """The row knows nothing of the refresh that has moved the end on."""
    phone.login()
    end = Session.objects.get().expires_at.timestamp()
    clock.move_to(end - 30)
    lose_refreshes(phone)
    clock.shift(MINUTE)
    assert Session.objects.get().state == Session.State.ENDED
    with statements(1):
        checking.authenticate(phone.token, None)
    assert phone.get().status_code == phone.verify().status_code == 200
    assert phone.refresh().status_code == phone.get().status_code == 200
    assert Session.objects.get().state == Session.State.LIVE


def test_what_has_ended_is_over_all_the_same(phone: Device, clock: Any) -> None:
    """By its own end, and at the latest by that of the session."""
    phone.login()
    clock.shift(MINUTE)
    lose_refreshes(phone)
    Session.objects.update(ends_at=timezone.now() + timedelta(seconds=30))
    clock.shift(30)
    assert said(phone.refresh())[:2] == said(phone.get())[:2] == (401, "session_revoked")
    Session.objects.update(ends_at=None)
    clock.move_to(claims(phone.refreshable)["exp"])
    assert said(phone.refresh())[:2] == (401, "token_expired")


def test_many_losses_one_after_the_other(phone: Device, clock: Any) -> None:
    """Also of the very refresh that recovered what was lost before."""
    phone.login()
    for _ in range(3):
        clock.shift(MINUTE)
        lose_refreshes(phone, 2)
        clock.shift(MINUTE)
    assert phone.refresh().status_code == phone.get().status_code == 200


@pytest.mark.parametrize("key", ["", "once"])
def test_an_answer_that_is_lost_as_well_comes_again(phone: Device, clock: Any, key: str) -> None:
    phone.login()
    clock.shift(MINUTE)
    (lost,) = lose_refreshes(phone)
    headers = {"idempotency_key": key} if key else {}
    phone.refresh(lost, **headers)
    first = jti_of(phone.refreshable)
    clock.shift(20)
    phone.refresh(lost, **headers)
    assert jti_of(phone.refreshable) == first
    clock.shift(MINUTE)
    phone.refresh(lost, **headers)
    assert (jti_of(phone.refreshable) == first) is bool(key)
    assert phone.get().status_code == 200


def test_tabs_that_share_it_get_one_successor(phone: Device, laptop: Device, clock: Any) -> None:
    phone.login()
    clock.shift(MINUTE)
    (lost,) = lose_refreshes(phone)
    phone.refresh(lost)
    laptop.refresh(lost)
    assert jti_of(phone.refreshable) == jti_of(laptop.refreshable)
    phone.get()
    clock.shift(31)
    assert refused(lost) == "in_use"


def test_a_late_duplicate_of_what_the_lost_one_was_made_from_does_no_harm(
    phone: Device, clock: Any
) -> None:
    phone.login()
    first = phone.refreshable
    (lost,) = lose_refreshes(phone)
    phone.refresh(lost)
    clock.shift(30)
    with pytest.raises(StaleRetry):
        sessions.refresh(first)
    clock.shift(1)
    assert refused(first) == "older"


def test_in_a_transaction(phone: Device) -> None:
    """Of a middleware: it takes one statement more."""
    phone.login()
    (lost,) = lose_refreshes(phone)
    verified = conf.verifier(None).refreshable(lost)
    with transaction.atomic(), statements(6):
        tokens = exchange(verified)
    assert tokens.session.generation == 2


@pytest.mark.parametrize("after_the_end", [False, True])
def test_where_nothing_rotates_the_token_stays_and_so_does_the_row(
    phone: Device, clock: Any, after_the_end: bool
) -> None:
    phone.login()
    end = Session.objects.get().expires_at.timestamp()
    clock.move_to(end - 30)
    (lost,) = lose_refreshes(phone)
    clock.shift(MINUTE if after_the_end else 0)
    before = Session.objects.values().get()
    tokens = exchange(conf.verifier(None).refreshable(lost), rotates=False)
    assert (tokens.refresh_token or tokens.access_token) == lost
    assert checking.authenticate(tokens.access_token, None)
    assert Session.objects.values().get() == before


# Thieves


@pytest.mark.parametrize("first", ["owner", "thief"])
@pytest.mark.parametrize("on_reuse", ["session", "user"])
def test_of_two_lost_generations_one_goes_on(
    phone: Device, clock: Any, settings: Any, told: Told, first: str, on_reuse: str
) -> None:
    """A thief has the older one: whoever comes second is found out, and nobody else is."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"ON_REUSE": on_reuse}
    other = sessions.start(phone.user).session
    phone.login()
    clock.shift(MINUTE)
    backup, held = Backup(), []
    for _ in range(2):
        phone.refresh()
        held.append(phone.refreshable)
        clock.shift(1)
    backup.restore()
    presented = held if first == "thief" else held[::-1]
    assert sessions.refresh(presented[0])
    assert "reuse" not in names(told)
    assert Session.objects.live().count() == 2
    clock.shift(1)
    assert refused(presented[1]) == "no_record"
    assert said(phone.refresh(presented[0]))[1] == "session_revoked"
    assert names(told).count("reuse") == 1
    left = [] if on_reuse == "user" else [other.pk]
    assert [*Session.objects.live().values_list("pk", flat=True)] == left


def test_whoever_has_the_token_before_shuts_out_and_is_found_out(phone: Device, clock: Any) -> None:
    """To the database it is the current one."""
    phone.login()
    stolen = phone.refreshable
    clock.shift(MINUTE)
    (lost,) = lose_refreshes(phone)
    clock.shift(1)
    assert sessions.refresh(stolen)
    clock.shift(1)
    assert refused(lost) == "no_record"


def test_a_record_that_was_purged_is_not_taken_for_a_lost_one(
    phone: Device, clock: Any, settings: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"SESSION_LIFETIME": None}
    phone.login()
    old = phone.refreshable
    step = conf.REFRESH_LIFETIME or conf.LIFETIME
    for _ in range(2 + DAY * 2 // int(step.total_seconds())):
        clock.shift(step.total_seconds() - 1)
        assert phone.refresh().status_code == 200
    assert sessions.purge().tokens
    assert not IssuedToken.objects.filter(jti=jti_of(old)).exists()
    assert refused(old) == "no_record"


def test_a_record_that_somebody_deleted_is_not_taken_for_a_lost_one(
    phone: Device, clock: Any
) -> None:
    phone.login()
    tokens = [phone.refreshable]
    for _ in range(2):
        clock.shift(1)
        phone.refresh()
        tokens.append(phone.refreshable)
    IssuedToken.objects.all().delete()
    assert refused(tokens[0]) == "no_record"


# Other writes that may be lost


def test_a_login_that_was_lost_is_a_login_once_more(phone: Device) -> None:
    backup = Backup()
    phone.login()
    backup.restore()
    for answer in phone.get(), phone.refresh(), phone.verify():
        assert said(answer)[:2] == (401, "session_revoked")
    assert phone.login().status_code == phone.get().status_code == 200


def test_a_logout_that_was_lost_has_to_be_made_again(phone: Device) -> None:
    phone.login()
    backup = Backup()
    phone.logout()
    backup.restore()
    assert phone.get().status_code == 200
    assert phone.logout().status_code == 204
    assert said(phone.get())[1] == "session_revoked"


def test_with_a_password_change_that_was_lost_the_old_password_is_back(
    phone: Device, laptop: Device
) -> None:
    """The sessions that it ended live again; the one that took the place of its own is gone."""
    phone.login()
    laptop.login()
    backup = Backup()
    lost = Device(phone.user)
    lost.token, lost.refresh_token = phone.token, phone.refresh_token
    assert lost.change_password("another").status_code == 200
    assert said(laptop.refresh())[1] == "password_changed"
    assert lost.refresh().status_code == 200
    backup.restore()
    assert said(lost.refresh())[1] == "session_revoked"
    for device in phone, laptop:
        assert device.refresh().status_code == device.get().status_code == 200
    user = Session.objects.first().user  # type: ignore[union-attr]
    assert user.check_password(phone.password)
    assert all(session.has_password_of(user) for session in Session.objects.all())


def test_a_refresh_and_a_password_change_lost_at_once(phone: Device, clock: Any) -> None:
    phone.login()
    backup = Backup()
    phone.refresh()
    phone.user.set_password("another")
    phone.user.save()
    assert said(phone.refresh())[1] == "password_changed"
    backup.restore()
    clock.shift(MINUTE)
    assert phone.refresh().status_code == phone.get().status_code == 200
    phone.user.save()
    assert said(phone.refresh())[1] == "password_changed"


# The price: whoever holds a signing key


def forged(session: Session, **changes: Any) -> str:
    """A refreshable token that we have not issued, under a key of ours that has leaked."""
    session.refresh_from_db()
    now = numeric_date(timezone.now())
    kind = Kind.SLIDING if session.style == "sliding" else Kind.REFRESH
    content = {
        "sub": str(session.user.pk),
        "sid": str(session.pk),
        "jti": "forged",
        "iat": now,
        "exp": now + 60,
        "auth_time": numeric_date(session.started_at),
    }
    return conf.issuer(None).issue(kind, **content | changes)


def test_who_holds_a_signing_key_can_take_over_a_session(phone: Device, clock: Any) -> None:
    """And its owner, whose token is older then, is the one who ends it."""
    phone.login()
    clock.shift(MINUTE)
    assert sessions.refresh(forged(Session.objects.get()))
    clock.shift(31)
    assert refused(phone.refreshable) == "older"


@pytest.mark.parametrize("jti", ["i" * 33, "i" * 255, "에"])
def test_an_id_that_none_of_ours_has_is_reuse(phone: Device, jti: str) -> None:
    """The column of some databases has no room for it."""
    phone.login()
    assert refused(forged(Session.objects.get(), jti=jti)) == "no_record"


def test_an_id_of_another_session_does_it_no_harm(phone: Device, laptop: Device) -> None:
    phone.login()
    laptop.login()
    session = Session.objects.exclude(pk=claims(laptop.token)["sid"]).get()
    assert sessions.refresh(forged(session, jti=jti_of(laptop.refreshable)))
    record = IssuedToken.objects.get(jti=jti_of(laptop.refreshable))
    assert str(record.session_id) == claims(laptop.token)["sid"]
    assert laptop.refresh().status_code == laptop.get().status_code == 200


@pytest.mark.parametrize("generation", [0, 1])
def test_no_id_that_is_known_brings_back_what_has_ended(
    phone: Device, clock: Any, generation: int
) -> None:
    phone.login()
    tokens = [phone.refreshable]
    phone.refresh()
    tokens.append(phone.refreshable)
    session = Session.objects.get()
    clock.move_to(session.expires_at.timestamp())
    encoded = forged(session, jti=jti_of(tokens[generation]))
    with pytest.raises(TokenError, match="ended"):
        sessions.refresh(encoded)
    with pytest.raises(TokenError, match="ended"):
        checking.verify(conf.verifier(None).current(encoded))


# The order of the records


def outcomes(tokens: list[str]) -> list[str]:
    """What would come of each. Changes nothing."""
    now, seen = timezone.now(), []
    for encoded in tokens:
        verified = conf.verifier(None).refreshable(encoded)
        session = checking.living_session(verified, now)
        try:
            seen.append(checking.judge(session, verified, (), now).name)
        except TokenReused as error:
            seen.append(error.case)
    return seen


def test_ids_that_run_backwards_change_no_verdict(phone: Device, clock: Any) -> None:
    """As those of a cluster with several primaries may, where each has numbers of its own."""
    phone.login()
    first, tokens = phone.refreshable, [phone.refreshable]
    for presented in ("", first, first, "", ""):
        clock.shift(MINUTE)
        phone.refresh(presented or phone.refreshable)
        tokens.append(phone.refreshable)
    clock.shift(30)
    seen = outcomes(tokens)
    assert seen == ["older", "displaced", "displaced", "older", "REISSUE", "ROTATE"]
    top = 10**6
    for record in IssuedToken.objects.order_by("id"):
        IssuedToken.objects.filter(pk=record.pk).update(id=top - record.pk)
    assert outcomes(tokens) == seen
    with statements(3):
        assert refused(tokens[1]) == "displaced"
