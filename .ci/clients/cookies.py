"""Calls every endpoint with tokens in cookies, and as an app that wants none, by the client."""

from __future__ import annotations

import sys
from http import HTTPStatus

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
    JwtRefreshCookieLogin,
    JwtRefreshCookieTokenResponse,
    JwtRefreshError,
    JwtRefreshJWKSet,
    JwtRefreshToken,
    JwtRefreshTransport,
    JwtRefreshVerifyResponse,
    Me,
)
from client.types import Unset

SITE = sys.argv[1]
NAME, PASSWORD = "ann", "violet-harbor-93"


def page(**headers: str) -> AuthenticatedClient:
    """A client that keeps its tokens in cookies, and says what a browser would say of a page."""
    return AuthenticatedClient(
        base_url=SITE,
        token="none",
        prefix="",
        auth_header_name="X-Unused",
        headers=headers,
        raise_on_unexpected_status=True,
    )


PAGE = page(**{"Sec-Fetch-Site": "same-origin"})


def log_in() -> None:
    body = JwtRefreshCookieLogin(username=NAME, password=PASSWORD)
    tokens = good(login.sync_detailed(client=PAGE, body=body), JwtRefreshCookieTokenResponse)
    assert isinstance(tokens.access_token, Unset)
    assert isinstance(tokens.refresh_token, Unset)
    assert tokens.expires_in > 0


def log_in_app() -> str:
    body = JwtRefreshCookieLogin(
        username=NAME, password=PASSWORD, transport=JwtRefreshTransport.BODY
    )
    stranger = Client(base_url=SITE)
    tokens = good(login.sync_detailed(client=stranger, body=body), JwtRefreshCookieTokenResponse)
    assert not isinstance(tokens.access_token, Unset)
    return tokens.access_token


def main() -> None:
    log_in()
    assert good(api_me_retrieve.sync_detailed(client=PAGE), Me).username == NAME
    assert good(verify.sync_detailed(client=PAGE), JwtRefreshVerifyResponse).active
    good(refresh.sync_detailed(client=PAGE), JwtRefreshCookieTokenResponse)

    attack = page(**{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    attack.get_httpx_client().cookies = PAGE.get_httpx_client().cookies
    answer = refresh.sync_detailed(client=attack)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert isinstance(answer.parsed, JwtRefreshError)
    assert answer.parsed.code == "csrf_failed"

    token = log_in_app()
    listed = sessions.sync(client=PAGE)
    assert isinstance(listed, list)
    (other,) = [it for it in listed if not it.current]
    done(end_session.sync_detailed(str(other.sid), client=PAGE))
    ended = verify.sync_detailed(client=PAGE, body=JwtRefreshToken(token=token))
    assert ended.status_code == HTTPStatus.UNAUTHORIZED

    done(logout_others.sync_detailed(client=PAGE))
    done(logout.sync_detailed(client=PAGE))
    log_in()
    done(logout_all.sync_detailed(client=PAGE))
    good(jwks.sync_detailed(client=PAGE), JwtRefreshJWKSet)


main()
