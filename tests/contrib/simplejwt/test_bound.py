"""The addresses of simplejwt with sessions that are bound to a key (RFC 9449)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from jwt_refresh.models import Session
from tests.support.devices import PASSWORD
from tests.support.front import FrontEnd
from tests.support.proofs import ProofKey

pytestmark = pytest.mark.django_db

KEY = ProofKey()


class ProvingEnd(FrontEnd):
    """A front end that was taught to send proofs, if only with the nonce that it was given."""

    nonce = "x"
    scheme = "Bearer"

    def post(self, path: str, body: Any) -> Any:
        where = f"/api/{path}"
        proof = KEY.proof("POST", where, nonce=self.nonce, token=body.get("token", ""))
        return self.http.post(where, body, content_type="application/json", headers={"DPoP": proof})

    def who(self, token: str | None = None) -> Any:
        proof = KEY.proof("GET", "/who/", token=self.access, nonce=self.nonce)
        headers = {"Authorization": f"{self.scheme} {self.access}", "DPoP": proof}
        return self.http.get("/who/", headers=headers)

    def log_in(self) -> None:
        self.nonce = self.login()["DPoP-Nonce"]
        assert self.login().status_code == 200


@pytest.mark.parametrize("dpop", ["refresh", "all", "required"])
def test_a_front_end_that_proves_its_key_is_bound_to_it(
    ann: Any, settings: Settings, dpop: str
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": dpop}
    tab = ProvingEnd(ann)
    tab.log_in()
    assert Session.objects.get().jkt == KEY.jkt
    thief = FrontEnd(ann, access=tab.access, refresh=tab.refresh_token)
    for _ in range(2):
        assert tab.refresh().status_code == 200
    # The answer of simplejwt has no member that would say so.
    tab.scheme = "Bearer" if dpop == "refresh" else "DPoP"
    assert tab.who().status_code == 200
    assert tab.verify(tab.access).status_code == 200
    for refused in (thief.refresh(), thief.refresh(tab.refresh_token)):
        assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")
        assert refused["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof", ')
    assert thief.verify(tab.refresh_token).status_code == 401
    bound = dpop != "refresh"
    assert thief.who().status_code == thief.verify(tab.access).status_code == 200 + 201 * bound
    # With a proof that is no good, too: who has lost the key must be able to end it.
    tab.nonce = "x"
    assert tab.logout().json() == {}
    assert Session.objects.live().count() == 0


@pytest.mark.usefixtures("clock")
def test_a_token_of_simplejwt_is_exchanged_for_a_session_without_a_key(
    tab: FrontEnd, ann: Any, settings: Settings
) -> None:
    """Also where each login needs one: nobody is logged out by the move."""
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "required"}
    assert tab.who().status_code == tab.refresh().status_code == tab.who().status_code == 200
    assert Session.objects.get().jkt == ""
    refused = tab.login()
    assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")
    assert "invalid_dpop_proof" in refused["WWW-Authenticate"]


@pytest.mark.usefixtures("clock")
def test_a_wrong_clock_is_given_a_nonce_at_each_address(ann: Any, settings: Settings) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "all"}
    tab = ProvingEnd(ann)
    tab.log_in()
    tab.scheme, tab.nonce = "DPoP", "x"
    for refused in (tab.refresh(), tab.who(), tab.verify(tab.access), tab.login(PASSWORD)):
        assert refused.status_code == 401
        assert "use_dpop_nonce" in refused["WWW-Authenticate"]
        assert refused["DPoP-Nonce"]
