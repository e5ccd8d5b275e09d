from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class SimpleJWTConfig(AppConfig):
    name = "jwt_refresh.contrib.simplejwt"
    label = "jwt_refresh_simplejwt"
    verbose_name = _("Tokens of simplejwt")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import pre_save

        from jwt_refresh.sessions.ending import user_ending

        from . import checks, cutoff  # noqa: F401

        pre_save.connect(cutoff.at_new_password)
        user_ending.connect(cutoff.at_end_of_all)

        if apps.is_installed("drf_spectacular"):
            from . import spectacular  # noqa: F401
