"""The shapes of requests and answers, under the names that they have in a schema of simplejwt's.

What is only sent is write-only, and what is only answered read-only, so that a client that was
generated from such a schema need not be generated anew.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers

from jwt_refresh.serializers import LoginSerializer

from . import old


class TokenObtainPairSerializer(LoginSerializer):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        fields[get_user_model().USERNAME_FIELD].write_only = True
        return fields


class TokenRefreshSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        kept = not old.setting("ROTATE_REFRESH_TOKENS")
        return super().get_fields() | {"refresh": serializers.CharField(write_only=kept)}


class TokenVerifySerializer(serializers.Serializer[Any]):
    token = serializers.CharField(write_only=True)


class TokenBlacklistSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(write_only=True)
