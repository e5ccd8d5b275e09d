"""Sessions bound to a key (DPoP, RFC 9449): what an owner does, and what a thief gets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pytest_django import Settings

from jwt_refresh.core.binding import ALGORITHMS
from jwt_refresh.models import IssuedToken, Session
from tests.support.browsing import ACCESS, PAIR_COOKIES, SLIDING_COOKIES, Browser
from tests.support.devices import PAIR, PASSWORD, Device
from tests.support.http import DAY, MINUTE, claims, said
from tests.support.proofs import BoundDevice, ProofKey
from tests.support.statements import statements
from tests.support.told import Told, names

pytestmark = pytest.mark.django_db

COMMITS = pytest.mark.django_db(transaction=True, databases="__all__")
"""Signals wait for a commit."""

REFRESH = "/auth/refresh/"
ALGS = f'algs="{" ".join(ALGORITHMS)}"'
INVALID = (401, "token_invalid", "The token is not valid.")


@pytest.fixture(params=["refresh", "all", "required"])
def dpop(request: pytest.FixtureRequest) -> str:
    """The setting; its tests run under each value that binds."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def owner(ann: Any, style: str, settings: Settings, dpop: str, clock: Any) -> BoundDevice:
    """A device that was logged in with a proof, in both styles."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": dpop}
    device = BoundDevice(ann)
    assert device.login().status_code == 200
    return device


def thief_of(device: Device) -> Device:
    """Somebody who has a copy of the tokens, and no key."""
    thief = Device(device.user)
    thief.token, thief.refresh_token = device.token, device.refresh_token
    return thief


def test_a_login_with_a_proof_is_bound_to_its_key(owner: BoundDevice, dpop: str) -> None:
    assert Session.objects.get().jkt == owner.key.jkt
    bound = dpop != "refresh"
    assert owner.scheme == ("DPoP" if bound else "Bearer")
    assert claims(owner.token).get("cnf") == ({"jkt": owner.key.jkt} if bound else None)
    assert "cnf" not in claims(owner.refreshable) or owner.refreshable == owner.token
    assert owner.get().status_code == 200


def test_an_owner_goes_on_for_good(owner: BoundDevice, clock: Any) -> None:
    for generation in range(1, 6):
        clock.shift(20 * MINUTE)
        assert owner.refresh().status_code == 200
        assert owner.get().status_code == 200
        assert Session.objects.get().generation == generation


@COMMITS
def test_an_older_token_gets_the_current_one_whatever_its_age(
    owner: BoundDevice, clock: Any, told: Told, style: str
) -> None:
    """A tab that slept, a lost answer, a restored backup of the phone: none is a theft."""
    old, successors = owner.refreshable, []
    for _ in range(3):
        clock.shift(20 * MINUTE)
        owner.refresh()
        successors.append(owner.refreshable)
    clock.shift(20 * MINUTE)
    # Past its own end, too, in sliding style.
    assert claims(old)["exp"] < claims(successors[-1])["exp"]
    for presented in (old, *successors[:-1], old):
        assert owner.refresh(presented).status_code == 200
        assert claims(owner.refreshable)["jti"] == claims(successors[-1])["jti"]
        assert owner.get().status_code == 200
    assert Session.objects.get().generation == 3
    assert {*names(told)} <= {"started", "refreshed"}


def test_a_token_with_no_record_gets_the_current_one(owner: BoundDevice, clock: Any) -> None:
    """Its record was lost in a failover, or purged."""
    first = owner.refreshable
    clock.shift(MINUTE)
    owner.refresh()
    clock.shift(10 * MINUTE)
    IssuedToken.objects.all().delete()
    assert owner.refresh(first).status_code == 200


def test_a_session_of_a_key_still_ends(owner: BoundDevice, clock: Any, style: str) -> None:
    """By the row's own end, whatever the token says."""
    clock.shift(31 * DAY)
    code = "token_expired"
    assert said(owner.refresh())[:2] == (401, code)
    assert Session.objects.get().revoked_at is None


def thief_with(key: ProofKey, device: BoundDevice) -> BoundDevice:
    """Somebody who has a copy of the tokens, and a key of his own."""
    thief = BoundDevice(device.user)
    thief.key, thief.scheme = key, device.scheme
    thief.token, thief.refresh_token = device.token, device.refresh_token
    return thief


