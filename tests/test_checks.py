from __future__ import annotations

import inspect
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import ERROR, WARNING, run_checks
from pytest_django import Settings

from jwt_refresh import checks
from jwt_refresh.conf import Conf
from jwt_refresh.models import Session

GOOD = "k3Vd-9sQ_wZ7pLr2XbTn8YcFhJm4GqAu"
"""A secret of 32 characters."""
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NONE = timedelta(0)

BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("E001", "LIFE_TIME", {"LIFE_TIME": MINUTE}),
    ("E002", "LIFETIME", {"LIFETIME": 30}),
    ("E003", "ALGORITHM", {"ALGORITHM": "none"}),
    ("E003", "ALGORITHM", {"ALGORITHM": "hs256"}),
    ("E004", "SECRET", {"SECRET": GOOD[:31]}),
    ("E004", "SECRET", {"SECRET": GOOD, "ALGORITHM": "HS384"}),
    ("E004", "SECRET", {"SECRET": "abcd" * 8}),
    ("E004", "SECRET", {"SECRET": "a-string-secret-at-least-256-bits-long"}),
    ("E004", "SECRET", {"SECRET": ""}),
    ("E004", "SECRET", {"SECRET": []}),
    ("E004", "SECRET", {"SECRET": [GOOD, GOOD[:31]]}),
    ("E005", "LIFETIME", {"LIFETIME": SECOND / 2, "REFRESH_GRACE": NONE}),
    ("E005", "LIFETIME", {"LIFETIME": 400 * DAY + SECOND, "SESSION_LIFETIME": None}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": 30 * MINUTE - SECOND}),
    ("E005", "SESSION_LIFETIME", {"SESSION_LIFETIME": NONE}),
    ("E005", "REFRESH_LIFETIME", {"REFRESH_LIFETIME": 30 * MINUTE - SECOND}),
    ("E005", "REFRESH_LIFETIME", {"REFRESH_LIFETIME": 400 * DAY + SECOND}),
    ("E006", "REFRESH_GRACE", {"REFRESH_GRACE": -SECOND}),
    ("E006", "RETRY_WINDOW", {"RETRY_WINDOW": -SECOND}),
    ("E007", "LEEWAY", {"LEEWAY": -SECOND}),
    ("E007", "LEEWAY", {"LEEWAY": 5 * MINUTE + SECOND}),
    ("E008", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": []}),
    ("E008", "AUTH_HEADER_TYPES", {"AUTH_HEADER_TYPES": ["Bearer", "J W T"]}),
    ("E009", "USER_ID_FIELD", {"USER_ID_FIELD": "shoe_size"}),
    ("E010", "LIFETIMES", {"LIFETIMES": "tests.nowhere.lifetimes"}),
    ("E010", "LIFETIMES", {"LIFETIMES": "tests.conftest.absent"}),
    ("E010", "LIFETIMES", {"LIFETIMES": "tests.conftest.START"}),
    ("E010", "LIFETIMES", {"LIFETIMES": "lifetimes"}),
    ("E011", "MAX_SESSIONS", {"MAX_SESSIONS": 0}),
    ("W003", "REFRESH_GRACE", {"REFRESH_GRACE": 30 * MINUTE}),
]
WITHOUT_A_KEY = {"E012", "W001", "W002", "W004", "W005"}
"""Rules on more than one value of the dict, or none; each has a test of its own."""

FINE: list[dict[str, Any]] = [
    {},
    {"SECRET": None, "ISSUER": None, "AUDIENCE": None},
    {"SECRET": GOOD},
    {"SECRET": "가나다라마바사아자차카"},
    {"SECRET": (GOOD, GOOD[::-1])},
    {"SECRET": GOOD * 2, "ALGORITHM": "HS512"},
    {"ALGORITHM": "HS384", "ISSUER": "https://id.example", "AUDIENCE": "shop"},
    {"LIFETIME": SECOND, "REFRESH_GRACE": NONE, "RETRY_WINDOW": NONE, "LEEWAY": NONE},
    {"LIFETIME": 400 * DAY, "SESSION_LIFETIME": 400 * DAY, "LEEWAY": 5 * MINUTE},
    {"REFRESH_GRACE": 30 * MINUTE - SECOND, "SESSION_LIFETIME": None},
    {"AUTH_HEADER_TYPES": ["Bearer", "JWT", ""]},
    {"USER_ID_FIELD": "email"},
    {"REFRESH_LIFETIME": 30 * MINUTE},
    {"REFRESH_LIFETIME": 400 * DAY, "LIFETIME": 400 * DAY, "SESSION_LIFETIME": None},
    {"REFRESH_LIFETIME": 60 * DAY, "SESSION_LIFETIME": 30 * DAY},
    {"LIFETIMES": "tests.conftest.make_user", "ON_REUSE": "user", "MAX_SESSIONS": 1},
    {"RECORD_CLIENT": "off"},
]

MISTYPED = [
    ("LIFETIME", 1800, "a timedelta"),
    ("LIFETIME", None, "a timedelta"),
    ("LEEWAY", 5, "a timedelta"),
    ("REFRESH_GRACE", "30", "a timedelta"),
    ("RETRY_WINDOW", None, "a timedelta"),
    ("SESSION_LIFETIME", 30.0, "a timedelta or None"),
    ("SECRET", b"bytes", "a string or a list of a string or None"),
    ("SECRET", [GOOD, None], "a string or a list of a string or None"),
    ("SECRET", {GOOD}, "a string or a list of a string or None"),
    ("ALGORITHM", None, "a string"),
    ("ISSUER", 7, "a string or None"),
    ("AUDIENCE", ["shop"], "a string or None"),
    ("AUTH_HEADER_TYPES", "Bearer", "a list of a string"),
    ("AUTH_HEADER_TYPES", ["Bearer", 7], "a list of a string"),
    ("AUTH_HEADER_TYPES", None, "a list of a string"),
    ("USER_ID_FIELD", 7, "a string"),
    ("ON_REUSE", "token", "'session' or 'user'"),
    ("ON_REUSE", None, "'session' or 'user'"),
    ("RECORD_CLIENT", True, "'off' or 'truncated' or 'full'"),
    ("MAX_SESSIONS", True, "a whole number or None"),
    ("MAX_SESSIONS", "3", "a whole number or None"),
    ("LIFETIMES", timedelta, "a string or None"),
]


@pytest.fixture(autouse=True)
def aware(settings: Settings) -> None:
    settings.USE_TZ = True


def found() -> list[Any]:
    """What the checks of this app say, as ``manage.py check`` runs them."""
    return [message for message in run_checks() if str(message.id).startswith("jwt_refresh.")]


def ids() -> list[str]:
    return [message.id.removeprefix("jwt_refresh.") for message in found()]


@pytest.mark.parametrize("given", FINE)
def test_nothing_is_said_of_settings_that_are_fine(
    settings: Settings, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    assert found() == []


def test_nothing_is_said_where_nothing_is_set() -> None:
    assert found() == []


@pytest.mark.parametrize(("expected", "name", "given"), BROKEN)
def test_a_broken_rule_is_named_with_its_key_and_the_mend(
    settings: Settings, expected: str, name: str, given: dict[str, Any]
) -> None:
    settings.JWT_REFRESH = given
    (message,) = found()
    assert message.id == f"jwt_refresh.{expected}"
    assert message.level == (ERROR if expected.startswith("E") else WARNING)
    assert repr(name) in message.msg
    assert message.hint


@pytest.mark.parametrize(("name", "value", "takes"), MISTYPED)
def test_a_wrong_type_is_named_with_the_right_one(
    settings: Settings, name: str, value: object, takes: str
) -> None:
    settings.JWT_REFRESH = {name: value}
    (message,) = found()
    assert message.id == "jwt_refresh.E002"
    assert repr(name) in message.msg
    assert message.hint == f"It takes {takes}."


@pytest.mark.parametrize("name", Conf.__annotations__)
def test_every_setting_has_a_type(settings: Settings, name: str) -> None:
    settings.JWT_REFRESH = {name: object()}
    assert ids() == ["E002"]


@pytest.mark.parametrize("given", [None, [], "LIFETIME", {"LIFETIME"}])
def test_settings_that_are_no_dict_are_an_error(settings: Settings, given: object) -> None:
    settings.JWT_REFRESH = given
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.E002", ERROR)
    assert "JWT_REFRESH must be a dict" in message.msg


@pytest.mark.parametrize("misspelt", ["LIFE_TIME", "lifetime", "LIFTIME", " LIFETIME"])
def test_a_misspelt_key_gets_the_right_spelling(settings: Settings, misspelt: str) -> None:
    settings.JWT_REFRESH = {misspelt: MINUTE}
    (message,) = found()
    assert message.hint == "Did you mean 'LIFETIME'?"


@pytest.mark.parametrize("unknown", ["BLACKLIST_AFTER", 7, None])
def test_a_key_that_is_like_none_gets_the_list_of_keys(settings: Settings, unknown: object) -> None:
    settings.JWT_REFRESH = {unknown: True}
    (message,) = found()
    assert message.id == "jwt_refresh.E001"
    assert repr(unknown) in message.msg
    assert message.hint == f"Known: {', '.join(sorted(Conf.__annotations__))}."


def test_every_fault_is_reported_at_once(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": 7, "LIFETIME": 7, "LIFE_TIME": 7}
    assert sorted(ids()) == ["E001", "E002", "E002"]
    settings.JWT_REFRESH = {"SECRET": "short", "LEEWAY": -SECOND, "USER_ID_FIELD": ""}
    assert ids() == ["E004", "E007", "E009"]


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_key_that_is_short_for_its_algorithm_is_a_warning(
    settings: Settings, algorithm: str, least: int
) -> None:
    settings.JWT_REFRESH = {"ALGORITHM": algorithm}
    settings.SECRET_KEY = (GOOD * 2)[:least]
    assert found() == []
    settings.SECRET_KEY = settings.SECRET_KEY[1:]
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.W001", WARNING)
    assert "SECRET_KEY" in message.msg
    assert str(least) in message.hint
    settings.JWT_REFRESH = {"ALGORITHM": algorithm, "SECRET": GOOD * 2}
    assert found() == []


def test_secret_key_itself_as_secret_is_a_warning(settings: Settings) -> None:
    settings.JWT_REFRESH = {"SECRET": [GOOD, settings.SECRET_KEY]}
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.W002", WARNING)
    assert "'SECRET'" in message.msg
    assert "derived" in message.hint


def test_a_user_model_whose_password_leaves_no_trace_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_hash")
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.W004", WARNING)
    assert message.msg.startswith(get_user_model()._meta.label)
    assert "AbstractBaseUser" in message.hint


class Apart:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model is Session else None


def test_sessions_apart_from_their_users_are_an_error(settings: Settings) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Apart"]
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.E012", ERROR)
    assert "router" in message.hint


def test_naive_times_are_a_warning(settings: Settings) -> None:
    settings.USE_TZ = False
    (message,) = found()
    assert (message.id, message.level) == ("jwt_refresh.W005", WARNING)
    assert "USE_TZ" in message.msg
    assert "ambiguous" in message.hint


def test_every_id_has_a_test() -> None:
    known = set(re.findall(r"\b[EW]\d{3}\b", inspect.getsource(checks)))
    assert known == {expected for expected, _, _ in BROKEN} | WITHOUT_A_KEY


@pytest.mark.parametrize(
    "given",
    [
        {"SECRET": "hunter2"},
        {"SECRET": ["hunter2"]},
        {"SECRET": b"hunter2"},
        {"SECRET": {"key": "hunter2"}},
        {"SECRET": "hunter2", "ALGORITHM": "none"},
        {"SECRTE": "hunter2"},
        {"ALGORITHM": "hunter2"},
        {"USER_ID_FIELD": "hunter2"},
        "hunter2",
        ["hunter2"],
    ],
)
def test_no_value_is_ever_shown(settings: Settings, given: object) -> None:
    settings.JWT_REFRESH = given
    messages = found()
    assert messages
    assert "hunter2" not in repr(messages)


def test_secret_key_is_never_shown(settings: Settings) -> None:
    settings.SECRET_KEY = "hunter2"
    assert ids() == ["W001"]
    settings.JWT_REFRESH = {"SECRET": "hunter2"}
    assert ids() == ["E004", "W002"]
    assert "hunter2" not in repr(found())
