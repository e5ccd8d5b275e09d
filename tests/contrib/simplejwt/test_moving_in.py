"""A front end of simplejwt goes on, with the tokens that it holds, after the project has moved."""

from __future__ import annotations

from datetime import timedelta
from hashlib import md5
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from pytest_django import Settings

from jwt_refresh import sessions
from jwt_refresh.contrib.simplejwt import blacklist, exchanging
from jwt_refresh.contrib.simplejwt import old as old_tokens
from jwt_refresh.contrib.simplejwt.models import ExchangedToken
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import PAIR, PASSWORD, make_user
from tests.support.forging import segment
from tests.support.front import FrontEnd, old_token
from tests.support.honest import Honest, malleated, ring_of
from tests.support.http import DAY, MINUTE, claims
from tests.support.key_pairs import ED, private_pem, public_pem
from tests.support.statements import statements
from tests.support.told import Told, connected, names

from .conftest import Blacklist


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("atomic_requests")
def test_nobody_logs_in_again(tab: FrontEnd, ann: Any, clock: Any) -> None:
    assert tab.who().json() == {"name": ann.get_username(), "user_id": str(ann.pk)}
    for _ in range(3):
        assert tab.refresh().json().keys() == {"access", "refresh"}
        assert tab.who().json() == {"name": ann.get_username(), "user_id": str(ann.pk)}
        clock.shift(10 * DAY)
    assert Session.objects.get().generation == 3


def test_who_logs_in_anew_sees_the_same_shapes(tab: FrontEnd, ann: Any) -> None:
    assert tab.login().json().keys() == {"access", "refresh"}
    assert tab.who().status_code == tab.refresh().status_code == tab.who().status_code == 200
    assert (tab.verify(tab.access).json(), tab.verify(tab.refresh_token).json()) == ({}, {})
    assert tab.logout().json() == {}
    assert {said(it) for it in (tab.refresh(), tab.who(), tab.verify(tab.access))} == {
        (401, "token_not_valid")
    }


@pytest.mark.parametrize("presented", ["old", "exchanged", "new"])
def test_a_logout_tells_django_once(tab: FrontEnd, ann: Any, presented: str) -> None:
    if presented == "exchanged":
        tab.refresh()
    if presented == "new":
        tab.login()
    heard: list[Any] = []

    def hear(user: Any, request: Any, **facts: Any) -> None:
        heard.append((user, request.path))

    with connected(user_logged_out, hear):
        tab.logout()
        tab.logout()
    assert heard == [(ann, "/api/token/blacklist/")]


