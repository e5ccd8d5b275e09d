"""The admin of logins: look, search and revoke. Nothing is added or edited there."""

from __future__ import annotations

from .sessions import SessionAdmin
from .tokens import IssuedTokenAdmin

__all__ = ["IssuedTokenAdmin", "SessionAdmin"]
