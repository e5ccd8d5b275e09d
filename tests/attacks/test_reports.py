"""Error reports (A43): whatever fails and wherever, no report, mail or log shows a secret.

An exception is raised at each point of our own code that a request passes, one run for each, and
all that is logged is searched, with the mails that Django makes of it while ``DEBUG`` is off.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.views.debug import DEBUG_ENGINE

from jwt_refresh import conf, sessions
from jwt_refresh.core.encoding import encode
from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.models import Session
from jwt_refresh.sessions import passwords
from jwt_refresh.stores import query
from tests.support.devices import Device, make_user
from tests.support.forging import claims, header, unsigned
from tests.support.front import old_token
from tests.support.honest import ring_of
from tests.support.lanes import sized
from tests.support.proofs import BoundDevice, ProofKey

from .injecting import ERRORS, Injection, Point, Secrets, run

NAME = get_user_model().USERNAME_FIELD
PASSWORD = "correct-horse-battery-staple"
WRONG = "wrong-zebra-charger-paperclip"
KEY = "0f9c2f0e-the-key-of-a-try-5b1d"
COOKIES = {"ACCESS_COOKIE": "access-token", "REFRESH_COOKIE": "refresh-token"}
OUTDATED = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1)
"""By a hasher that is no longer the first one."""


def credentials(phone: Device, password: str = PASSWORD) -> dict[str, str]:
    return {NAME: phone.user.get_username(), "password": password}


def form(phone: Device, password: str, path: str = "/auth/login/") -> Any:
    return phone.http.post(path, credentials(phone, password))


def urlencoded(phone: Device) -> Any:
    content = f"{NAME}={phone.user.get_username()}&password={PASSWORD}"
    kind = "application/x-www-form-urlencoded"
    return phone.http.post("/auth/login/", content, content_type=kind)


def outdated(phone: Device, path: str) -> Any:
    get_user_model()._default_manager.filter(pk=phone.user.pk).update(password=OUTDATED)
    return phone.post(path, credentials(phone))


def reuse(phone: Device) -> Any:
    """With no grace, each superseded token."""
    Session.objects.update(current_jti="another", previous_jti=None)
    return phone.refresh()


def own(path: str, data: Callable[[Device], Any]) -> Callable[[Device], Any]:
    return lambda phone: phone.post(f"/own/{path}/", data(phone), idempotency_key=KEY)


def by_cookie(path: str) -> Callable[[Device], Any]:
    def ask(phone: Device) -> Any:
        for name, token in zip(COOKIES.values(), (phone.token, phone.refresh_token), strict=True):
            phone.http.cookies[name] = token
        return phone.post(path, token=None)

    return ask


class Noting(ProofKey):
    """A key that remembers its proofs.

    Django shows that header in its mails. It opens nothing without the token, and not for long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def proof(self, *args: Any, **claims: Any) -> str:
        self.made.append(super().proof(*args, **claims))
        return self.made[-1]

    def without(self, text: str) -> str:
        for proof in self.made:
            text = text.replace(proof, "")
        return text


NOTING = Noting()


def owner(user: Any) -> BoundDevice:
    device = BoundDevice(user)
    device.password, device.key = PASSWORD, NOTING
    return device


def admin(path: str, **data: str) -> Callable[[Device], Any]:
    def ask(phone: Device) -> Any:
        sid = Session.objects.get().pk
        place = f"/admin/jwt_refresh/session/{path.format(sid)}"
        if not data:
            return phone.http.get(place)
        return phone.http.post(place, data | {"_selected_action": str(sid)})

    return ask


def with_old_token(path: str, name: str) -> Callable[[Device], Any]:
    """The client still holds a refresh token of simplejwt."""

    def ask(phone: Device) -> Any:
        phone.refresh_token = old_token(phone.user)
        return phone.post(f"/own/moved/token/{path}/", {name: phone.refresh_token}, None)

    return ask


def with_old_access_token(phone: Device) -> Any:
    phone.token = old_token(phone.user, "access")
    return phone.get("/own/moved/me/")