def said(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_second_tab_and_a_lost_answer_get_the_same_successor(tab: FrontEnd, clock: Any) -> None:
    old = tab.refresh_token
    first = claims(tab.refresh(old).json()["refresh"])["jti"]
    assert claims(tab.refresh(old).json()["refresh"])["jti"] == first
    clock.shift(MINUTE)
    assert claims(tab.refresh(old).json()["refresh"])["jti"] != first
    assert Session.objects.count() == 1


def test_a_lost_answer_is_given_again_past_the_end_of_the_old_token(ann: Any, clock: Any) -> None:
    tab = FrontEnd(ann, refresh=old_token(ann))
    old = tab.refresh_token
    clock.shift(DAY - 1)
    tab.refresh(old)
    clock.shift(MINUTE)
    assert tab.refresh(old).status_code == 200


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("atomic_requests")
def test_a_thief_of_an_old_token_is_found_out(tab: FrontEnd, clock: Any, told: Told) -> None:
    old = tab.refresh_token
    tab.refresh()
    assert tab.who().status_code == 200
    clock.shift(10 * MINUTE)
    assert said(FrontEnd(tab.user).refresh(old)) == (401, "token_not_valid")
    assert said(tab.refresh()) == (401, "token_not_valid")
    assert Session.objects.get().revoked_reason == "reuse"
    assert names(told) == ["started", "refreshed", "reuse", "revoked"]


def test_the_session_is_as_old_as_the_token(ann: Any, clock: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {
        "SESSION_LIFETIME": timedelta(days=30),
        "MAX_SESSIONS": 1,
    }
    other = sessions.start(ann).session
    tab = FrontEnd(ann, refresh=old_token(ann))
    held = claims(tab.refresh_token)
    clock.shift(DAY / 2)
    tab.refresh()
    session = Session.objects.exclude(pk=other.pk).get()
    assert claims(tab.access)["auth_time"] == held["iat"] == session.started_at.timestamp()
    assert session.ends_at is not None
    assert session.ends_at.timestamp() == held["iat"] + DAY / 2 + 30 * DAY
    assert IssuedToken.objects.get(session=session, generation=0).issued_at == session.started_at
    # Whoever is logged in elsewhere is so after the move.
    assert Session.objects.live().count() == 2
    ann.refresh_from_db()
    assert ann.last_login == other.user.last_login


def test_an_end_of_all_sessions_comes_before_that_of_the_token(
    ann: Any, clock: Any, settings: Settings
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"SESSION_LIFETIME": timedelta(hours=1)}
    tab = FrontEnd(ann, refresh=old_token(ann))
    tab.refresh()
    assert Session.objects.get().expires_at.timestamp() == claims(old_token(ann))["iat"] + 3600


@pytest.mark.parametrize(
    "claim", [{"exp": 10**30}, *({"iat": at} for at in (None, 0, -1, -(10**30)))]
)
def test_odd_times_of_an_old_token_do_no_harm(ann: Any, claim: dict[str, Any]) -> None:
    tab = FrontEnd(ann, refresh=old_token(ann, **claim))
    assert (tab.refresh().status_code, tab.refresh().status_code) == (200, 200)


def test_no_session_begins_after_now(ann: Any, clock: Any, settings: Settings) -> None:
    """The clock of the server that issued the token was fast."""
    settings.SIMPLE_JWT |= {"LEEWAY": 60}
    now = claims(old_token(ann))["iat"]
    FrontEnd(ann, refresh=old_token(ann, iat=now + 30)).refresh()
    assert Session.objects.get().started_at.timestamp() == now


def test_another_signature_of_a_token_gets_it_no_other_session(
    ann: Any, settings: Settings
) -> None:
    """Else a thief would have one that nobody notices."""
    ring = ring_of("ES256")
    settings.SIMPLE_JWT |= {"ALGORITHM": "ES256", "VERIFYING_KEY": ring.public["PEM"]}
    (private,) = ring.settings["PRIVATE_KEYS"]
    old = Honest(jwt.encode(claims(old_token(ann)), private, algorithm="ES256"), ring)
    for encoded in (old.encoded, old.resigned(malleated(old.signature))):
        assert FrontEnd(ann).refresh(encoded).status_code == 200
    assert Session.objects.count() == 1


def test_a_try_that_is_made_again_with_its_key_gets_the_same_answer(
    tab: FrontEnd, clock: Any
) -> None:
    body, key = {"refresh": tab.refresh_token}, {"Idempotency-Key": "once"}
    found = set()
    for _ in range(2):
        again = tab.http.post("/api/token/refresh/", body, headers=key)
        found.add(claims(again.json()["refresh"])["jti"])
        clock.shift(10 * MINUTE)
    assert len(found) == 1


@pytest.mark.parametrize("path", ["refresh", "verify"])
@pytest.mark.parametrize("holds", ["old", "new"])
def test_the_limits_of_a_session_count_here_as_well(
    tab: FrontEnd, settings: Settings, path: str, holds: str
) -> None:
    settings.SIMPLE_JWT = {}
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"REFRESH_RATE": "3/min"}
    if holds == "new":
        tab.login()
    else:
        tab.refresh()
        # So far it has counted for nobody.
        cache.clear()
    body = {"refresh": tab.refresh_token, "token": tab.refresh_token}
    found = [tab.post(f"token/{path}/", body).status_code for _ in range(4)]
    assert found == [200, 200, 200, 429]


class ReadsElsewhere:
    """A replica that is far behind: it has nothing at all."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_no_decision_is_taken_on_a_replica(tab: FrontEnd, settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsElsewhere"]
    assert router.db_for_read(Session) == "other"
    old = tab.refresh_token
    answers = [tab.who(), tab.verify(old), tab.refresh(), tab.who(), tab.verify(old), tab.logout()]
    assert {it.status_code for it in answers} == {200}
    sessions.purge()
    assert said(tab.refresh(old)) == said(tab.verify(old)) == (401, "token_not_valid")


def test_each_tenant_has_tokens_of_its_own(tab: FrontEnd, settings: Settings) -> None:
    """The request says which."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"ISSUER": lambda request: request.get_host()}
    tab.refresh()
    assert Session.objects.get().address
    answers = [tab.verify(tab.refresh_token), tab.refresh(), tab.verify(tab.access), tab.logout()]
    assert {it.status_code for it in answers} == {200}


def test_the_first_exchange_is_as_many_statements_as_promised(
    ann: Any, blacklisting: Blacklist
) -> None:
    tab = FrontEnd(ann, refresh=old_token(ann))
    old = tab.refresh_token
    blacklist.has_blacklisted("any")
    refresh = 3
    with statements(9 + refresh):
        tab.refresh()
    again = 1
    with statements(1 + again):
        tab.refresh(old)


@pytest.mark.django_db(transaction=True)
def test_an_old_token_is_verified_by_what_became_of_it(tab: FrontEnd, clock: Any) -> None:
    old = tab.refresh_token
    assert tab.verify(tab.access).status_code == tab.verify(old).status_code == 200
    assert tab.refresh(old).status_code == tab.verify(old).status_code == tab.who().status_code
    clock.shift(10 * MINUTE)
    assert said(tab.verify(old)) == (401, "token_not_valid")
    assert tab.refresh().status_code == 200


def test_a_token_that_names_nobody_is_good_for_verify_alone(ann: Any) -> None:
    nobody = old_token(ann, user_id=None)
    assert "user_id" not in claims(nobody)
    tab = FrontEnd(ann, access=nobody, refresh=nobody)
    assert tab.verify(nobody).status_code == 200
    answers = [tab.refresh(), tab.who(), tab.logout()]
    assert {said(it) for it in answers} == {(401, "token_not_valid")}
    assert not Session.objects.exists()


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b"])
def test_a_header_without_a_token_is_answered_as_simplejwt_does(tab: FrontEnd, header: str) -> None:
    answer = tab.http.get("/who/", headers={"Authorization": header})
    assert said(answer) == (401, "bad_authorization_header")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_two_cookies_of_one_name_are_no_such_header(tab: FrontEnd, settings: Settings) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"ACCESS_COOKIE": "access-token"}
    answer = tab.http.get("/who/", headers={"Cookie": "access-token=a; access-token=b"})
    assert said(answer) == (400, "invalid_request")


