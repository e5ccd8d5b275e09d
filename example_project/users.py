"""The users of the demo, which its command creates and its page names."""

from __future__ import annotations

USERS = [("ann", "violet-harbor-93", False), ("admin", "silver-meadow-27", True)]
"""Name, password, and whether an admin."""
