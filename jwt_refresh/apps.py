from __future__ import annotations

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class JWTRefreshConfig(AppConfig):
    name = "jwt_refresh"
    verbose_name = _("JWT logins")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import pre_delete, pre_save

        from . import checks  # noqa: F401
        from .models import Session
        from .sessions.ending import revoke_deleted
        from .sessions.passwords import carry_over

        # A setting that is not there costs each look-up an exception, and a request has a dozen.
        if not hasattr(settings, "JWT_REFRESH"):
            settings.JWT_REFRESH = {}

        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401

        pre_save.connect(carry_over)
        # Proxies too, each by its name: one receiver for all senders would make Django read every
        # row of a project, of whatever model, before it deletes it.
        for model in apps.get_models():
            if issubclass(model, Session):
                pre_delete.connect(revoke_deleted, sender=model)