def test_a_logout_after_the_end_of_everything_is_none(tab: FrontEnd) -> None:
    tab.login()
    Session.objects.all().delete()
    assert tab.logout().status_code == 200


# A token that is over


@pytest.mark.parametrize("kind", ["refresh", "access"])
def test_an_expired_token_of_either_kind_is_refused(ann: Any, clock: Any, kind: str) -> None:
    tab = FrontEnd(ann, access=old_token(ann, "access"), refresh=old_token(ann))
    clock.shift(DAY)
    if kind == "refresh":
        answers = [tab.refresh(), tab.logout(), tab.verify(tab.refresh_token)]
    else:
        answers = [tab.who(), tab.verify(tab.access)]
    assert {said(it) for it in answers} == {(401, "token_not_valid")}
    assert not Session.objects.exists()


def test_the_leeway_of_simplejwt_counts(ann: Any, clock: Any, settings: Settings) -> None:
    tab = FrontEnd(ann, access=old_token(ann, "access"))
    clock.shift(5 * MINUTE)
    assert said(tab.who()) == (401, "token_not_valid")
    for leeway in (1, 1.0, timedelta(seconds=1)):
        settings.SIMPLE_JWT = {"LEEWAY": leeway}
        assert tab.who().status_code == 200
    settings.SIMPLE_JWT = {"LEEWAY": None}
    assert said(tab.who()) == (401, "token_not_valid")


