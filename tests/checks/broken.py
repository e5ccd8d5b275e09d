"""A module of a project that fails while it is loaded."""

from __future__ import annotations

raise RuntimeError("hunter2")
