"""Tokens of attackers, at every place that takes one: refused before any query."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import TokenInvalid
from jwt_refresh.models import IssuedToken, Session
from tests.support.devices import START
from tests.support.honest import Honest, ring_of, settings_of
from tests.support.lanes import sized
from tests.support.statements import statements

from .places import (
    COOKIES,
    GUARDED,
    HEADERS,
    ME,
    OPTIONAL,
    PLACES,
    STATELESS,
    VERIFY,
    check_refusal,
    leaked,
)
from .table import ATTACKS, INVALID, MALFORMED, Attack

pytestmark = pytest.mark.django_db

MISSING = (401, "token_missing")
DOORS = ("socket.socket.connect", "socket.socket.connect_ex", "socket.getaddrinfo", "builtins.open")


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a token says makes the server ask the network or open a file."""
    mocks = [Mock(side_effect=AssertionError(door)) for door in DOORS]
    with monkeypatch.context() as patch:
        for door, mock in zip(DOORS, mocks, strict=True):
            patch.setattr(door, mock)
        yield
    # Also where somebody caught the error.
    assert [mock.call_args for mock in mocks] == [None] * len(DOORS)


@pytest.fixture
def honest(ann: Any, settings: Any, request: pytest.FixtureRequest) -> Honest:
    """A token of the ring that the test names, with these keys in force."""
    ring = ring_of(request.param)
    settings.JWT_REFRESH = settings_of(ring)
    return Honest(sessions.start(ann).access_token, ring)


def on(algorithm: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("honest", [algorithm], indirect=True)


def errors(forged: str) -> Iterator[str]:
    """What an error report would show of the refusals."""
    verifier = conf.verifier(None)
    for check in (verifier.authenticating, verifier.current, verifier.refreshable, verifier.ours):
        with pytest.raises(TokenInvalid) as refusal:
            check(forged)
        yield "".join(traceback.format_exception(refusal.value)) + repr(refusal.value)


def check_untouched(honest: Honest) -> None:
    """The honest token still does all it did, and nothing was written."""
    session = Session.objects.get()
    assert (session.generation, session.confirmed_at, session.revoked_at) == (0, None, None)
    assert IssuedToken.objects.count() == 1
    for place in (ME, STATELESS, OPTIONAL):
        assert place.send(honest.encoded).json()["sid"] == honest.claims["sid"]


def rings_for(number: int, attack: Attack) -> tuple[str, ...]:
    """All, or one: then each ring in its turn meets a share of the attacks."""
    turn = number % len(attack.rings)
    return sized(attack.rings[turn : turn + 1], attack.rings)


@pytest.mark.parametrize(
    ("attack", "honest"),
    [
        pytest.param(attack, algorithm, id=f"{algorithm} {attack.name}")
        for number, attack in enumerate(ATTACKS)
        for algorithm in rings_for(number, attack)
    ],
    indirect=["honest"],
)
@pytest.mark.usefixtures("clock", "sealed")
def test_a_forgery_is_refused_everywhere_without_a_query(
    log: Any, attack: Attack, honest: Honest
) -> None:
    forged = attack.build(honest)
    answers: dict[object, set[str]] = {}
    with statements(0):
        for place in (*PLACES, *COOKIES):
            expected = attack.body if place.member else attack.header
            expected = INVALID if place.cookie else expected
            text = check_refusal(place.send(forged), place, *expected)
            answers.setdefault((place.path == OPTIONAL.path, expected), set()).add(text)
        raised = [*errors(forged)]
    # One answer to all: none says what was wrong with the token.
    assert [len(texts) for texts in answers.values()] == [1] * len(answers)
    records = [repr(vars(record)) for record in log.records]
    assert leaked([forged, honest.encoded], log.text, str(answers), *records, *raised) == []
    check_untouched(honest)


@pytest.mark.parametrize(
    ("header", "expected"),
    {
        "A34 nothing": ("", MISSING),
        "A34 the scheme alone": ("Bearer", MALFORMED),
        "A34 the scheme and a space": ("Bearer ", MALFORMED),
        "A34 a tab": ("Bearer\t{}", MISSING),
        "A34 no scheme": ("{}", MISSING),
        "A34 another scheme": ("Basic {}", MISSING),
        "A34 another scheme before ours": ("Basic eDp5, Bearer {}", MISSING),
        # What a server makes of two headers: CGI has room for one.
        "A34 two headers": ("Bearer {},Bearer {}", MALFORMED),
        "A34 two headers and a space": ("Bearer {}, Bearer {}", MALFORMED),
        "A34 two tokens": ("Bearer {} {}", MALFORMED),
        "A34 two tokens and a comma": ("Bearer {},{}", INVALID),
        "A34 a parameter": ("Bearer token={}", INVALID),
        "A34 quotes": ('Bearer "{}"', INVALID),
        "A34 bytes that are no ASCII": ("Bearer \xe9\xff", INVALID),
        "A34 a newline between": ("Bearer\n{}", MISSING),
    }.values(),
)
@on("EdDSA")
@pytest.mark.usefixtures("sealed")
def test_a_header_is_read_in_one_way(
    honest: Honest, log: Any, header: str, expected: tuple[int, str]
) -> None:
    with statements(0):
        for place in HEADERS:
            response = place.ask(header.format(honest.encoded, honest.encoded))
            check_refusal(response, place, *expected)
    assert leaked([honest.encoded], log.text) == []
    check_untouched(honest)


@on("ES256")
def test_a13_unknown_keys_leave_nothing_in_memory(honest: Honest) -> None:
    verifier = conf.verifier(None)
    remembered = dict(verifier._headers)
    with statements(0):
        for number in range(200):
            forged = honest.with_header(kid=f"key-{number}")
            check_refusal(ME.send(forged), ME, *INVALID)
    assert conf.verifier(None) is verifier
    assert verifier._headers == remembered


@on("HS256")
@pytest.mark.usefixtures("clock")
def test_a24_an_expired_token_is_refused_without_a_query(honest: Honest) -> None:
    now = int(START.timestamp())
    past = {"auth_time": now - 60, "iat": now - 60}
    expired = honest.with_claims(**past, exp=now)
    with statements(0):
        for place in (*GUARDED, STATELESS, OPTIONAL, VERIFY):
            check_refusal(place.send(expired), place, 401, "token_expired")
    assert ME.send(honest.with_claims(**past, exp=now + 1)).status_code == 200
