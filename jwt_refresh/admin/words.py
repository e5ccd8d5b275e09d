"""The words for what the rows of a session hold. Nothing here is safe HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils import formats, timezone
from django.utils.timesince import TIME_STRINGS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions.checking import may_authenticate

BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
"""Names by what a user agent holds; the first one found counts, since most claim to be others."""
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "iOS": "iOS",
    "Linux": "Linux",
}
MAX_PROGRAM = 40
"""Longest name of a program that is not known, in characters."""


class Now(TextChoices):
    """The state of an issued token."""

    CURRENT = "current", pgettext_lazy("state of a token", "current")
    SUPERSEDED = "superseded", pgettext_lazy("state of a token", "superseded")
    DISPLACED = "displaced", pgettext_lazy("state of a token", "displaced")
    EXPIRED = "expired", pgettext_lazy("state of a token", "expired")
    VOID = "void", pgettext_lazy("state of a token", "void")


def program_of(agent: str) -> str:
    """Return the browser or program of a user agent, and its system, as far as they are known."""
    browser = agent.startswith("Mozilla/")
    name = _first(BROWSERS, agent) if browser else agent.partition(" ")[0]
    # What pretends to be a browser and is none that we know is shown as it is.
    program, system = (name or agent)[:MAX_PROGRAM], _first(SYSTEMS, agent) if name else ""
    if not system:
        return program
    return _("%(program)s on %(system)s") % {"program": program, "system": system}


def _first(names: dict[str, str], agent: str) -> str:
    return next((name for sign, name in names.items() if sign in agent), "")


def device_of(session: Session) -> str:
    """Return program and address in one line; empty where neither is recorded."""
    return ", ".join(filter(None, [program_of(session.agent), session.address]))


def reason_of(session: Session) -> str:
    """Return the words for a reason of ours; one of the project as it was given."""
    words = dict(Session.Reason.choices)
    return str(words.get(session.revoked_reason, session.revoked_reason))


def why(session: Session) -> str:
    """Return the reason why a session is over, or is of no use to its user; else nothing."""
    if session.state is Session.State.REVOKED:
        return reason_of(session)
    if session.state is Session.State.ENDED:
        at_last = session.ends_at is not None and session.ends_at <= timezone.now()
        return _("reached its latest end") if at_last else _("not refreshed in time")
    if not may_authenticate(session.user):
        return _("but its user may not log in")
    return "" if session.has_password_of(session.user) else _("but the password was changed")


def now(token: IssuedToken, *, displaced: bool) -> Now:
    """Return the state of a token. ``displaced``: its generation has a later one."""
    session = token.session
    if session.state is not Session.State.LIVE or why(session):
        return Now.VOID
    if token.jti == session.current_jti:
        return Now.CURRENT
    if token.expires_at <= timezone.now():
        return Now.EXPIRED
    return Now.DISPLACED if displaced else Now.SUPERSEDED


def meaning(state: Now, *, bound: bool = False) -> str:
    """Return a sentence that explains the state of a token; ``bound``: of a session with a key."""
    if bound and state is Now.SUPERSEDED:
        return _("A successor took its place. With the key of the session it gets that one again.")
    return {
        Now.CURRENT: _("The newest token of its session: the next refresh presents it."),
        Now.SUPERSEDED: _("A successor took its place. If it comes back late, the session ends."),
        Now.DISPLACED: _("Its answer was lost, and another token was handed out in its place."),
        Now.EXPIRED: _("Past its end. Its session goes on with a newer token."),
        Now.VOID: _("Its session is over, or of no use to its user."),
    }[state]


def local_time(at: datetime) -> datetime:
    """Return an instant in the time zone of the reader; as it is where ``USE_TZ`` is off."""
    return timezone.localtime(at) if timezone.is_aware(at) else at


def moment(at: datetime) -> str:
    """Return date and time in the reader's own form."""
    return formats.date_format(local_time(at), "DATETIME_FORMAT")


def length(lasting: timedelta | None) -> str:
    """Return a length of time in words: "14 days", "1 hour, 30 minutes"."""
    return ", ".join(_parts(lasting)) if lasting is not None else ""


def _parts(lasting: timedelta) -> Iterator[str]:
    left = int(lasting.total_seconds())
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count, left = divmod(left, seconds)
        if count:
            yield str(TIME_STRINGS[unit] % {"num": count})
    if left:
        yield ngettext("%(num)d second", "%(num)d seconds", left) % {"num": left}