TOUR: dict[str, Callable[[Device], Any]] = {
    "login": lambda phone: phone.login(),
    "login, wrong": lambda phone: phone.post("/auth/login/", credentials(phone, WRONG), None),
    "login, form": lambda phone: form(phone, PASSWORD),
    "login, form, wrong": lambda phone: form(phone, WRONG),
    "login, urlencoded": urlencoded,
    "login, form, of another site": lambda phone: phone.http.post(
        "/auth/login/", credentials(phone), headers={"Sec-Fetch-Site": "cross-site"}
    ),
    "login, new hasher": lambda phone: outdated(phone, "/auth/login/"),
    "login, no JSON": lambda phone: phone.http.post(
        "/auth/login/", f'{{"password": "{PASSWORD}"', content_type="application/json"
    ),
    "refresh, header": lambda phone: phone.refresh(idempotency_key=KEY),
    "refresh, body": lambda phone: phone.post("/auth/refresh/", {"token": phone.refreshable}, None),
    "refresh, reuse": reuse,
    "verify, header": lambda phone: phone.verify(),
    "verify, body": lambda phone: phone.post("/auth/verify/", {"token": phone.refreshable}, None),
    "logout": lambda phone: phone.logout(),
    "logout, body": lambda phone: phone.post("/auth/logout/", {"refresh_token": phone.refreshable}),
    "logout, others": lambda phone: phone.post("/auth/logout/others/"),
    "logout, all": lambda phone: phone.post("/auth/logout/all/"),
    "sessions": lambda phone: phone.get("/auth/sessions/"),
    "sessions, end": lambda phone: phone.http.delete(
        f"/auth/sessions/{Session.objects.get().pk}/",
        headers={"Authorization": f"Bearer {phone.token}"},
    ),
    "keys": lambda phone: phone.get("/auth/jwks.json"),
    "view": lambda phone: phone.get("/me/"),
    "view, refresh token": lambda phone: phone.get("/me/", phone.refreshable),
    "view, handled": lambda phone: phone.get("/me/handled/", None),
    "view, stateless": lambda phone: phone.get("/me/stateless/"),
    "view, optional": lambda phone: phone.get("/me/optional/"),
    "view, Django": lambda phone: phone.get("/hello/"),
    "view, async": lambda phone: phone.get("/hello/async/"),
    "view, Django, optional": lambda phone: phone.get("/own/optional/"),
    "view, ninja": lambda phone: phone.get("/own/ninja/me"),
    "view, ninja, refresh token": lambda phone: phone.get("/own/ninja/me", phone.refreshable),
    "middleware": lambda phone: phone.get("/own/who/"),
    "middleware, refresh token": lambda phone: phone.get("/own/who/", phone.refreshable),
    "moved, login": lambda phone: phone.post("/own/moved/token/", credentials(phone), None),
    "moved, refresh": with_old_token("refresh", "refresh"),
    "moved, verify": with_old_token("verify", "token"),
    "moved, logout": with_old_token("blacklist", "refresh"),
    "moved, view": with_old_access_token,
    "cookie, login": lambda phone: phone.post("/auth/login/", credentials(phone), None),
    "cookie, refresh": by_cookie("/auth/refresh/"),
    "cookie, verify": by_cookie("/auth/verify/"),
    "cookie, logout": by_cookie("/auth/logout/"),
    "cookie, logout, all": by_cookie("/auth/logout/all/"),
    "cookie, view": by_cookie("/me/"),
    "cookie, view, Django": by_cookie("/hello/"),
    "cookie, own login": by_cookie("/own/token-response/"),
    "bound, login": lambda owner: owner.login(),
    "bound, refresh": lambda owner: owner.refresh(),
    "bound, view": lambda owner: owner.get("/me/"),
    "own start": own("start", lambda phone: {"name": phone.user.get_username()}),
    "own login": own("login", credentials),
    "own login, form": lambda phone: form(phone, PASSWORD, "/own/login/form/"),
    "own refresh": own("refresh", lambda phone: {"token": phone.refreshable}),
    "own whose": own("whose", lambda phone: {"token": phone.token}),
    "own once more": lambda phone: outdated(phone, "/own/once-more/"),
    "own password": own("password", lambda phone: {"password": WRONG}),
    "admin": admin(""),
    "admin, search": admin("?q=ann"),
    "admin, session": admin("{}/change/"),
    "admin, revoke": admin("", action="revoke_selected", confirmed="yes"),
    "admin, revoke one": admin("{}/revoke/"),
    "admin, delete": admin("{}/delete/", post="yes"),
    "admin, tokens": lambda phone: phone.http.get("/admin/jwt_refresh/issuedtoken/"),
}


