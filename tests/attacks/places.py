"""Every place that takes a token, and what a refusal there must be."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django.test import Client

from tests.support.honest import COOKIE

OTHER_SID = "00000000-0000-4000-8000-000000000000"


class Place(NamedTuple):
    """Where a token is presented: in the header, as a member of the body, or in a cookie."""

    method: str
    path: str
    member: str = ""
    cookie: str = ""

    def send(self, token: str, scheme: str = "Bearer", **headers: str) -> Any:
        if self.cookie:
            # As a server decodes the bytes of a header.
            decoded = token.encode("utf-8", "surrogatepass").decode("latin-1")
            cookie = {"Cookie": f"{self.cookie}={decoded}", "Sec-Fetch-Site": "same-origin"}
            client = Client(enforce_csrf_checks=True)
            return getattr(client, self.method)(self.path, headers=cookie | headers)
        if self.member:
            body = {self.member: token}
            return Client().post(self.path, body, content_type="application/json", headers=headers)
        return self.ask(f"{scheme} {token}", **headers)

    def ask(self, authorization: str, **headers: str) -> Any:
        sent = {"Authorization": authorization, **headers}
        return getattr(Client(), self.method)(self.path, headers=sent)


OPTIONAL = Place("get", "/me/optional/")
STATELESS = Place("get", "/me/stateless/")
ME = Place("get", "/me/")
GUARDED = [
    ME,
    Place("get", "/hello/"),
    Place("get", "/hello/async/"),
    Place("get", "/auth/sessions/"),
    Place("delete", f"/auth/sessions/{OTHER_SID}/"),
    Place("post", "/auth/logout/all/"),
]
REFRESH, VERIFY, LOGOUT = (Place("post", f"/auth/{it}/") for it in ("refresh", "verify", "logout"))
BODIES = [place._replace(member="token") for place in (REFRESH, VERIFY, LOGOUT)]
BODIES.append(REFRESH._replace(member="refresh_token"))
HEADERS = [*GUARDED, STATELESS, OPTIONAL, REFRESH, VERIFY, LOGOUT]
# Logout has no refusal for a cookie: whatever is in it, the browser is to be without.
COOKIES = [it._replace(cookie=COOKIE) for it in (*GUARDED, STATELESS, OPTIONAL, REFRESH, VERIFY)]
PLACES = [*HEADERS, *BODIES]


def check_refusal(response: Any, place: Place, status: int, code: str, challenged: str = "") -> str:
    """All that an error must be; its text. On a public page there is nobody, and no error.

    ``challenged``: the challenge, where it is not that of RFC 6750.
    """
    text: str = response.content.decode()
    if place.path == OPTIONAL.path:
        assert (response.status_code, response.json()) == (200, {"user": None, "sid": None}), place
        assert "WWW-Authenticate" not in response
        return text
    assert (response.status_code, response.json()["code"]) == (status, code), place
    assert response.json().keys() == {"detail", "code"}
    assert response.get("WWW-Authenticate") == (challenged or challenge(status, code)), place
    if place.path.startswith(("/auth/", "/hello/")):
        assert response["Cache-Control"] == "no-store", place
    return text


def leaked(tokens: list[str], *texts: str) -> list[str]:
    """What of the tokens would give them away, wherever they were cut."""
    pieces = {it[-40:] for token in tokens for it in re.split(r"[^\w-]+", token) if len(it) > 20}
    return [piece for piece in pieces for text in texts if piece in text]


def challenge(status: int, code: str) -> str | None:
    """What RFC 6750 section 3 asks for."""
    if status not in (400, 401):
        return None
    error = "invalid_request" if status == 400 else "invalid_token"
    return 'Bearer realm="api"' + (f', error="{error}"' if code != "token_missing" else "")
