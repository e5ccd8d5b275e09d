"""Social logins by python-social-auth, whose sessions ``docs/extending.md`` exchanges for tokens.

The provider is a stand-in; the cases are in ``social/cases.py``.
"""

from __future__ import annotations

import pytest

from tests.contrib.running import run_cases

pytestmark = pytest.mark.full


def test_a_page_logs_in_at_a_provider() -> None:
    assert "passed" in run_cases("social", "defusedxml.cElementTree is deprecated")