def test_a_token_that_was_logged_out_stays_so_when_its_session_is_purged(tab: FrontEnd) -> None:
    assert tab.logout().status_code == 200
    sessions.purge()
    assert not Session.objects.exists()
    assert said(tab.refresh()) == said(tab.verify(tab.refresh_token)) == (401, "token_not_valid")
    assert tab.logout().status_code == 401
    assert not Session.objects.exists()
    assert str(ExchangedToken.objects.get()) == str(ExchangedToken.objects.get().sid)


def test_a_blacklisted_token_gets_no_session(tab: FrontEnd, blacklisting: Blacklist) -> None:
    blacklisting.note(7, claims(tab.refresh_token)["jti"])
    assert tab.verify(tab.refresh_token).status_code == 200
    blacklisting.add(7)
    assert said(tab.refresh()) == said(tab.verify(tab.refresh_token)) == (401, "token_not_valid")
    assert not Session.objects.exists()
    assert tab.refresh(old_token(tab.user)).status_code == 200


def test_an_exchanged_token_is_blacklisted_for_those_who_go_back(
    tab: FrontEnd, blacklisting: Blacklist
) -> None:
    blacklisting.note(7, claims(tab.refresh_token)["jti"])
    blacklisting.note(8, "another")
    tab.refresh()
    assert blacklisting.numbers == [7]
    assert tab.refresh().status_code == 200


@pytest.mark.parametrize("inactive", [True, False])
def test_whoever_is_inactive_or_gone_is_refused(tab: FrontEnd, ann: Any, inactive: bool) -> None:
    if inactive:
        get_user_model()._default_manager.update(is_active=False)
    else:
        ann.delete()
    assert said(tab.who()) == (401, "user_inactive")
    assert tab.who().json().keys() == {"detail", "code"}
    assert said(tab.refresh()) == (401, "no_active_account")


def test_a_new_password_counts_where_simplejwt_was_set_to_see_it(
    ann: Any, settings: Settings
) -> None:
    settings.SIMPLE_JWT |= {"CHECK_REVOKE_TOKEN": True, "REVOKE_TOKEN_CLAIM": "pw"}
    digest = md5(ann.password.encode()).hexdigest().upper()
    tab = FrontEnd(
        ann, access=old_token(ann, "access", pw=digest), refresh=old_token(ann, pw=digest)
    )
    assert (tab.who().status_code, tab.refresh(tab.refresh_token).status_code) == (200, 200)
    ann.set_password("another one")
    ann.save()
    other = old_token(ann, "access", pw=digest)
    assert said(tab.who(other)) == (401, "password_changed")
    assert said(tab.refresh(old_token(ann, pw=digest))) == (401, "token_not_valid")


# Clients that never take another refresh token


def test_a_front_end_that_keeps_its_token_goes_on_till_its_end(
    tab: FrontEnd, clock: Any, settings: Settings
) -> None:
    settings.SIMPLE_JWT = {}
    old = tab.refresh_token
    for _ in range(4):
        assert tab.refresh(old).json().keys() == {"access"}
        assert tab.who().status_code == 200
        clock.shift(5 * 60 * MINUTE)
    session = Session.objects.get()
    assert (session.generation, session.state) == (0, "live")
    clock.shift(5 * 60 * MINUTE)
    assert said(tab.refresh(old)) == (401, "token_not_valid")
    tab.login()
    assert tab.refresh().json().keys() == {"access"}


def test_an_audience_that_nobody_asks_for_is_none_of_ours(ann: Any) -> None:
    assert FrontEnd(ann).who(old_token(ann, "access", aud="somebody")).status_code == 200


