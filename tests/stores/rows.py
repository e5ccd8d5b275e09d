"""A session as ``stores.query`` finds it, and a row with the types of its values."""

from __future__ import annotations

from typing import Any

from django.db import models

from jwt_refresh.models import Session
from jwt_refresh.stores.query import Columns, session_with_user

DEFAULT = "default"


def columns(row: models.Model) -> dict[str, tuple[type, Any]]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: (type(value), value) for name, value in values.items()}


def find(session: Session, columns: Columns | None = None) -> Session:
    found = session_with_user(session.pk, DEFAULT, columns)
    assert found is not None
    return found
