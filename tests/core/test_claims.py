from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from types import MappingProxyType

import pytest

from jwt_refresh.core.claims import Claims, Kind, Style

CONTENT = {"sub": "7", "sid": "s-1", "jti": "j-1", "iat": 1000, "exp": 2000, "secret": "hush"}
SLIDING = Claims(Kind.SLIDING, MappingProxyType(CONTENT))
ACCESS = Claims(Kind.ACCESS, MappingProxyType(CONTENT | {"origin_jti": "j-0"}))


def test_claims_read_like_a_mapping() -> None:
    assert SLIDING["secret"] == "hush"
    assert dict(SLIDING) == CONTENT
    assert len(SLIDING) == len(CONTENT)
    assert "origin_jti" not in SLIDING
    assert SLIDING.get("origin_jti") is None


def test_registered_claims_are_attributes() -> None:
    assert (SLIDING.sub, SLIDING.sid, SLIDING.jti) == ("7", "s-1", "j-1")
    assert SLIDING.exp == 2000


def test_claims_are_in_their_time_unless_said_otherwise() -> None:
    assert not SLIDING.expired


def test_a_refreshable_token_names_itself_and_an_access_token_its_origin() -> None:
    assert SLIDING.refreshable_jti == "j-1"
    assert ACCESS.refreshable_jti == "j-0"


def test_nobody_changes_claims() -> None:
    with pytest.raises(FrozenInstanceError):
        SLIDING.expired = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        SLIDING["sub"] = "8"  # type: ignore[index]
    with pytest.raises(TypeError):
        SLIDING.content["sub"] = "8"  # type: ignore[index]


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda claims: pickle.loads(pickle.dumps(claims))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_the_same_and_as_hard_to_change(copied: Callable[[Claims], Claims]) -> None:
    for claims in (ACCESS, Claims(Kind.REFRESH, MappingProxyType(CONTENT), expired=True)):
        copied_claims = copied(claims)
        assert copied_claims == claims
        assert (copied_claims.kind, copied_claims.expired) == (claims.kind, claims.expired)
        with pytest.raises(TypeError):
            copied_claims.content["sub"] = "8"  # type: ignore[index]


def test_claims_can_be_members_of_a_set() -> None:
    assert {SLIDING, Claims(Kind.SLIDING, MappingProxyType(dict(CONTENT))), ACCESS} == {
        SLIDING,
        ACCESS,
    }


def test_repr_names_the_token_and_shows_no_other_claim() -> None:
    assert repr(SLIDING) == "<Claims sliding+jwt sid=s-1 jti=j-1>"


@pytest.mark.parametrize(
    ("kind", "style", "authenticates", "refreshes"),
    [
        (Kind.SLIDING, Style.SLIDING, True, True),
        (Kind.ACCESS, Style.PAIR, True, False),
        (Kind.REFRESH, Style.PAIR, False, True),
    ],
)
def test_the_kind_says_what_a_token_is_for(
    kind: Kind, style: Style, authenticates: bool, refreshes: bool
) -> None:
    assert (kind.style, kind.authenticates, kind.refreshes) == (style, authenticates, refreshes)


def test_each_kind_has_a_typ_of_its_own() -> None:
    assert [kind.value for kind in Kind] == ["at+jwt", "rt+jwt", "sliding+jwt"]