@COMMITS
@pytest.mark.parametrize("key", [None, ProofKey()], ids=["no proof", "another key"])
def test_a_stolen_token_is_worth_nothing(
    owner: BoundDevice, key: ProofKey | None, told: Told, log: Any, clock: Any
) -> None:
    """It is told, once a minute, and nobody is logged out."""
    told.clear()
    before = Session.objects.values().get()
    thief: Device = thief_of(owner)
    expected = "invalid_dpop_proof"
    if key is not None:
        thief, expected = thief_with(key, owner), "invalid_token"
    for _ in range(3):
        response = thief.refresh()
        assert said(response) == INVALID
        assert response["WWW-Authenticate"] == f'DPoP error="{expected}", {ALGS}'
    assert names(told) == ["violated"]
    assert told[0][1]["session"].pk == before["id"]
    ours = [it for it in log.records if it.name == "jwt_refresh" and it.levelname == "WARNING"]
    assert [it.event for it in ours] == ["binding_violated"]
    clock.shift(MINUTE)
    thief.refresh()
    assert names(told) == ["violated"] * 2
    assert Session.objects.values().get() == before
    assert owner.refresh().status_code == 200


@pytest.mark.parametrize("key", [None, ProofKey()], ids=["no proof", "another key"])
def test_a_stolen_access_token_is_worth_as_much_as_the_setting_says(
    owner: BoundDevice, key: ProofKey | None, dpop: str
) -> None:
    thief = thief_of(owner) if key is None else thief_with(key, owner)
    statuses = {thief.get(path).status_code for path in ("/me/", "/me/stateless/", "/hello/")}
    assert statuses == ({200} if dpop == "refresh" else {401})


def test_a_refresh_asks_for_a_nonce_and_takes_it(owner: BoundDevice, clock: Any) -> None:
    clock.shift(MINUTE)
    with statements(0):
        first = owner.refresh(DPoP=owner.key.proof("POST", REFRESH))
    assert said(first) == INVALID
    assert first["WWW-Authenticate"] == f'DPoP error="use_dpop_nonce", {ALGS}'
    proof = owner.key.proof("POST", REFRESH, nonce=first["DPoP-Nonce"])
    with statements(3):
        assert owner.refresh(DPoP=proof).status_code == 200
    # A reissue reads the session, and nothing more, however old the token is.
    first_token = owner.refreshable
    clock.shift(MINUTE)
    owner.refresh()
    nonce = owner.refresh(DPoP=owner.key.proof("POST", REFRESH))["DPoP-Nonce"]
    with statements(1):
        proof = owner.key.proof("POST", REFRESH, nonce=nonce)
        assert owner.refresh(first_token, DPoP=proof).status_code == 200


