"""What a project adds to tokens: claims of its own, the client, how the user logged in."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from jwt_refresh import sessions
from jwt_refresh.core.claims import RESERVED
from jwt_refresh.models import MAX_AMR, IssuedToken, Session
from tests.support.devices import PAIR, Device
from tests.support.http import MINUTE, claims

pytestmark = pytest.mark.django_db

HERE = __name__
answer: Any = {}
"""What the function of this project returns next."""


def function(user: Any, session: Session) -> Any:
    return answer


def told(user: Any, session: Session) -> dict[str, Any]:
    return {"name": user.get_username(), "session": str(session.pk), "turn": session.generation}


def returning(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setattr(f"{HERE}.answer", value)


@pytest.fixture
def extra(settings: Any, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both styles, the function is named by its path."""
    returning(monkeypatch, {})
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLAIMS": f"{HERE}.function"}


def rows() -> list[Any]:
    return [*Session.objects.values(), *IssuedToken.objects.values()]


# CLAIMS


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("hook", [told, f"{HERE}.told"])
def test_a_project_adds_claims_at_login_and_at_each_refresh(
    phone: Device, settings: Any, hook: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLAIMS": hook}
    phone.login()
    for turn in range(3):
        content = claims(phone.token)
        assert (content["name"], content["turn"]) == ("ann@example.com", turn)
        assert content["session"] == content["sid"]
        assert phone.get().status_code == phone.verify().status_code == 200
        clock.shift(MINUTE)
        phone.refresh()


def test_the_refresh_token_of_a_pair_carries_none(phone: Device, settings: Any) -> None:
    """No service reads it."""
    settings.JWT_REFRESH = PAIR | {"CLAIMS": told}
    phone.login()
    assert claims(phone.refresh_token).keys() == {"sub", "sid", "jti", "iat", "exp", "auth_time"}


@pytest.mark.parametrize("name", ["kind", "self", "alg", "typ", "ключ", "", "class"])
def test_a_claim_may_have_any_name_that_is_free(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings.JWT_REFRESH = {"CLAIMS": function}
    returning(monkeypatch, {name: [1, {"deep": None}, "\ud800 2.5"]})
    phone.login()
    assert phone.get().status_code == 200
    assert claims(phone.token)[name] == answer[name]


def test_what_is_reserved_is_known() -> None:
    registered = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
    ours = {"sid", "auth_time", "origin_jti", "client_id", "amr"}
    assert registered | ours | {"acr", "azp", "cnf", "act", "scope"} == RESERVED


USELESS: list[tuple[Any, type[Exception], str]] = [
    *(({name: "x"}, ImproperlyConfigured, f"returned {name}, which") for name in sorted(RESERVED)),
    ({"sub": "1", "exp": 2, "plan": "x"}, ImproperlyConfigured, "returned exp, sub, which"),
    (None, ImproperlyConfigured, "must return a dict"),
    ([("plan", "x")], ImproperlyConfigured, "must return a dict"),
    ({7: "x"}, ImproperlyConfigured, "must return a dict"),
    ({"plan": math.nan}, ValueError, "not JSON compliant"),
    ({"plan": math.inf}, ValueError, "not JSON compliant"),
    ({"plan": {1, 2}}, TypeError, "not JSON serializable"),
    ({"plan": "x" * 8192}, ValueError, "longer than 8192 characters"),
]


@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize(("value", "error", "fault"), USELESS)
def test_a_useless_answer_writes_nothing(
    ann: Any, monkeypatch: pytest.MonkeyPatch, value: Any, error: type[Exception], fault: str
) -> None:
    encoded = sessions.start(ann)
    refreshable = encoded.refresh_token or encoded.access_token
    before = rows()
    returning(monkeypatch, value)
    with pytest.raises(error, match=fault):
        sessions.start(ann)
    with pytest.raises(error, match=fault):
        sessions.refresh(refreshable)
    assert rows() == before
    returning(monkeypatch, {})
    sessions.refresh(refreshable)


# CLIENT_ID


@pytest.mark.usefixtures("style")
def test_the_client_is_named_in_each_token(phone: Device, settings: Any) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLIENT_ID": "shop-web"}
    phone.login()
    for _ in range(2):
        for token in (phone.token, phone.refreshable):
            assert claims(token)["client_id"] == "shop-web"
        assert phone.refresh().status_code == 200
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLIENT_ID": "shop-app"}
    assert phone.get().status_code == 200
    phone.refresh()
    assert claims(phone.token)["client_id"] == "shop-app"


# amr


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("amr", [["pwd", "otp"], ("face",), ["x" * MAX_AMR]])
def test_how_the_user_logged_in_stays_through_each_refresh(
    phone: Device, amr: Any, clock: Any
) -> None:
    tokens = sessions.start(phone.user, amr=amr)
    phone.token, phone.refresh_token = tokens.access_token, tokens.refresh_token or ""
    for _ in range(3):
        assert claims(phone.token)["amr"] == claims(phone.refreshable)["amr"] == [*amr]
        assert phone.get().status_code == 200
        clock.shift(MINUTE)
        phone.refresh()
    assert Session.objects.get().amr == " ".join(amr)


def test_a_login_by_password_claims_no_more_than_it_knows(phone: Device) -> None:
    """Whether a backend asked for more than the password, only the project knows."""
    phone.login()
    assert "amr" not in claims(phone.token)
    assert Session.objects.get().amr == ""


@pytest.mark.parametrize(
    "amr",
    [
        "pwd",
        ["pwd otp"],
        [""],
        ["pwd", ""],
        [" pwd"],
        ["a\tb"],
        ["x" * (MAX_AMR + 1)],
        ["pwd"] * 26,
    ],
)
def test_what_is_no_short_list_of_words_is_refused(ann: Any, amr: Any) -> None:
    with pytest.raises(ValueError, match=r"^amr is a list of words, such as"):
        sessions.start(ann, amr=amr)
    assert not rows()
