from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class JWTRefreshConfig(AppConfig):
    name = "jwt_refresh"
    verbose_name = _("JWT logins")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.db.models.signals import pre_save

        from . import checks  # noqa: F401
        from .sessions.passwords import carry_over

        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401

        pre_save.connect(carry_over, sender=get_user_model())
