from __future__ import annotations

from typing import Any

from django.urls import include, path

from tests import urls
from tests.support.documents import block_with

urlpatterns: list[Any] = [*urls.urlpatterns, path("", include("social_django.urls"))]
exec(block_with("logins.social import SocialTokensView"))