def test_a_proof_is_good_once(owner: BoundDevice, clock: Any) -> None:
    nonce = owner.refresh(DPoP=owner.key.proof("POST", REFRESH))["DPoP-Nonce"]
    proof = owner.key.proof("POST", REFRESH, nonce=nonce)
    assert owner.refresh(DPoP=proof).status_code == 200
    with statements(0):
        again = owner.refresh(DPoP=proof)
    assert said(again) == INVALID
    assert again["WWW-Authenticate"] == f'DPoP error="invalid_dpop_proof", {ALGS}'
    assert "DPoP-Nonce" not in again


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_wrong_clock_locks_no_owner_out(
    ann: Any, owner: BoundDevice, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says that it wants its nonce, which shows the age of a proof as well."""
    made = ProofKey.proof

    def off(key: ProofKey, *args: Any, **claims: Any) -> str:
        return made(key, *args, **{"iat": int(time.time()) + hours * 3600} | claims)

    monkeypatch.setattr(ProofKey, "proof", off)
    assert owner.refresh().status_code == 200
    assert owner.get().status_code == 200
    assert owner.login().status_code == 200


def test_what_a_script_made_for_later_is_worth_nothing(owner: BoundDevice, clock: Any) -> None:
    """RFC 9449 section 11.2: it had the key for a moment, and has the token for good."""
    later = int(time.time()) + 20 * MINUTE
    nonce = owner.refresh(DPoP=owner.key.proof("POST", REFRESH))["DPoP-Nonce"]
    kept = [
        owner.key.proof("POST", REFRESH, iat=later),
        owner.key.proof("POST", REFRESH, iat=later, nonce=nonce),
    ]
    clock.shift(20 * MINUTE)
    for proof in kept:
        response = owner.refresh(DPoP=proof)
        assert said(response) == INVALID
        assert "use_dpop_nonce" in response["WWW-Authenticate"]


def test_a_logout_needs_no_key(owner: BoundDevice) -> None:
    """Who has lost it must be able to end the session all the same."""
    assert thief_of(owner).logout().status_code == 204
    assert Session.objects.get().revoked_reason == Session.Reason.LOGOUT
    assert owner.logout().status_code == 204
    assert said(owner.refresh())[1] == "session_revoked"


def test_verify_says_what_the_request_would_get(owner: BoundDevice, dpop: str, style: str) -> None:
    assert owner.verify().status_code == 200
    assert owner.post("/auth/verify/", token=owner.refreshable).status_code == 200
    bearer = dpop == "refresh"
    assert thief_of(owner).verify().status_code == (200 if bearer else 401)
    of_refresh = thief_of(owner).post("/auth/verify/", {"token": owner.refreshable}, token=None)
    assert of_refresh.status_code == (200 if bearer and style == "sliding" else 401)


def test_a_new_password_keeps_the_key(owner: BoundDevice, dpop: str) -> None:
    assert owner.change_password("another, which is as long").status_code == 200
    assert Session.objects.live().get().jkt == owner.key.jkt
    assert thief_of(owner).refresh().status_code == 401
    assert owner.refresh().status_code == 200


def test_bound_and_unbound_sessions_live_side_by_side(
    owner: BoundDevice, clock: Any, settings: Settings, dpop: str
) -> None:
    phone = Device(owner.user)
    if dpop == "required":
        refused = phone.login()
        assert said(refused) == INVALID
        assert refused["WWW-Authenticate"] == f'DPoP error="invalid_dpop_proof", {ALGS}'
        assert Session.objects.count() == 1
        settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "refresh"}
    assert phone.login().json()["token_type"] == "Bearer"
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": dpop}
    # A setting is for logins to come.
    assert phone.get().status_code == phone.refresh().status_code == 200
    listed = {it["sid"]: it["jkt"] for it in owner.get("/auth/sessions/").json()}
    assert listed == {claims(owner.token)["sid"]: owner.key.jkt, claims(phone.token)["sid"]: ""}


def test_the_oldest_session_makes_room_whatever_its_key(
    owner: BoundDevice, settings: Settings, clock: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"MAX_SESSIONS": 1}
    clock.shift(MINUTE)
    other = BoundDevice(owner.user, "EdDSA")
    assert other.login().status_code == 200
    assert Session.objects.live().get().jkt == other.key.jkt
    assert said(owner.refresh())[1] == "session_revoked"


def test_a_session_stays_bound_where_the_setting_is_off(
    owner: BoundDevice, settings: Settings, clock: Any, dpop: str
) -> None:
    """What is bound must not come loose by a change of the settings."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "refresh"}
    clock.shift(MINUTE)
    assert owner.refresh().json()["token_type"] == "Bearer"
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "off"}
    clock.shift(MINUTE)
    assert thief_of(owner).refresh().status_code == 401
    assert owner.refresh().status_code == 200
    assert owner.get().status_code == 200
    assert owner.login().status_code == 200
    assert Session.objects.get(pk=claims(owner.token)["sid"]).jkt == ""


