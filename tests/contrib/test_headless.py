"""Logins by django-allauth's headless API: passwords, second factors, codes, passkeys, providers.

The strategy of ``docs/extending.md`` hands out the tokens; the cases are in ``headless/cases.py``.
"""

from __future__ import annotations

import pytest

from tests.contrib.running import run_cases

pytestmark = pytest.mark.full


def test_an_app_logs_in_through_the_headless_api() -> None:
    assert "passed" in run_cases("headless")
