"""Calls every endpoint in a style, ``sliding`` or ``pair``, through the generated client."""

from __future__ import annotations

import datetime
import sys
from typing import Any
from uuid import uuid4

from answers import done, good
from client import AuthenticatedClient, Client
from client.api.api import api_me_retrieve
from client.api.auth import jwt_refresh_auth_jwks_json_get as jwks
from client.api.auth import jwt_refresh_auth_login_post as login
from client.api.auth import jwt_refresh_auth_logout_all_post as logout_all
from client.api.auth import jwt_refresh_auth_logout_others_post as logout_others
from client.api.auth import jwt_refresh_auth_logout_post as logout
from client.api.auth import jwt_refresh_auth_refresh_post as refresh
from client.api.auth import jwt_refresh_auth_sessions_get as sessions
from client.api.auth import jwt_refresh_auth_sessions_sid_delete as end_session
from client.api.auth import jwt_refresh_auth_verify_post as verify
from client.models import (
    JwtRefreshError,
    JwtRefreshFieldErrors,
    JwtRefreshJWKSet,
    JwtRefreshLogin,
    JwtRefreshRefreshableToken,
    JwtRefreshSession,
    JwtRefreshThrottled,
    JwtRefreshToken,
    JwtRefreshTokenResponse,
    JwtRefreshVerifyResponse,
    Me,
)
from client.types import Response, Unset

from jwt_refresh.contrib.httpx import JWTAuth

SITE, STYLE = sys.argv[1:]
STRANGER = Client(base_url=SITE, raise_on_unexpected_status=True)
ANN = "ann", "violet-harbor-93"


def bearer(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=SITE, token=token, raise_on_unexpected_status=True)


def refused(answer: Response[Any], status: int, code: str) -> None:
    assert answer.status_code == status, answer
    assert isinstance(answer.parsed, JwtRefreshError)
    assert answer.parsed.code == code
    assert answer.parsed.detail


def log_in() -> JwtRefreshTokenResponse:
    name, password = ANN
    body = JwtRefreshLogin(username=name, password=password)
    return good(login.sync_detailed(client=STRANGER, body=body), JwtRefreshTokenResponse)


def refreshable(tokens: JwtRefreshTokenResponse) -> str:
    """The token that can be refreshed: in sliding style it is the only one."""
    assert tokens.token_type == "Bearer"
    assert isinstance(tokens.refresh_expires_in, Unset) == (STYLE == "sliding")
    if isinstance(tokens.refresh_token, Unset):
        assert STYLE == "sliding"
        return tokens.access_token
    return tokens.refresh_token


def call_login() -> None:
    name, _ = ANN
    wrong = JwtRefreshLogin(username=name, password="wrong")
    refused(login.sync_detailed(client=STRANGER, body=wrong), 401, "invalid_credentials")
    nobody = JwtRefreshLogin(username="", password="wrong")
    errors = login.sync(client=STRANGER, body=nobody)
    assert isinstance(errors, JwtRefreshFieldErrors)
    sentences: list[str] = errors["username"]
    assert "blank" in sentences[0]


def call_refresh() -> JwtRefreshTokenResponse:
    first = log_in()
    body = JwtRefreshRefreshableToken(token=refreshable(first))
    client = bearer(first.access_token)
    answer = refresh.sync_detailed(client=client, body=body, idempotency_key=str(uuid4()))
    second = good(answer, JwtRefreshTokenResponse)
    answer = refresh.sync_detailed(client=bearer(refreshable(second)))
    third = good(answer, JwtRefreshTokenResponse)
    refused(refresh.sync_detailed(client=client, body=body), 409, "stale_retry")
    refused(refresh.sync_detailed(client=bearer("x")), 401, "token_invalid")
    both = JwtRefreshRefreshableToken(token="x", refresh_token=refreshable(third))
    refused(refresh.sync_detailed(client=client, body=both), 400, "invalid_request")
    return third


def call_verify(tokens: JwtRefreshTokenResponse) -> None:
    client, body = bearer(tokens.access_token), JwtRefreshToken(token=tokens.access_token)
    said = good(verify.sync_detailed(client=client, body=body), JwtRefreshVerifyResponse)
    assert said.active
    assert said.expires_in <= tokens.expires_in
    for _ in range(200):
        answer = verify.sync(client=client)
        if isinstance(answer, JwtRefreshThrottled):
            assert answer.code == "throttled"
            assert 0 < answer.retry_after <= 60
            return
    raise AssertionError("It is never too often.")


def own(client: AuthenticatedClient) -> list[JwtRefreshSession]:
    listed = sessions.sync(client=client)
    assert isinstance(listed, list)
    return listed


def call_sessions() -> None:
    phone, laptop = log_in(), log_in()
    client = bearer(laptop.access_token)
    (latest,) = [it for it in own(bearer(phone.access_token)) if it.current]
    assert latest.ends_at is None or latest.ends_at - latest.started_at > datetime.timedelta(1)
    assert latest.last_used_at <= latest.ends_at if latest.ends_at else latest.agent
    done(end_session.sync_detailed(str(latest.sid), client=client))
    refused(end_session.sync_detailed(str(uuid4()), client=client), 404, "not_found")
    gone = sessions.sync_detailed(client=bearer(phone.access_token))
    refused(gone, 401, "session_revoked")
    done(logout_others.sync_detailed(client=client))
    assert [it.current for it in own(client)] == [True]
    body = JwtRefreshRefreshableToken(refresh_token=refreshable(laptop))
    done(logout.sync_detailed(client=client, body=body))
    again = bearer(log_in().access_token)
    done(logout_all.sync_detailed(client=again))
    refused(logout_all.sync_detailed(client=again), 401, "session_revoked")


def call_logged_in() -> None:
    """As a service that stays logged in by ``JWTAuth``."""
    name, password = ANN
    auth = JWTAuth(f"{SITE}/auth/", {"username": name, "password": password})
    client = AuthenticatedClient(base_url=SITE, token="", httpx_args={"auth": auth})
    assert good(api_me_retrieve.sync_detailed(client=client), Me).username == name
    auth.logout()


def main() -> None:
    call_login()
    tokens = call_refresh()
    me = api_me_retrieve.sync_detailed(client=bearer(tokens.access_token))
    assert good(me, Me).username == ANN[0]
    call_verify(tokens)
    call_sessions()
    call_logged_in()
    (key,) = good(jwks.sync_detailed(client=STRANGER), JwtRefreshJWKSet).keys
    assert key["kty"] == "OKP"


main()
