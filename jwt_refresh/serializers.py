"""The shapes of requests and answers. They never act."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from rest_framework import serializers

__all__ = ["LoginSerializer", "TransportLoginSerializer"]

BODY = "body"
"""The transport of tokens that a client may ask for instead of cookies."""
MAX_INPUT = 4096
"""Longest user name or password that is looked at: hashing a longer one would be an attack."""


class LoginSerializer(serializers.Serializer[Any]):
    """The user model's ``USERNAME_FIELD``, and ``password`` exactly as it was typed.

    A project may derive its own from it, with further fields.
    """

    password = serializers.CharField(max_length=MAX_INPUT, trim_whitespace=False, write_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        username = {get_user_model().USERNAME_FIELD: serializers.CharField(max_length=MAX_INPUT)}
        return username | super().get_fields()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Give the user name the type and the normal form that the user model stores."""
        model = get_user_model()
        name = model.USERNAME_FIELD
        field: Any = model._meta.get_field(name)
        try:
            value = field.to_python(attrs[name])
        except ValidationError as error:
            raise serializers.ValidationError({name: error.messages}) from None
        return attrs | {name: model.normalize_username(value) if isinstance(value, str) else value}


class TransportLoginSerializer(LoginSerializer):
    """A login where cookies are set up, of a client that may want its tokens in the body."""

    # The usual sentence would repeat what was sent, even letters that no answer can hold.
    transport = serializers.ChoiceField(
        [BODY],
        required=False,
        error_messages={"invalid_choice": serializers.CharField.default_error_messages["invalid"]},
    )


class TokenResponseSerializer(serializers.Serializer[Any]):
    """A token response (RFC 6749 section 5.1)."""

    access_token = serializers.CharField()
    token_type = serializers.CharField(
        default="Bearer", read_only=True, help_text="DPoP for a bound token"
    )
    expires_in = serializers.IntegerField(help_text="seconds")
    refresh_token = serializers.CharField(required=False, help_text="in pair style")
    refresh_expires_in = serializers.IntegerField(required=False, help_text="seconds")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {name: value for name, value in shown.items() if value is not None}


class SessionSerializer(serializers.Serializer[Any]):
    """A session as its user sees it."""

    sid = serializers.UUIDField(source="pk")
    started_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="to the hour")
    ends_at = serializers.DateTimeField(allow_null=True)
    address = serializers.CharField()
    agent = serializers.CharField()
    jkt = serializers.CharField(help_text="thumbprint of the key that it is bound to, or empty")
    current = serializers.SerializerMethodField(help_text="whether it is that of the request")

    def get_current(self, session: Any) -> bool:
        current: UUID | None = self.context["current"]
        return session.pk == current  # type: ignore[no-any-return]


class TokenSerializer(serializers.Serializer[Any]):
    """A token in the body; it may also come in the header."""

    token = serializers.CharField(required=False)


class RefreshableTokenSerializer(TokenSerializer):
    """A refreshable token in the body, under either name."""

    refresh_token = serializers.CharField(required=False)


class VerifyResponseSerializer(serializers.Serializer[Any]):
    """The answer of ``verify`` on a token that would serve now."""

    active = serializers.BooleanField(default=True, read_only=True)
    expires_in = serializers.IntegerField(help_text="seconds")


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error: a sentence for people, and a word for programs."""

    detail = serializers.CharField()
    code = serializers.CharField()


class ThrottledSerializer(ErrorSerializer):
    """The error of too many tries."""

    retry_after = serializers.IntegerField(help_text="seconds, as in the header Retry-After")


class JWKSetSerializer(serializers.Serializer[Any]):
    """Public keys (RFC 7517 section 5)."""

    keys = serializers.ListField(child=serializers.DictField())