@COMMITS
def test_an_owner_who_is_asked_for_a_nonce_has_violated_nothing(
    owner: BoundDevice, settings: Settings, told: Told
) -> None:
    """Also where the proof is looked at last, since the setting does not ask for any."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "off"}
    for _ in range(2):
        body = {"refresh_token": owner.refreshable}
        assert owner.post(REFRESH, body, token=None).status_code == 200
    assert "violated" not in names(told)


# By cookie


def log_in(browser: Browser, key: ProofKey) -> Any:
    name = browser.user.USERNAME_FIELD
    credentials = {name: browser.user.get_username(), "password": PASSWORD}
    return browser.post("/auth/login/", credentials, DPoP=key.proof("POST", "/auth/login/"))


@pytest.mark.parametrize("cookies", [SLIDING_COOKIES, PAIR_COOKIES], ids=["sliding", "pair"])
def test_a_page_with_cookies_sends_its_proof_beside_them(
    ann: Any, settings: Settings, clock: Any, cookies: dict[str, Any]
) -> None:
    """No script can read the token, and a refresh asks for no proof that names it."""
    settings.JWT_REFRESH = cookies | {"DPOP": "refresh"}
    browser, key = Browser(ann), ProofKey()
    assert log_in(browser, key).json()["token_type"] == "Bearer"
    assert Session.objects.get().jkt == key.jkt
    for _ in range(3):
        clock.shift(MINUTE)
        assert browser.get().status_code == 200
        without = browser.refresh()
        assert said(without) == INVALID
        # The owner may have just forgotten the proof: the cookies stay.
        assert without.cookies == {}
        nonce = browser.refresh(DPoP=key.proof("POST", REFRESH))["DPoP-Nonce"]
        again = browser.refresh(DPoP=key.proof("POST", REFRESH, nonce=nonce))
        assert again.status_code == 200
        assert set(again.cookies) == set(browser.cookies)
    assert browser.logout().status_code == 204
    assert browser.cookies == {}


def test_a_cookie_with_a_bound_token_needs_a_proof_that_names_it(
    ann: Any, settings: Settings
) -> None:
    """For an app that keeps cookies itself; the check W011 tells pages of it."""
    settings.JWT_REFRESH = SLIDING_COOKIES | {"DPOP": "all"}
    browser, key = Browser(ann), ProofKey()
    assert log_in(browser, key).json()["token_type"] == "DPoP"
    token = browser.cookies[ACCESS]
    for proof in (None, key.proof("GET", "/me/"), key.proof("GET", "/me/", token="a.b.c")):
        refused = browser.get(**({} if proof is None else {"DPoP": proof}))
        assert said(refused) == INVALID
    assert browser.get(DPoP=key.proof("GET", "/me/", token=token)).status_code == 200


# Other doors


@pytest.mark.parametrize("dpop", ["all"])
def test_each_guard_hands_on_the_nonce(owner: BoundDevice) -> None:
    """Of a project's own views too, by its own exception handler."""
    places = ["/me/", "/me/handled/", "/me/stateless/", "/hello/", "/hello/async/", "/hello/class/"]
    for where in places:
        proof = owner.key.proof("GET", where, token=owner.token, iat=0)
        refused = owner.get(where, DPoP=proof)
        assert said(refused) == INVALID
        assert refused["WWW-Authenticate"] == f'DPoP error="use_dpop_nonce", {ALGS}'
        nonce = refused["DPoP-Nonce"]
        assert refused["Cache-Control"] == "no-store"
        proof = owner.key.proof("GET", where, token=owner.token, iat=0, nonce=nonce)
        assert owner.get(where, DPoP=proof).status_code == 200
    where = "/rotating/"
    for error in ("use_dpop_nonce", "invalid_dpop_proof"):
        proof = owner.key.proof("POST", where) if error[0] == "u" else "x"
        refused = owner.post(where, {"token": owner.refreshable}, DPoP=proof)
        assert error in refused["WWW-Authenticate"]
        assert ("DPoP-Nonce" in refused) is (error == "use_dpop_nonce")


@pytest.mark.parametrize("dpop", ["all"])
def test_a_page_in_a_cache_is_not_given_to_whoever_has_the_token_alone(
    owner: BoundDevice, dpop: str
) -> None:
    for where in ("/me/", "/hello/", "/me/stateless/", "/me/optional/"):
        vary = owner.get(where)["Vary"].split(", ")
        assert {"Authorization", "DPoP"} <= set(vary)


@pytest.mark.usefixtures("atomic_requests")
@COMMITS
def test_transactions_round_requests_make_no_difference(
    ann: Any, settings: Settings, clock: Any, told: Told
) -> None:
    settings.JWT_REFRESH = PAIR | {"DPOP": "all"}
    owner = BoundDevice(ann)
    owner.login()
    first = owner.refresh_token
    for _ in range(3):
        clock.shift(20 * MINUTE)
        assert owner.refresh().status_code == owner.get().status_code == 200
    assert owner.refresh(first).status_code == 200
    assert thief_of(owner).refresh().status_code == 401
    assert owner.change_password("another, which is as long").status_code == 200
    assert owner.refresh().status_code == owner.logout().status_code - 4 == 200
    assert names(told) == [
        *("started", *["refreshed"] * 4, "violated"),
        *("revoked", "started", "refreshed", "revoked"),
    ]
