from __future__ import annotations

import copy
import pickle

import pytest

from jwt_refresh import exceptions
from jwt_refresh.exceptions import (
    BindingViolated,
    NonceNeeded,
    ProofInvalid,
    TokenAlreadyExpired,
    TokenError,
    TokenExpired,
    TokenInvalid,
)

CODES = {
    "InvalidRequest": "invalid_request",
    "TokenMissing": "token_missing",
    "TokenExpired": "token_expired",
    "TokenAlreadyExpired": "token_expired",
    "TokenInvalid": "token_invalid",
    "BindingViolated": "token_invalid",
    "ProofInvalid": "token_invalid",
    "NonceNeeded": "token_invalid",
    "TokenReused": "token_reused",
    "StaleRetry": "stale_retry",
    "SessionRevoked": "session_revoked",
    "UserInactive": "user_inactive",
    "PasswordChanged": "password_changed",
    "InvalidCredentials": "invalid_credentials",
    "LoginTooOld": "insufficient_user_authentication",
    "CSRFFailed": "csrf_failed",
    "Unavailable": "unavailable",
}
"""The error table of the public contract, as far as a token is to blame."""


@pytest.mark.parametrize("name", CODES)
def test_every_error_of_the_contract_is_a_token_error_with_its_code(name: str) -> None:
    error = getattr(exceptions, name)
    assert issubclass(error, TokenError)
    assert error.code == CODES[name]


def test_there_are_no_other_errors() -> None:
    ours = {error.__name__ for error in vars(exceptions).values() if isinstance(error, type)}
    assert ours == {"TokenError", *CODES}
    assert set(exceptions.__all__) == ours


def test_only_what_is_a_kind_of_another_shares_its_code() -> None:
    kinds = {"TokenAlreadyExpired", "BindingViolated", "ProofInvalid", "NonceNeeded"}
    others = [CODES[name] for name in CODES if name not in kinds]
    assert len(set(others)) == len(others)
    assert issubclass(TokenAlreadyExpired, TokenExpired)
    # Who catches a token that is not valid catches one without its key.
    assert issubclass(NonceNeeded, ProofInvalid)
    assert issubclass(ProofInvalid, BindingViolated)
    assert issubclass(BindingViolated, TokenInvalid)


@pytest.mark.parametrize("name", CODES)
def test_an_error_is_the_same_after_a_journey_between_processes(name: str) -> None:
    error = exceptions.LoginTooOld(5) if name == "LoginTooOld" else getattr(exceptions, name)("x")
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))
