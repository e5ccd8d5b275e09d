"""The errors of ours in the shape in which front ends of simplejwt read them."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from jwt_refresh.exceptions import InvalidCredentials, PasswordChanged, TokenError, UserInactive
from jwt_refresh.web.transport import MalformedHeader, Refusal, refuse

NOT_VALID = "token_not_valid"
NO_ACCOUNT = "no_active_account"
BAD_HEADER = "bad_authorization_header"


def refusal(error: TokenError, request: Request, *, guards: bool = False) -> Refusal:
    """Make the HTTP error that is sent because of ``error``, and log why.

    A 401 has the code of simplejwt: of its endpoints, or of its class that ``guards`` views, which
    also says ``messages``. A header of its class that names a scheme and no token is one too: a
    front end that has lost its token sends that, and logs in on 401 alone. Other errors, which
    simplejwt does not know, are ours.
    """
    answer: Any = refuse(error, request._request)
    if guards and isinstance(error, MalformedHeader):
        answer.status_code = 401
        answer.detail = answer.detail | {"code": BAD_HEADER}
        return answer  # type: ignore[no-any-return]
    if answer.status_code != 401:
        return answer  # type: ignore[no-any-return]
    sentence, code = answer.detail["detail"], NOT_VALID
    if isinstance(error, InvalidCredentials | UserInactive):
        code = error.code if guards else NO_ACCOUNT
    elif guards and isinstance(error, PasswordChanged):
        code = error.code
    answer.detail = {"detail": sentence, "code": code}
    if guards and code == NOT_VALID:
        told = {"token_class": "AccessToken", "token_type": "access", "message": sentence}
        answer.detail["messages"] = [told]
    return answer  # type: ignore[no-any-return]
