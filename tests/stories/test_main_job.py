"""The main job over HTTP, end to end, with ATOMIC_REQUESTS on and off."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import freezegun
import jwt
import pytest
import time_machine

from jwt_refresh.conf import conf
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import Device
from tests.support.http import DAY, MINUTE, claims, said

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("atomic_requests"),
]

both_styles = pytest.mark.usefixtures("style")


def test_log_in_call_refresh_and_be_refused(phone: Device, clock: time_machine.Traveller) -> None:
    assert phone.login().json().keys() == {"access_token", "token_type", "expires_in"}
    assert phone.get().json()["user"] == "ann@example.com"

    first = phone.token
    clock.shift(20 * MINUTE)
    assert phone.refresh().json()["expires_in"] == 30 * MINUTE
    assert phone.token != first
    clock.shift(20 * MINUTE)
    assert phone.get().status_code == 200

    korean = {"accept_language": "ko"}
    assert said(phone.get(token=first)) == (401, "token_expired", "The token has expired.")
    assert said(phone.get(token=first, **korean))[2] == "토큰이 만료되었습니다."
    clock.shift(20 * MINUTE)
    assert said(phone.refresh()) == (401, "token_expired", "The token has already expired.")
    assert said(phone.refresh(**korean))[2] == "토큰이 이미 만료되었습니다."

    assert said(phone.get(token=None)) == (401, "token_missing", "A token is required.")
    assert said(phone.get(token=None, **korean))[2] == "토큰이 필요합니다."
    forged = phone.token[:-10] + "AAAAAAAAAA"
    assert said(phone.get(token=forged)) == (401, "token_invalid", "The token is not valid.")
    assert said(phone.get(token=forged, **korean))[2] == "유효하지 않은 토큰입니다."


@both_styles
def test_two_tabs_that_refresh_at_once_get_the_same_successor(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    successor = phone.refreshable
    clock.shift(30)
    phone.get()
    assert phone.refresh(first).status_code == 200
    assert phone.refreshable == successor
    assert {"jti", "iat", "exp"} <= claims(successor).keys()


@both_styles
def test_a_superseded_token_that_comes_back_after_its_successor_was_used_ends_the_session(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    stolen = phone.refreshable
    phone.refresh()
    phone.get()
    clock.shift(31)
    assert said(Device(phone.user).refresh(stolen))[:2] == (401, "token_reused")
    assert said(phone.get())[:2] == (401, "session_revoked")
    assert said(phone.refresh())[:2] == (401, "session_revoked")
    assert Session.objects.get().revoked_reason == Session.Reason.REUSE


def test_it_ends_the_session_also_when_it_has_expired_meanwhile(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    stolen = phone.token
    clock.shift(29 * MINUTE)
    phone.refresh()
    phone.get()
    clock.shift(2 * MINUTE)
    assert said(phone.get(token=stolen))[1] == "token_expired"
    assert said(Device(phone.user).refresh(stolen))[1] == "token_reused"
    assert said(phone.get())[1] == "session_revoked"


def test_an_expired_token_whose_successor_nobody_used_is_merely_expired(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.token
    clock.shift(29 * MINUTE)
    phone.refresh()
    clock.shift(2 * MINUTE)
    assert said(Device(phone.user).refresh(first))[1] == "token_expired"
    assert phone.get().status_code == 200


@both_styles
def test_a_client_whose_answer_was_lost_asks_again_and_goes_on(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    lost = phone.refreshable
    clock.shift(5 * MINUTE)
    assert phone.refresh(first).status_code == 200
    assert phone.refreshable != lost
    assert phone.get().status_code == 200
    clock.shift(1)
    assert said(Device(phone.user).refresh(lost))[:2] == (409, "stale_retry")
    clock.shift(31)
    assert said(Device(phone.user).refresh(lost))[:2] == (401, "token_reused")


@both_styles
def test_an_idempotency_key_is_stored_as_a_keyed_hash(phone: Device, settings: Any) -> None:
    """The same in each release: a deployment must not forget the requests that are under way."""
    settings.SECRET_KEY = "s" * 50
    phone.login()
    phone.refresh(idempotency_key="try-1")
    salted = hashlib.sha256(b"jwt_refresh.idempotency" + b"s" * 50).digest()
    expected = hmac.digest(salted, b"try-1", "sha256").hex()
    assert IssuedToken.objects.latest("id").key_hash == expected


def test_a_lost_answer_comes_again_under_a_new_secret_key(
    phone: Device, clock: Any, settings: Any
) -> None:
    """The hash of an Idempotency-Key is known under a retired key, and made with today's."""
    settings.JWT_REFRESH = {"SECRET": "k3Vd-9sQ_wZ7pLr2XbTn8YcFhJm4GqAu"}
    phone.login()
    first = phone.token
    answer = phone.refresh(idempotency_key="try-1").json()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 50
    clock.shift(61)
    assert (
        phone.refresh(first, idempotency_key="try-1").json()["access_token"]
        == answer["access_token"]
    )
    second = phone.refresh(idempotency_key="try-2").json()
    clock.shift(61)
    again = phone.refresh(answer["access_token"], idempotency_key="try-2").json()
    assert again["access_token"] == second["access_token"]


