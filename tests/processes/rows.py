"""The rows as they must be, and as if time had passed."""

from __future__ import annotations

from datetime import timedelta

from jwt_refresh.models import IssuedToken, Session


def age(seconds: int = 3600) -> None:
    """So many seconds pass for all rows; the default is longer than any grace of these tests."""
    by = timedelta(seconds=seconds)
    for session in Session.objects.all():
        session.started_at -= by
        session.rotated_at -= by
        session.issued_at -= by
        session.save(update_fields=["started_at", "rotated_at", "issued_at"])
    for token in IssuedToken.objects.all():
        token.issued_at -= by
        token.save()


def check_rows() -> None:
    """Every session has its current token on record, and one or more of each generation."""
    for session in Session.objects.all():
        generations = {token.jti: token.generation for token in records_of(session)}
        assert [*generations.items()][-1] == (session.current_jti, session.generation)
        assert sorted({*generations.values()}) == [*range(session.generation + 1)]
        if session.generation:
            assert generations[str(session.previous_jti)] == session.generation - 1


def records_of(session: Session) -> list[IssuedToken]:
    return [*IssuedToken.objects.filter(session=session).order_by("id")]
