from __future__ import annotations

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class JWTRefreshConfig(AppConfig):
    name = "jwt_refresh"
    verbose_name = _("JWT logins")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import pre_save

        from . import checks  # noqa: F401
        from .sessions.passwords import carry_over

        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401

        # By name: a check tells those whose user model is not there.
        pre_save.connect(carry_over, sender=settings.AUTH_USER_MODEL)