@pytest.fixture
def _project(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.SECRET_KEY = "the-key-of-the-project-which-is-long-enough"
    settings.SECRET_KEY_FALLBACKS = ["a-retired-key-of-the-project-long-enough-as-well"]
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    settings.JWT_REFRESH = {
        "SECRET": ["a-secret-of-the-tokens-that-is-long-enough"],
        "PRIVATE_KEYS": ring_of("ES256").settings["PRIVATE_KEYS"],
        "REFRESH_LIFETIME": timedelta(days=14),
        "REFRESH_GRACE": timedelta(0),
        "RETRY_WINDOW": timedelta(0),
        "DENYLIST_CACHE": "default",
    }
    step = request.node.callspec.params["step"]
    if step.startswith("cookie"):
        settings.JWT_REFRESH = settings.JWT_REFRESH | COOKIES
    if step.startswith("bound"):
        settings.JWT_REFRESH = settings.JWT_REFRESH | {"DPOP": "all"}
    if step.startswith("middleware"):
        settings.MIDDLEWARE = [*project.MIDDLEWARE, "jwt_refresh.middleware.JWTMiddleware"]


def prepare(step: str) -> Device:
    """Somebody with one session, in the admin too, and a server that has remembered nothing.

    The session of the steps of bound ones is bound to ``NOTING``.
    """
    cache.clear()
    for remembered in (conf._keyring, conf._verifier, conf._from_function, query._plan):
        remembered.cache_clear()
    # A fault at the very end of the check of a password leaves it there.
    passwords._checked.set(None)
    get_user_model()._default_manager.all().delete()
    user = make_user("ann@example.com", PASSWORD)
    get_user_model()._default_manager.update(is_staff=True, is_superuser=True)
    phone = owner(user) if step.startswith("bound") else Device(user, PASSWORD)
    phone.http = Client(raise_request_exception=False)
    # A server has done so before it is asked for anything.
    phone.http.handler.load_middleware()
    phone.http.force_login(user)
    if isinstance(phone, BoundDevice):
        assert phone.login().status_code == 200
    else:
        tokens = sessions.start(user)
        phone.token, phone.refresh_token = tokens.access_token, tokens.refresh_token or ""
    for remembered in (conf._keyring, conf._verifier, query._plan):
        remembered.cache_clear()
    return phone


@pytest.fixture
def _templates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mail would compile the templates of its two halves anew."""
    monkeypatch.setattr(DEBUG_ENGINE, "from_string", lru_cache(DEBUG_ENGINE.from_string))


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those that are made, as a report would show them: tokens and their other segments show
    themselves.
    """
    made: list[str] = []
    sign = Key.sign

    def noting(key: Key, message: bytes) -> bytes:
        signature = sign(key, message)
        made.extend([repr(signature)[2:-1], encode(signature).decode()])
        return signature

    monkeypatch.setattr(Key, "sign", noting)
    return made


def secrets_of(phone: Device, signatures: list[str]) -> Secrets:
    phone.user.refresh_from_db()
    ours: Any = getattr(project, "JWT_REFRESH")  # noqa: B009 - no setting that mypy knows
    signed = {f"signature {number}": text for number, text in enumerate(signatures)}
    return Secrets(
        {
            "password": PASSWORD,
            "wrong password": WRONG,
            "Idempotency-Key": KEY,
            "token": phone.token,
            "refresh token": phone.refresh_token,
            "SECRET_KEY": project.SECRET_KEY,
            "SECRET_KEY_FALLBACKS": project.SECRET_KEY_FALLBACKS[0],
            "SECRET": ours["SECRET"][0],
            "PRIVATE_KEYS": ours["PRIVATE_KEYS"][0],
            "session cookie": phone.http.cookies[project.SESSION_COOKIE_NAME].value,
            "encoded password": phone.user.password,
            "outdated password": OUTDATED,
            "auth_hash": phone.user.get_session_auth_hash(),
        }
        | signed
    )


def points_of(step: str) -> list[Point]:
    """Those that a request passes; in the quick lane a few of them, others for each request."""
    # Once for the modules that are imported then, and once more for the points.
    TOUR[step](prepare(step))
    phone, exploring = prepare(step), Injection()
    run(lambda: TOUR[step](phone), exploring)
    # From where else the caller is called makes no difference.
    distinct = {(point[:2], point.chain[:2]): point for point in exploring.points}
    points = list(distinct.values())
    stride = sized(max(len(points) // 2, 1), 1)
    return points[list(TOUR).index(step) % stride :: stride]


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.urls("tests.attacks.own")
@pytest.mark.usefixtures("_project", "_templates_once")
@pytest.mark.parametrize("step", TOUR)
def test_a43_whatever_fails_tells_no_secret(step: str, signatures: list[str]) -> None:
    """Neither a bug, nor a database that goes away, by turns."""
    leaks: list[tuple[Exception, Point, set[str]]] = []
    for number, point in enumerate(points_of(step)):
        error = ERRORS[number % 2]("broken")
        signatures.clear()
        NOTING.made.clear()
        phone, injection = prepare(step), Injection(point, error)
        response, told = run(lambda it=phone: TOUR[step](it), injection)  # type: ignore[misc]
        assert injection.raised, point
        assert response.status_code != 500 or told.mails, point
        answer = response.content.decode() if response.status_code >= 400 else ""
        texts = [NOTING.without(text) for text in (*told.texts, answer)]
        leaks.append((error, point, secrets_of(phone, signatures).in_(texts)))
    assert [leak for leak in leaks if leak[2]] == []


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (f"a line: {PASSWORD}", {"password"}),
        (f"broken by a printer: {PASSWORD[:20]}\n{PASSWORD[20:]}", {"password"}),
        (f"Bearer {unsigned(header(), {})}.", {"a segment of a token"}),
        (f"a payload in a repr: \\n{unsigned({}, claims())[4:]}", {"a segment of a token"}),
        # By chance a CSRF token goes on as a segment begins.
        ("csrftoken=t6eyJw7QmZpX0aLr9TfVbN2cHdYsGuIo", set()),
    ],
)
def test_a_secret_is_known_by_its_pieces_and_a_token_by_its_json(
    told: str, found: set[str]
) -> None:
    assert Secrets({"password": PASSWORD}).in_([told]) == found
