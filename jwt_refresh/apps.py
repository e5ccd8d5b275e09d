from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JWTRefreshConfig(AppConfig):
    name = "jwt_refresh"
    verbose_name = _("JWT logins")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401
