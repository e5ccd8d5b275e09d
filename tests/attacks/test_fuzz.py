"""Whatever a client sends: never a 5xx, always an answer for programs, nothing done by half.

``FUZZ`` is the number of requests that are thought up; where it is not set, the lane decides. Each
is sent to every endpoint, with and without the trailing slash.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from jwt_refresh import sessions
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.sessions import proving
from tests.support import forging
from tests.support.devices import PASSWORD
from tests.support.honest import COOKIE
from tests.support.lanes import sized
from tests.support.proofs import ProofKey

pytestmark = pytest.mark.django_db

REQUESTS = int(os.environ.get("FUZZ", sized(20, 200)))
NAME = get_user_model().USERNAME_FIELD
ROUTES = {
    **dict.fromkeys(["login", "refresh", "verify", "logout", "logout/all"], "POST"),
    **dict.fromkeys(["sessions", "jwks.json"], "GET"),
    "sessions/{sid}": "DELETE",
}
# Mostly the one that the endpoint is made for.
METHODS = [*[""] * 16, "POST", "GET", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "X"]
TOKEN = "{token}"
"""Where an example holds this, the token of a living session takes its place."""
PROOF = "{proof}"
"""Where a header holds this, a good proof takes its place: of the key of a bound session."""
KEY = ProofKey()
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
UTF8 = ["", "; charset=utf-8", "; charset=", '; charset="', "; charset=unknown"]
FOREIGN = ["latin-1", "utf-16", "utf-7", "rot13", "hex", "idna", "undefined", "unicode_escape"]

text = st.text(st.characters(exclude_categories=()), max_size=40)
# What arrives in a header: a byte for each character, none of which ends it.
header = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)
junk = st.sampled_from(["a.b.c", "..", "null", "{token}.", "{token}=", "Bearer {token}"])
token = st.one_of(st.just(TOKEN), st.just(TOKEN), junk, header)
scheme = st.sampled_from(["Bearer", "Bearer", "bearer", "DPoP", "DPoP", "Basic", "JWT", "", " "])
authorization = st.one_of(
    st.builds("{} {}".format, scheme, token),
    st.builds("Bearer {}, Bearer {}".format, token, token),
    header,
)
# Signed, whatever it says; and what is no proof at all.
odd_proof = st.builds(
    lambda head, claims: KEY.signed(
        {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk} | head,
        {"jti": "x", "htm": "POST", "htu": "http://testserver/auth/refresh/", "iat": 0} | claims,
    ),
    st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "x"]), forging.json_values, max_size=1),
    st.dictionaries(
        st.sampled_from(["jti", "htm", "htu", "iat", "exp", "ath", "nonce"]),
        forging.json_values,
        max_size=3,
    ),
)
proof = st.just(PROOF) | odd_proof | header | junk
cookie = st.one_of(
    header,
    st.just("sessionid=x; csrftoken=y"),
    st.builds("{}={}".format, st.just(COOKIE), token),
    st.builds("{0}={1}; {0}={2}; csrftoken=y".format, st.just(COOKIE), token, token),
)
member = st.sampled_from(["token", "refresh_token", NAME, "password", "transport", "x"])
value = st.one_of(token, st.just("ann@example.com"), st.just(PASSWORD), text)
credentials = st.just({NAME: "ann@example.com", "password": PASSWORD})


def multipart(parts: list[tuple[str, bytes]], end: bytes) -> bytes:
    heads = [f"--b\r\nContent-Disposition: {head}\r\n\r\n".encode() for head, _ in parts]
    pairs = zip(heads, parts, strict=True)
    return b"".join(head + content + b"\r\n" for head, (_, content) in pairs) + end


json_body = st.one_of(
    credentials,
    st.dictionaries(member, value, max_size=3),
    st.dictionaries(member, forging.json_values, max_size=2),
    forging.json_values,
).map(lambda content: json.dumps(content).encode())
nested_body = st.builds(
    lambda before, depth, after: (before * depth + "1" + after * depth).encode(),
    st.sampled_from(['{"token":', "[", '{"a":[']),
    st.sampled_from([1, 2, 100, 1000, 100_000]),
    st.sampled_from(["", "]", "}"]),
)
form_body = st.lists(st.builds("{}={}".format, member, value), max_size=4).map(
    lambda pairs: "&".join(pairs).encode("utf-8", "surrogatepass")
)
multipart_body = st.builds(
    multipart,
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    'form-data; name="token"',
                    'form-data; name="password"',
                    'form-data; name="token"; filename="f"',
                    'form-data; name="token"\r\nContent-Transfer-Encoding: base64',
                    "form-data",
                    "",
                ]
            ),
            st.just(TOKEN.encode()) | st.binary(max_size=30),
        ),
        max_size=3,
    ),
    st.sampled_from([b"--b--\r\n", b"--b--", b"--b", b""]),
)
any_body = st.one_of(st.binary(max_size=60), json_body, form_body, multipart_body)
media_type = st.sampled_from(
    [
        *[JSON, JSON, JSON, FORM, FORM, MULTIPART, MULTIPART],
        *["text/plain", "application/xml", "nonsense", ""],
        *[f"multipart/form-data{it}" for it in ("", "; boundary=\xe9", "; boundary=" + "b" * 300)],
    ]
)
charset = st.sampled_from([*UTF8, *[f"; charset={name}" for name in FOREIGN], "; charset=\xff"])
body = st.one_of(
    st.tuples(json_body, st.just(JSON)),
    st.tuples(nested_body, st.just(JSON)),
    st.tuples(form_body, st.just(FORM)),
    st.tuples(multipart_body, st.just(MULTIPART)),
    st.tuples(any_body, st.builds("{}{}".format, media_type, charset)),
    st.just((b"", "")),
)
headers = st.fixed_dictionaries(
    {"HTTP_AUTHORIZATION": st.just("") | authorization},
    optional={
        "HTTP_DPOP": proof,
        "HTTP_IDEMPOTENCY_KEY": header | st.just("k" * 256),
        "HTTP_COOKIE": cookie,
        "HTTP_SEC_FETCH_SITE": st.sampled_from(["same-origin", "same-origin", "cross-site"]),
        "HTTP_X_CSRFTOKEN": header,
        "HTTP_ACCEPT": header | st.sampled_from(["text/html", "*/*;q=0", JSON]),
        "HTTP_ACCEPT_LANGUAGE": header | st.sampled_from(["ko", "*"]),
        "HTTP_USER_AGENT": header,
        "HTTP_X_FORWARDED_FOR": header | st.just("1.2.3.4, ::1"),
        "HTTP_IF_NONE_MATCH": header | st.just("*"),
        "REMOTE_ADDR": st.sampled_from(["", "::1", "fe80::1%eth0", "unix:", "10.0.0.1"]),
    },
)
query = st.sampled_from(["", "", "", "?token={token}", "?format=xml", "?%ff=%00"])
# With a slash, it is an address of nobody. Half are the session of the token.
session_id = st.just("") | st.text(
    st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20
).map(lambda name: quote(name, safe=""))


class Sent(NamedTuple):
    """A request to each endpoint."""

    method: str
    """Empty for the one that the endpoint is made for."""
    body: tuple[bytes, str]
    headers: dict[str, str]
    length: str
    """Empty for that of the body."""
    query: str
    sid: str
    bound: bool
    """The session of the token has a key."""

    def to(self, route: str, token: str, sid: str) -> Any:
        content, media = self.body
        path = "/auth/" + route.format(sid=self.sid or sid)
        # Django itself fails over a charset that is none for text, before any middleware, where
        # the address has a query.
        if not media.endswith(tuple(FOREIGN)):
            path += self.query.replace(TOKEN, token)
        method = self.method or ROUTES[route.rstrip("/")]
        sent: Any = {name: text.replace(TOKEN, token) for name, text in self.headers.items()}
        sent |= {"CONTENT_LENGTH": self.length} if self.length else {}
        if sent.get("HTTP_DPOP") == PROOF:
            where = path.partition("?")[0]
            nonce = proving.nonce()
            sent["HTTP_DPOP"] = KEY.proof(method, where, token=token, nonce=nonce)
        return Client(enforce_csrf_checks=True).generic(
            method, path, content.replace(TOKEN.encode(), token.encode()), media, **sent
        )


length = st.sampled_from([*[""] * 16, "0", "-1", "x", "9" * 30, "9" * 5000])
any_request = st.builds(
    Sent, st.sampled_from(METHODS), body, headers, length, query, session_id, st.booleans()
)


# What works, and what has broken such endpoints before: chance finds it now and then.
KNOWN = [
    (json.dumps({"token": TOKEN}).encode(), JSON),
    (json.dumps({NAME: "ann@example.com", "password": PASSWORD}).encode(), JSON),
    (
        json.dumps({NAME: "ann@example.com", "password": PASSWORD, "transport": "body"}).encode(),
        JSON,
    ),
    (b"[" * 100_000, JSON),
    (b'{"token": ["x"], "password": {}}', JSON),
    (b"{}", f"{JSON}; charset=rot13"),
    (b"token=x", f"{FORM}; charset=hex"),
    (b"&".join([b"a=b"] * 1001), FORM),
    (b"--b\r\n\r\n", "multipart/form-data"),
]


def rows() -> list[Any]:
    return [*Session.objects.order_by("pk").values(), *IssuedToken.objects.order_by("pk").values()]


def check_answer(response: Any, is_login: bool) -> None:
    assert response.status_code < 500
    if response.status_code >= 400 and response.request["REQUEST_METHOD"] != "HEAD":
        assert response["Content-Type"] == JSON
        assert response["Cache-Control"] == "no-store"
        error = response.json()
        if is_login and error.keys() <= {NAME, "password", "transport"}:
            assert response.status_code == 400
            assert all(isinstance(text, str) for texts in error.values() for text in texts)
        else:
            assert error.keys() == {"detail", "code"}
            challenged = response.status_code == 401 or error["code"] == "invalid_request"
            assert ("WWW-Authenticate" in response) == challenged


def check_rows(response: Any, before: list[Any]) -> None:
    """What fails writes nothing; what is done is done whole."""
    if response.status_code >= 400:
        assert rows() == before
    for session in Session.objects.all():
        records = IssuedToken.objects.filter(session=session)
        assert records.count() == session.generation + 1
        assert records.filter(jti=session.current_jti).count() == 1


def test_no_request_breaks_an_endpoint(ann: Any, settings: Any) -> None:
    settings.JWT_REFRESH = {"LOGIN_RATE": None, "REFRESH_RATE": None, "ACCESS_COOKIE": COOKIE}
    settings.JWT_REFRESH["DPOP"] = "all"
    routes = [route + slash for route in ROUTES for slash in ("", "/")]
    statuses: dict[str, set[int]] = {route: set() for route in routes}

    @hypothesis(max_examples=REQUESTS, suppress_health_check=list(HealthCheck))
    @given(any_request)
    def check(sent: Sent) -> None:
        response: Any = None
        for route in routes:
            if response is None or response.status_code < 400:
                Session.objects.all().delete()
                tokens = sessions.start(ann, jkt=KEY.jkt if sent.bound else "")
                before = rows()
            response = sent.to(route, tokens.access_token, str(tokens.session.pk))
            check_answer(response, is_login=route.startswith("login"))
            check_rows(response, before)
            statuses[route].add(response.status_code)

    for known in KNOWN:
        check = example(Sent("", known, {"HTTP_AUTHORIZATION": ""}, "", "", "", False))(check)
    by_header = {"HTTP_AUTHORIZATION": f"DPoP {TOKEN}", "HTTP_DPOP": PROOF}
    check = example(Sent("", (b"", ""), by_header, "", "", "", True))(check)
    check()
    # The requests are not all wrong in one and the same way.
    assert min(map(len, statuses.values())) > 1
