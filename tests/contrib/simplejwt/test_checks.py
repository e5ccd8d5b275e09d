from __future__ import annotations

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from tests.support.devices import PAIR


def found() -> list[str | None]:
    return [
        message.id
        for message in run_checks()
        if message.id in ("jwt_refresh.E036", "jwt_refresh.E037", "jwt_refresh.E038")
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["jwt_refresh.E036"]),
        ({"REFRESH_LIFETIME": None}, ["jwt_refresh.E036"]),
        ({"REFRESH_LIFETIME": None, "LOGIN_LIFETIMES": None}, ["jwt_refresh.E036"]),
        (PAIR, []),
        ({"LOGIN_LIFETIMES": "tests.support.devices.PAIR"}, []),
    ],
)
def test_the_sliding_style_serves_no_front_end_of_simplejwt(
    settings: Settings, given: dict[str, object], expected: list[str]
) -> None:
    settings.JWT_REFRESH = given
    assert found() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ALGORITHM": "HS512"}, []),
        ({"ALGORITHM": "RS256", "VERIFYING_KEY": "of some length"}, []),
        ({"ALGORITHM": "RS256"}, ["jwt_refresh.E037"]),
        ({"ALGORITHM": None}, ["jwt_refresh.E037"]),
        ({"ALGORITHM": "ES256", "JWK_URL": "https://id.example.com/"}, ["jwt_refresh.E037"]),
    ],
)
def test_a_public_key_must_be_given(
    settings: Settings, given: dict[str, object], expected: list[str]
) -> None:
    settings.SIMPLE_JWT = given
    assert found() == expected


@pytest.mark.parametrize(
    ("field", "expected"), [("id", []), ("pk", []), ("email", []), ("uuid", ["jwt_refresh.E038"])]
)
def test_old_tokens_name_a_user_by_a_field_that_there_is(
    settings: Settings, field: str, expected: list[str]
) -> None:
    settings.SIMPLE_JWT = {"USER_ID_FIELD": field}
    assert found() == expected
