from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SimpleJWTConfig(AppConfig):
    name = "jwt_refresh.contrib.simplejwt"
    label = "jwt_refresh_simplejwt"
    verbose_name = _("Tokens of simplejwt")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401
