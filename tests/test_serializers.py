"""The name of a user, whatever the user model says a name is."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from jwt_refresh.serializers import LoginSerializer


def read(name: str, value: str) -> LoginSerializer:
    serializer = LoginSerializer(data={name: value, "password": " x "})
    serializer.is_valid()
    return serializer


def test_a_name_has_the_normal_form_that_the_user_model_stores() -> None:
    name = get_user_model().USERNAME_FIELD
    composed, decomposed = "jos\u00e9@example.com", "jose\u0301@example.com"
    assert read(name, decomposed).validated_data == {name: composed, "password": " x "}


def test_a_name_has_the_type_of_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "last_login")
    value = read("last_login", "2026-11-24T12:00:00").validated_data["last_login"]
    assert (value.year, value.hour) == (2026, 12)
    assert read("last_login", "ann").errors.keys() == {"last_login"}