def test_a_field_of_users_that_is_not_there_finds_nobody(tab: FrontEnd, settings: Settings) -> None:
    settings.SIMPLE_JWT |= {"USER_ID_FIELD": "shoe_size"}
    assert said(tab.who()) == (401, "token_not_valid")


# Tokens that are none


FORGERIES: dict[str, dict[str, Any]] = {
    "without an end": {"exp": None},
    "with an end that is no number": {"exp": "soon"},
    "without an id": {"jti": None},
    "of another type": {"token_type": "sliding"},
    "without a type": {"token_type": None},
    "that names nobody": {"user_id": None},
    "that names a list": {"user_id": [1]},
    "that names no number": {"user_id": "ann"},
    "that is not valid yet": {"nbf": 2**40},
    "for another audience": {"aud": "somebody"},
    "of another issuer": {"iss": "somebody", "aud": "us"},
    "with an end that is a list": {"exp": [1]},
    "with an end that is no number at all": {"exp": float("inf")},
    "that names no user there can be": {"user_id": float("inf")},
    "that is too long": {"more": "x" * 9000},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_token_is_refused(ann: Any, settings: Settings, name: str) -> None:
    if name in ("for another audience", "of another issuer"):
        settings.SIMPLE_JWT |= {"AUDIENCE": "us", "ISSUER": "us"}
        assert FrontEnd(ann).who(old_token(ann, "access", aud="us", iss="us")).status_code == 200
    tab = FrontEnd(
        ann,
        access=old_token(ann, "access", **FORGERIES[name]),
        refresh=old_token(ann, **FORGERIES[name]),
    )
    assert {said(it) for it in (tab.who(), tab.refresh(), tab.logout())} == {
        (401, "token_not_valid")
    }
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        "W3t9XQ." * 2,
        "[" * 5000 + ".a.b",
        f"{segment('[' * 5000)}.a.b",
        "a" * 9000,
        "eyJhbGciOiJub25lIn0.e30.",
    ],
)
def test_any_text_is_refused(ann: Any, text: str) -> None:
    tab = FrontEnd(ann, refresh=text)
    responses = (tab.refresh(), tab.logout(), tab.verify(text))
    assert {said(it) for it in responses} == {(401, "token_not_valid")}


def test_kinds_are_not_confused(tab: FrontEnd, settings: Settings) -> None:
    assert said(tab.who(tab.refresh_token)) == (401, "token_not_valid")
    assert said(tab.refresh(tab.access)) == (401, "token_not_valid")
    settings.SIMPLE_JWT |= {"TOKEN_TYPE_CLAIM": None, "JTI_CLAIM": None}
    assert tab.refresh(old_token(tab.user, "other", jti=None)).status_code == 200


def test_a_token_of_the_sliding_style_is_no_refresh_token(
    tab: FrontEnd, settings: Settings
) -> None:
    pair, settings.JWT_REFRESH = settings.JWT_REFRESH, {}
    token = sessions.start(tab.user).access_token
    settings.JWT_REFRESH = pair
    assert said(tab.refresh(token)) == (401, "token_not_valid")


@pytest.mark.parametrize("path", ["token/", "token/refresh/", "token/verify/", "token/blacklist/"])
@pytest.mark.parametrize("body", [{}, {"refresh": [], "token": {}}, {"refresh": "", "token": ""}])
def test_what_is_missing_is_named(tab: FrontEnd, path: str, body: Any) -> None:
    wanted = {"token/": {tab.user.USERNAME_FIELD, "password"}, "token/verify/": {"token"}}
    response = tab.post(path, body)
    assert response.status_code == 400
    assert response.json().keys() == wanted.get(path, {"refresh"})


def test_a_wrong_password_has_the_code_of_simplejwt(tab: FrontEnd) -> None:
    assert said(tab.login("wrong")) == (401, "no_active_account")
    assert tab.login(PASSWORD).status_code == 200


def test_other_errors_are_ours(tab: FrontEnd) -> None:
    assert said(tab.post("token/refresh/", [])) == (400, "invalid_request")
    for _ in range(10):
        tab.login("wrong")
    assert said(tab.login("wrong")) == (429, "throttled")


