"""The verdict, row by row as the design has it, in both styles."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_refresh.core.claims import Claims, Kind, Style, numeric_date
from jwt_refresh.core.rotation import (
    Act,
    Owner,
    Windows,
    bound_verdict,
    check_alive,
    has_ended,
    verdict,
)
from jwt_refresh.exceptions import (
    PasswordChanged,
    SessionRevoked,
    StaleRetry,
    TokenAlreadyExpired,
    TokenError,
    TokenInvalid,
    TokenReused,
    UserInactive,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GRACE = 30 * SECOND
RETRY = timedelta(days=1)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ROTATE, REISSUE, REPLACE, RECOVER = Act.ROTATE, Act.REISSUE, Act.REPLACE, Act.RECOVER


@dataclass
class Session:
    """Rotated a moment ago."""

    style: str = "sliding"
    current_jti: str = "current"
    previous_jti: str | None = "previous"
    issued_at: datetime = NOW - timedelta(days=9)
    rotated_at: datetime = NOW
    confirmed_at: datetime | None = None
    expires_at: datetime = NOW + HOUR
    ends_at: datetime | None = NOW + 30 * HOUR
    revoked_at: datetime | None = None
    revoked_reason: str = ""


@dataclass
class Issued:
    issued_at: datetime = NOW - HOUR
    key_hash: str = ""
    generation: int = 1


REFRESHABLE = {Style.SLIDING: Kind.SLIDING, Style.PAIR: Kind.REFRESH}


def presented(
    jti: str,
    kind: Kind = Kind.SLIDING,
    *,
    expired: bool = False,
    issued_at: datetime = NOW - 10 * DAY,
    expires_at: datetime = NOW,
) -> Claims:
    instants = {"iat": numeric_date(issued_at), "exp": numeric_date(expires_at)}
    return Claims(kind, MappingProxyType({"jti": jti, "sid": "s", "sub": "7"} | instants), expired)


def judge(
    session: Session,
    jti: str,
    successor: Issued | None = None,
    *,
    expired: bool = False,
    keys: frozenset[str] = frozenset(),
) -> Any:
    """The act, or the class of the error."""
    try:
        return decide(session, jti, successor, expired=expired, keys=keys)
    except TokenError as error:
        return type(error)


def decide(
    session: Session,
    jti: str,
    successor: Issued | None,
    *,
    expired: bool = False,
    keys: frozenset[str] = frozenset(),
) -> Act:
    kind = REFRESHABLE[Style(session.style)]
    return verdict(
        session,
        presented(jti, kind, expired=expired, issued_at=ISSUED_AT.get(jti, NOW - 10 * DAY)),
        RECORDS.get(jti),
        successor,
        now=NOW,
        windows=Windows(GRACE, RETRY),
        key_hashes=keys,
    )


def rotated(ago: timedelta, *, confirmed: timedelta | None = None) -> dict[str, Any]:
    """So long ago; ``confirmed``: when the client showed that it holds the successor."""
    return {
        "rotated_at": NOW - ago,
        "confirmed_at": None if confirmed is None else NOW - confirmed,
    }


RECORDS = {"old": Issued(generation=0), "displaced": Issued()}
"""Of the tokens themselves; the one that took their place is of generation 1."""
ISSUED_AT = {
    "lost": Session.issued_at,
    "lost before": Session.issued_at - SECOND,
    "no id of ours": Session.issued_at,
    "i" * 33: Session.issued_at,
}
NEXT = Issued()
JUST = replace(NEXT, issued_at=NOW - GRACE)
KEYED = replace(NEXT, key_hash="k", issued_at=NOW - RETRY)
LATE_KEYED = replace(KEYED, issued_at=NOW - RETRY - TICK)

# What is presented; how the row differs; the record of its successor; the keys of the request;
# what comes of it in time and expired (sliding), in time and expired (pair).
ROWS: dict[str, tuple[str, dict[str, Any], Any, set[str], tuple[Any, Any, Any, Any]]] = {
    "the current token": (
        "current", {}, None, set(),
        (ROTATE, TokenAlreadyExpired, ROTATE, TokenAlreadyExpired),
    ),
    # The previous token: the grace
    "the previous, at the end of the grace": (
        "previous", rotated(GRACE), None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, at the end of the grace, its successor in use": (
        "previous", rotated(GRACE, confirmed=GRACE), None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, seen from a slow clock": (
        "previous", rotated(-HOUR, confirmed=-HOUR), None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, at the end of the grace of a replacement": (
        "previous", rotated(HOUR) | {"issued_at": NOW - GRACE}, None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, in the grace of a replacement, after the retry window": (
        "previous", rotated(RETRY + TICK) | {"issued_at": NOW - GRACE}, None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    # The previous token: its successor in use
    "the previous, after the grace, its successor in use": (
        "previous", rotated(GRACE + TICK, confirmed=GRACE + TICK), None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "the previous, after the grace, its successor first used just now": (
        "previous", rotated(HOUR, confirmed=GRACE), None, set(),
        (StaleRetry, TokenAlreadyExpired, StaleRetry, TokenAlreadyExpired),
    ),
    "the previous, after the grace, its successor first used before that": (
        "previous", rotated(HOUR, confirmed=GRACE + TICK), None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "the previous, its successor in use, with the key that made it": (
        "previous", rotated(RETRY, confirmed=HOUR), KEYED, {"k"},
        (StaleRetry, TokenAlreadyExpired, StaleRetry, TokenAlreadyExpired),
    ),
    "the same after the retry window": (
        "previous", rotated(RETRY, confirmed=HOUR), LATE_KEYED, {"k"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "the same with another key": (
        "previous", rotated(HOUR, confirmed=HOUR), KEYED, {"other"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "the previous, after the grace of a replacement in use": (
        "previous", rotated(HOUR, confirmed=HOUR) | {"issued_at": NOW - GRACE - TICK},
        None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    # The previous token: its answer lost
    "the previous, its answer lost": (
        "previous", rotated(2 * GRACE), None, set(),
        (REPLACE, TokenAlreadyExpired, REPLACE, REPLACE),
    ),
    "the previous, while a duplicate of a second try may come": (
        "previous", rotated(2 * GRACE - TICK), None, set(),
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, the answer of its replacement lost": (
        "previous", rotated(HOUR) | {"issued_at": NOW - 2 * GRACE}, None, set(),
        (REPLACE, TokenAlreadyExpired, REPLACE, REPLACE),
    ),
    "the previous, its answer lost, with the same key": (
        "previous", rotated(HOUR), KEYED, {"k"},
        (REISSUE, TokenAlreadyExpired, REISSUE, REISSUE),
    ),
    "the previous, its answer lost, with another key": (
        "previous", rotated(HOUR), KEYED, {"other"},
        (REPLACE, TokenAlreadyExpired, REPLACE, REPLACE),
    ),
    "the previous, its answer lost, its successor made without a key": (
        "previous", rotated(HOUR), NEXT, {"k"},
        (REPLACE, TokenAlreadyExpired, REPLACE, REPLACE),
    ),
    "the previous, at the end of the retry window": (
        "previous", rotated(RETRY), None, set(),
        (REPLACE, TokenAlreadyExpired, REPLACE, REPLACE),
    ),
    "the previous, after the retry window": (
        "previous", rotated(RETRY + TICK), KEYED, {"k"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    # Older ones, and displaced ones
    "an older one, superseded at the end of the grace": (
        "old", {}, JUST, set(),
        (StaleRetry, TokenAlreadyExpired, StaleRetry, TokenAlreadyExpired),
    ),
    "an older one, superseded before that": (
        "old", {}, replace(JUST, issued_at=NOW - GRACE - TICK), set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "an older one with the key that made its successor": (
        "old", {}, KEYED, {"k"},
        (StaleRetry, TokenAlreadyExpired, StaleRetry, TokenAlreadyExpired),
    ),
    "an older one with that key after the retry window": (
        "old", {}, LATE_KEYED, {"k"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "an older one with another key": (
        "old", {}, KEYED, {"other"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "one displaced at the end of the grace": (
        "displaced", rotated(HOUR), JUST, set(),
        (StaleRetry, TokenAlreadyExpired, StaleRetry, TokenAlreadyExpired),
    ),
    "one displaced before that, the current one unused": (
        "displaced", rotated(HOUR), NEXT, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "one displaced before that, the current one in use": (
        "displaced", rotated(HOUR, confirmed=HOUR), NEXT, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "an older one whose successor has no record": (
        "old", {}, None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    # What the database has lost
    "one without a record, issued in the second of the current one": (
        "lost", {}, None, {"k"},
        (RECOVER, TokenAlreadyExpired, RECOVER, TokenAlreadyExpired),
    ),
    "the same in the last instant of that second": (
        "lost", {"issued_at": Session.issued_at + SECOND - TICK, "confirmed_at": NOW}, None, set(),
        (RECOVER, TokenAlreadyExpired, RECOVER, TokenAlreadyExpired),
    ),
    "one without a record, issued before": (
        "lost before", {}, None, {"k"},
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "one without a record, with an id that none of ours has": (
        "no id of ours", {}, None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
    "one without a record, with an id that is too long": (
        "i" * 33, {}, None, set(),
        (TokenReused, TokenReused, TokenReused, TokenReused),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("jti", "row", "successor", "keys", "outcomes"), ROWS.values(),
                         ids=ROWS.keys())  # fmt: skip
def test_the_table(
    jti: str, row: dict[str, Any], successor: Any, keys: set[str], outcomes: Any
) -> None:
    seen = tuple(
        judge(
            Session(style=style, **row),
            jti,
            successor,
            expired=expired,
            keys=frozenset(keys),
        )
        for style in ("sliding", "pair")
        for expired in (False, True)
    )
    assert seen == outcomes


@given(
    session=st.builds(
        Session,
        style=st.sampled_from(["sliding", "pair"]),
        rotated_at=st.datetimes(timezones=st.just(UTC)),
        confirmed_at=st.none() | st.just(NOW),
        previous_jti=st.none() | st.just("previous"),
    ),
    jti=st.sampled_from(["current", "previous", "old", "displaced", "lost", "lost before"]),
    successor=st.none()
    | st.builds(
        Issued,
        issued_at=st.datetimes(timezones=st.just(UTC)),
        key_hash=st.sampled_from(["", "k"]),
    ),
    expired=st.booleans(),
    keys=st.frozensets(st.sampled_from(["k", "l"])),
)
def test_there_is_a_verdict_for_everything(jti: str, **case: Any) -> None:
    """And only the current token, or one that the database lost, ever begins a generation."""
    outcome = judge(case["session"], jti, case["successor"],
                    expired=case["expired"], keys=case["keys"])  # fmt: skip
    assert outcome in {*Act, TokenReused, StaleRetry, TokenAlreadyExpired}
    assert (outcome is ROTATE) == (jti == "current" and not case["expired"])
    assert (outcome is RECOVER) == (jti == "lost" and not case["expired"])


@pytest.mark.parametrize("style", [Style.SLIDING, Style.PAIR])
@pytest.mark.parametrize("expired", [False, True])
def test_with_its_key_any_older_token_gets_the_current_one(style: Style, expired: bool) -> None:
    """Whatever its age, its records, and what else the table would say of it."""
    for row in (Session(style=style), Session(style=style, previous_jti=None, confirmed_at=NOW)):
        for jti in ("previous", "old", "displaced", "of no record"):
            claims = presented(jti, REFRESHABLE[style], expired=expired)
            assert bound_verdict(row, claims) is REISSUE
            issued_at = row.issued_at + timedelta(seconds=1)
            younger = presented(jti, REFRESHABLE[style], issued_at=issued_at)
            assert bound_verdict(row, younger) is (REISSUE if " " in jti else RECOVER)
        assert bound_verdict(row, presented("current", REFRESHABLE[style])) is ROTATE


def test_the_log_learns_that_a_token_was_too_old() -> None:
    with pytest.raises(TokenAlreadyExpired, match=r"^past exp$"):
        decide(Session(), "current", None, expired=True)


def test_the_log_learns_that_a_request_was_late() -> None:
    jti, row, successor, *_ = ROWS["one displaced at the end of the grace"]
    with pytest.raises(StaleRetry, match=r"^late duplicate$"):
        decide(Session(**row), jti, successor)


@pytest.mark.parametrize(
    ("name", "case", "why"),
    [
        (
            "the previous, after the grace, its successor in use",
            "in_use",
            "superseded by a token in use",
        ),
        ("the previous, after the retry window", "window_over", "superseded too long ago"),
        ("one displaced before that, the current one unused", "displaced", "displaced long ago"),
        ("an older one, superseded before that", "older", "superseded long ago"),
        ("an older one whose successor has no record", "older", "superseded long ago"),
        ("one without a record, issued before", "no_record", "without a record"),
        ("one without a record, with an id that none of ours has", "no_record", "without a record"),
    ],
)
def test_a_reuse_says_which_row_of_the_table_it_was(name: str, case: str, why: str) -> None:
    jti, row, successor, keys, _ = ROWS[name]
    with pytest.raises(TokenReused) as refusal:
        decide(Session(**row), jti, successor, keys=frozenset(keys))
    assert (refusal.value.case, str(refusal.value)) == (case, why)
    copied = pickle.loads(pickle.dumps(refusal.value))
    assert (copied.case, str(copied)) == (case, why)


# Whether the session lives


def alive(
    session: Session,
    claims: Claims,
    *,
    active: bool = True,
    same_password: bool = True,
    subject: str = "7",
) -> Any:
    """``None``, or the class of the error and what the log learns of it."""
    try:
        check_alive(session, Owner(subject, active, same_password), claims, now=NOW)
    except TokenError as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("password_changed", PasswordChanged),
        ("user_inactive", UserInactive),
        ("logout", SessionRevoked),
        ("device lost", SessionRevoked),
    ],
)
@pytest.mark.parametrize("active", [False, True])
def test_what_a_refused_request_ended_is_refused_as_that_request_was(
    reason: str, error: type[TokenError], active: bool
) -> None:
    session = Session(revoked_at=NOW, revoked_reason=reason, expires_at=NOW)
    expired = presented("current", expired=True)
    assert alive(session, expired, active=active, same_password=active) == (error, "revoked")


def test_what_ended_a_session_is_said_in_one_order() -> None:
    token = presented("current")
    session = Session(revoked_at=NOW, expires_at=NOW)
    assert alive(session, token, active=False, same_password=False) == (SessionRevoked, "revoked")
    session = replace(session, revoked_at=None)
    expired = presented("current", expired=True)
    assert alive(session, token, active=False) == (SessionRevoked, "ended")
    assert alive(session, expired, active=False) == (TokenAlreadyExpired, "past exp")
    session = replace(session, expires_at=NOW + TICK)
    inactive = alive(session, token, active=False, same_password=False)
    assert inactive == (UserInactive, "inactive")
    stale = alive(session, token, same_password=False, subject="8")
    assert stale == (PasswordChanged, "password changed")
    assert alive(session, token, subject="8") == (TokenInvalid, "not the user of the session")
    assert alive(session, token) is None


@pytest.mark.parametrize(
    ("expires_at", "ends_at", "ended"),
    [
        (NOW + TICK, None, False),
        (NOW, None, True),
        (NOW + TICK, NOW + TICK, False),
        (NOW + TICK, NOW, True),
    ],
)
def test_a_session_ends_on_the_instant(
    expires_at: datetime, ends_at: datetime | None, ended: bool
) -> None:
    assert has_ended(Session(expires_at=expires_at, ends_at=ends_at), NOW) is ended


@pytest.mark.parametrize(
    ("style", "kinds"),
    [("sliding", {Kind.SLIDING}), ("pair", {Kind.ACCESS, Kind.REFRESH})],
)
def test_a_session_takes_the_kinds_of_its_style(style: str, kinds: set[Kind]) -> None:
    for kind in Kind:
        wrong = (TokenInvalid, f"{kind.value} on a session of style {style}")
        expected = None if kind in kinds else wrong
        assert alive(Session(style=style), presented("current", kind)) == expected


@pytest.mark.parametrize("style", ["sliding", "pair"])
def test_a_token_that_outlives_the_row_shows_that_a_refresh_was_lost(style: str) -> None:
    """In sliding style the lost write is mostly one that was made shortly before the end."""
    ended = Session(style=style, expires_at=NOW)
    kind = REFRESHABLE[Style(style)]
    lost: Any = {"issued_at": ended.issued_at, "expires_at": NOW + SECOND}
    over = (SessionRevoked, "ended")
    assert alive(ended, presented("lost", kind, **lost)) is None
    for never_lost in ("current", "previous", "x" * 33):
        assert alive(ended, presented(never_lost, kind, **lost)) == over
    before = lost | {"issued_at": ended.issued_at - SECOND}
    assert alive(ended, presented("lost", kind, **before)) == over
    assert alive(ended, presented("lost", kind, **lost | {"expires_at": NOW})) == over
    for ends_at, outcome in ((NOW + TICK, None), (None, None), (NOW, over)):
        assert alive(replace(ended, ends_at=ends_at), presented("lost", kind, **lost)) == outcome
    inactive = (UserInactive, "inactive")
    assert alive(ended, presented("lost", kind, **lost), active=False) == inactive
