"""What a project adds to tokens: claims of its own, the client, how the user logged in."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy

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
    assert registered | ours | {"acr", "azp", "cnf", "scope"} == RESERVED


CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)
USELESS: list[tuple[Any, type[Exception], str]] = [
    *(({name: "x"}, ImproperlyConfigured, f"returned {name}, which") for name in sorted(RESERVED)),
    ({"sub": "1", "exp": 2, "plan": "x"}, ImproperlyConfigured, "returned exp, sub, which"),
    (None, ImproperlyConfigured, "must return a dict"),
    ([("plan", "x")], ImproperlyConfigured, "must return a dict"),
    ({7: "x"}, ImproperlyConfigured, "must return a dict"),
    *(
        ({"name": "Ann", "plan": value}, ImproperlyConfigured, f"'CLAIMS'.* 'plan', .*{fault}")
        for value, fault in (
            (math.nan, "not JSON compliant"),
            (math.inf, "not JSON compliant"),
            ({1, 2}, "not JSON serializable"),
            (b"free", "not JSON serializable"),
            ([{"at": time(12, tzinfo=UTC)}], "timezone-aware times"),
            ({UUID(int=1): "x"}, "keys must be str"),
            ({1: "x", "1": "y"}, "a member occurs twice"),
            ({"a": [{None: 1, "null": 2}]}, "a member occurs twice"),
            (CIRCULAR, "Circular"),
            (10**5000, "4300 digits"),
        )
    ),
    ({"plan": "x" * 8192}, ImproperlyConfigured, "'CLAIMS'.* too much.* than 8192 characters"),
]


def test_a_claim_that_is_nested_too_deep_is_named(
    ann: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    settings.JWT_REFRESH = {"CLAIMS": function}
    returning(monkeypatch, {"plan": nested})
    with pytest.raises(ImproperlyConfigured, match=r"'CLAIMS'.* 'plan', which JSON cannot hold"):
        sessions.start(ann)
    assert not rows()


WRITTEN: dict[str, tuple[Any, Any]] = {
    "UUID": (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "Decimal": (Decimal("10.50"), "10.50"),
    "date": (date(2026, 11, 24), "2026-11-24"),
    "datetime": (datetime(2026, 11, 24, 12, 0, 1, 2345, tzinfo=UTC), "2026-11-24T12:00:01.002Z"),
    "time": (time(12, 30), "12:30:00"),
    "timedelta": (timedelta(hours=1), "P0DT01H00M00S"),
    "lazy text": (gettext_lazy("A token is required."), "A token is required."),
    "tuple": ((1, None), [1, None]),
    "numbers as names": ({1: {2.5: True}}, {"1": {"2.5": True}}),
}


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize(("value", "written"), WRITTEN.values(), ids=WRITTEN)
def test_a_claim_is_written_as_django_writes_json(
    phone: Device, settings: Any, monkeypatch: pytest.MonkeyPatch, value: Any, written: Any
) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"CLAIMS": function}
    returning(monkeypatch, {"plan": value, "deep": [{"er": value}]})
    phone.login()
    for _ in range(2):
        assert phone.get().status_code == 200
        content = claims(phone.token)
        assert (content["plan"], content["deep"]) == (written, [{"er": written}])
        assert phone.refresh().status_code == 200


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


# USER_ID_FIELD


@pytest.mark.usefixtures("style")
@pytest.mark.parametrize("value", ["", None, "a\nb", "x" * 256])
def test_a_user_whom_nothing_names_gets_no_token(ann: Any, settings: Any, value: Any) -> None:
    settings.JWT_REFRESH = settings.JWT_REFRESH | {"USER_ID_FIELD": "nickname"}
    ann.nickname = value
    with pytest.raises(ImproperlyConfigured, match=r"'USER_ID_FIELD'.*: nickname of this user is"):
        sessions.start(ann)
    assert not rows()


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