def test_with_an_idempotency_key_the_lost_answer_comes_again(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh(idempotency_key="try-1")
    lost = phone.refreshable
    clock.shift(5 * MINUTE)
    phone.refresh(first, idempotency_key="try-1")
    assert phone.refreshable == lost
    phone.refresh(first, idempotency_key="try-2")
    assert phone.refreshable != lost
    phone.get()
    clock.shift(MINUTE)
    late = Device(phone.user).refresh(lost, idempotency_key="try-2")
    assert said(late)[:2] == (409, "stale_retry")


@both_styles
def test_a_late_duplicate_of_an_old_request_changes_nothing(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    phone.refresh()
    clock.shift(30)
    assert said(Device(phone.user).refresh(first))[:2] == (409, "stale_retry")
    assert phone.get().status_code == 200


@both_styles
def test_a_displaced_token_that_comes_back_after_the_grace_ends_the_session(
    phone: Device, clock: time_machine.Traveller
) -> None:
    """Its holder heard the answer that was taken for lost: somebody else has the old token."""
    phone.login()
    stolen = phone.refreshable
    phone.refresh()
    thief = Device(phone.user)
    clock.shift(MINUTE)
    assert thief.refresh(stolen).status_code == 200
    clock.shift(30)
    assert said(phone.refresh())[:2] == (409, "stale_retry")
    clock.shift(1)
    assert said(phone.refresh())[:2] == (401, "token_reused")
    assert said(thief.refresh())[1] == "session_revoked"


@both_styles
def test_a_late_duplicate_of_a_second_try_does_no_harm(
    phone: Device, clock: time_machine.Traveller
) -> None:
    """The first answer was lost, the second came late in the grace, and so did a duplicate."""
    phone.login()
    first = phone.refreshable
    phone.refresh()
    clock.shift(29)
    phone.refresh(first)
    heard = phone.refreshable
    clock.shift(29)
    duplicate = Device(phone.user)
    assert duplicate.refresh(first).status_code == 200
    assert duplicate.refreshable == heard
    phone.get()
    clock.shift(29)
    assert said(duplicate.refresh(first))[:2] == (409, "stale_retry")
    assert phone.get().status_code == phone.refresh().status_code == 200


def test_a_session_has_an_end_however_often_it_is_refreshed(
    phone: Device, clock: time_machine.Traveller, settings: Any
) -> None:
    settings.JWT_REFRESH = {"SESSION_LIFETIME": timedelta(minutes=50)}
    phone.login()
    logged_in = claims(phone.token)["auth_time"]
    clock.shift(25 * MINUTE)
    assert phone.refresh().json()["expires_in"] == 25 * MINUTE
    assert claims(phone.token)["auth_time"] == logged_in
    clock.shift(25 * MINUTE - 1)
    assert phone.refresh().json()["expires_in"] == 1
    clock.shift(1)
    assert said(phone.get())[1] == said(phone.refresh())[1] == "token_expired"


def test_a_session_without_an_end_goes_on(
    phone: Device, clock: time_machine.Traveller, settings: Any
) -> None:
    settings.JWT_REFRESH = {"SESSION_LIFETIME": None, "LIFETIME": timedelta(days=300)}
    phone.login()
    for _ in range(3):
        clock.shift(299 * DAY)
        assert phone.refresh().json()["expires_in"] == 300 * DAY
    assert Session.objects.get().ends_at is None


@both_styles
def test_logging_out_ends_one_session_and_leaves_the_other(phone: Device, laptop: Device) -> None:
    phone.login()
    laptop.login()
    assert phone.logout().status_code == 204
    assert said(phone.get())[1] == said(phone.refresh())[1] == said(phone.verify())[1]
    assert said(phone.get())[:2] == (401, "session_revoked")
    assert laptop.get().status_code == laptop.refresh().status_code == 200
    assert phone.logout().status_code == 204


def test_a_session_can_be_logged_out_after_its_token_expired(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    clock.shift(31 * MINUTE)
    assert phone.logout().status_code == 204
    assert Session.objects.get().revoked_reason == Session.Reason.LOGOUT


@both_styles
def test_logging_out_everywhere_ends_every_session_of_the_user(
    phone: Device, laptop: Device, bob: Device
) -> None:
    for device in (phone, laptop, bob):
        device.login()
    assert phone.post("/auth/logout/all/").status_code == 204
    assert said(phone.get())[1] == said(laptop.get())[1] == "session_revoked"
    assert bob.get().status_code == 200
    assert said(phone.post("/auth/logout/all/"))[1] == "session_revoked"
    assert said(phone.post("/auth/logout/all/", token=None))[1] == "token_missing"


@both_styles
@pytest.mark.parametrize("refresh_first", [False, True])
def test_what_ends_a_user_ends_the_sessions_on_the_next_request(
    phone: Device, refresh_first: bool
) -> None:
    users = type(phone.user).objects.filter(pk=phone.user.pk)

    def answers() -> set[str]:
        return {said(phone.get())[1], said(phone.refresh())[1], said(phone.verify())[1]}

    def log_in() -> None:
        phone.login()
        if refresh_first:
            phone.refresh()
        assert phone.get().status_code == 200

    log_in()
    users.update(is_active=False)
    assert answers() == {"user_inactive"}
    users.update(is_active=True)
    log_in()
    users.update(password="another")
    assert answers() == {"password_changed"}
    users.update(password=phone.user.password)
    log_in()
    users.delete()
    assert answers() == {"user_inactive"}
    assert not Session.objects.exists()


@both_styles
def test_a_deleted_session_is_gone_though_its_user_is_not(phone: Device) -> None:
    phone.login()
    Session.objects.all().delete()
    assert {said(phone.get())[1], said(phone.refresh())[1]} == {"session_revoked"}
    assert phone.logout().status_code == 204


@both_styles
def test_a_retired_secret_key_ends_nobody(phone: Device, settings: Any) -> None:
    phone.login()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the tests, as long as the one before was at least"
    assert phone.get().status_code == 200
    assert phone.refresh().status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert phone.get().status_code == 200


@both_styles
def test_a_token_can_be_sent_in_the_body_and_a_stale_header_does_not_matter(
    phone: Device,
) -> None:
    phone.login()
    body = {"token": phone.refreshable}
    for path, status in (("verify", 200), ("refresh", 200), ("logout", 204)):
        assert phone.post(f"/auth/{path}/", body, token="stale").status_code == status
        phone.http.post(f"/auth/{path}", body, headers={"Authorization": "Bearer"})


def test_verify_says_how_long_the_token_lasts_and_no_more(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    clock.shift(MINUTE)
    assert phone.verify().json() == {"active": True, "expires_in": 29 * MINUTE}
    clock.shift(30 * MINUTE)
    assert said(phone.verify()) == (401, "token_expired", "The token has expired.")


@both_styles
def test_verify_does_not_count_as_using_the_token(
    phone: Device, clock: time_machine.Traveller
) -> None:
    phone.login()
    first = phone.refreshable
    phone.refresh()
    phone.verify()
    clock.shift(MINUTE)
    assert phone.refresh(first).status_code == 200


@both_styles
def test_a_leaked_key_makes_no_old_token_that_can_be_exchanged(
    phone: Device, clock: time_machine.Traveller
) -> None:
    """The jti of a token that was never issued is in no row. One from before the current token can
    only be a theft; a later one may be what the database lost: ``test_lost_writes.py``."""
    phone.login()
    content = claims(phone.refreshable) | {"jti": "never-issued"}
    clock.shift(1)
    phone.refresh()
    header = jwt.get_unverified_header(phone.refreshable)
    key: Any = conf.keyring().keys[0].signing
    forged = jwt.encode(content, key, headers=header)
    assert said(Device(phone.user).refresh(forged))[:2] == (401, "token_reused")
    assert said(phone.get())[1] == "session_revoked"


@pytest.mark.parametrize("sub", ["0", " 1", "01", "1.0", "no number", "9" * 200])
def test_a_token_for_another_subject_than_the_session_has_is_refused(
    phone: Device, sub: str
) -> None:
    phone.login()
    content = claims(phone.token) | {"sub": sub}
    key: Any = conf.keyring().keys[0].signing
    header = jwt.get_unverified_header(phone.token)
    forged = jwt.encode(content, key, headers=header)
    assert said(phone.get(token=forged))[:2] == (401, "token_invalid")
    gone = jwt.encode(content | {"sid": "no-uuid"}, key, headers=header)
    assert said(phone.get(token=gone))[:2] == (401, "session_revoked")
    Session.objects.all().delete()
    assert said(phone.get(token=forged))[:2] == (401, "user_inactive")


@both_styles
def test_a_frozen_clock_of_another_library_is_seen(phone: Device) -> None:
    """freezegun changes ``time.time`` in the modules that look it up when they use it."""
    with freezegun.freeze_time("2031-05-01 12:00:00"):
        phone.login()
        assert phone.get().status_code == 200
        assert phone.refresh().status_code == 200
    assert said(phone.get())[1] == "token_invalid"