def test_a_view_says_messages(tab: FrontEnd) -> None:
    answer = tab.who("x").json()
    sentence = "The token is not valid."
    assert answer == {
        "detail": sentence,
        "code": "token_not_valid",
        "messages": [{"token_class": "AccessToken", "token_type": "access", "message": sentence}],
    }
    assert tab.http.get("/who/").status_code == 401


# Races


def test_a_token_that_is_exchanged_meanwhile_has_one_session(
    tab: FrontEnd, monkeypatch: pytest.MonkeyPatch, blacklisting: Blacklist
) -> None:
    """Between the look for its session and the insert, at each point."""
    blacklisting.note(7, claims(tab.refresh_token)["jti"])
    old, racer = tab.refresh_token, FrontEnd(tab.user)
    read, add = old_tokens.user_of, exchanging._check_unused

    def before(content: Any) -> Any:
        monkeypatch.undo()
        assert racer.refresh(old).status_code == 200
        return read(content)

    monkeypatch.setattr(old_tokens, "user_of", before)
    assert tab.refresh(old).status_code == 200
    assert claims(tab.refresh_token)["jti"] == claims(racer.refresh_token)["jti"]

    old = old_token(tab.user)

    def after(*given: Any) -> None:
        monkeypatch.undo()
        add(*given)
        assert racer.refresh(old).status_code == 200

    monkeypatch.setattr(exchanging, "_check_unused", after)
    assert tab.refresh(old).status_code == 200
    assert claims(tab.refresh_token)["jti"] == claims(racer.refresh_token)["jti"]
    assert Session.objects.count() == 2


def test_a_sliding_style_for_one_login_is_named(tab: FrontEnd, settings: Settings) -> None:
    settings.JWT_REFRESH = {}
    with pytest.raises(ImproperlyConfigured, match="pair style"):
        tab.refresh()
    assert not ExchangedToken.objects.exists()


def test_other_keys_and_algorithms(ann: Any, settings: Settings) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    settings.SIMPLE_JWT |= {
        "ALGORITHM": "EdDSA",
        "VERIFYING_KEY": public.decode(),
        "ISSUER": "us",
        "USER_ID_FIELD": ann.USERNAME_FIELD,
        "USER_ID_CLAIM": "name",
    }
    content = claims(old_token(ann, name=ann.get_username(), iss="us"))
    tab = FrontEnd(ann, refresh=jwt.encode(content, key, algorithm="EdDSA"))
    assert tab.refresh().status_code == 200
    assert claims(tab.access)["name"] == ann.get_username()
    assert said(tab.refresh(old_token(ann))) == (401, "token_not_valid")


def test_a_token_of_ours_is_never_read_as_an_old_one(ann: Any, settings: Settings) -> None:
    """Where one key pair signs both, and old tokens have neither a type nor a user of their own."""
    settings.SIMPLE_JWT = {
        "ALGORITHM": "EdDSA",
        "VERIFYING_KEY": public_pem(ED),
        "USER_ID_CLAIM": "sub",
        "TOKEN_TYPE_CLAIM": None,
    }
    keys = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [private_pem(ED)]}
    settings.JWT_REFRESH = PAIR | keys
    tokens = sessions.start(ann)
    tab = FrontEnd(ann, access=tokens.access_token, refresh=str(tokens.refresh_token))
    assert tab.who().status_code == 200
    assert said(tab.who(tab.refresh_token)) == (401, "token_not_valid")
    assert said(tab.refresh(tab.access)) == (401, "token_not_valid")
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"AUDIENCE": "another stage"}
    assert said(tab.verify(tab.access)) == said(tab.who()) == (401, "token_not_valid")
    old = jwt.encode(claims(old_token(ann, sub=str(ann.pk))), ED, algorithm="EdDSA")
    assert tab.refresh(old).status_code == 200


def test_bob_is_not_ann(tab: FrontEnd) -> None:
    bob = make_user("bob@example.com")
    tab.refresh(old_token(bob))
    assert Session.objects.get().user == bob
