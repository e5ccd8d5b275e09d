"""Every public name of jwt_refresh, as a typed project uses it. Type checkers read it.

``check.py`` lets mypy and pyright read it, with the stubs of Django and REST framework and without.
``tests/test_public_names.py`` holds it against what the modules list as their names.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import httpx2
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client, RequestFactory, TestCase
from django.urls import include, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from ninja import NinjaAPI
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from jwt_refresh import authentication, sessions
from jwt_refresh import urls as jwt_urls
from jwt_refresh.authentication import (
    BearerAuthentication,
    Claims,
    CoexistingJWTAuthentication,
    JWTAuthentication,
    OptionalJWTAuthentication,
    StatelessJWTAuthentication,
    TokenHttpRequest,
    TokenRequest,
    TokenUser,
)
from jwt_refresh.contrib import channels, ninja
from jwt_refresh.contrib.httpx import (
    JWTAuth,
    JWTAuthError,
    SessionEnded,
    SigningKey,
    Storage,
    TokenFile,
    TryLater,
)
from jwt_refresh.contrib.keyfile import KeyFile
from jwt_refresh.contrib.pytest import jwt_api_client, jwt_client, jwt_counters
from jwt_refresh.contrib.simplejwt import old
from jwt_refresh.contrib.simplejwt.authentication import SimpleJWTAuthentication
from jwt_refresh.contrib.simplejwt.models import ExchangedToken
from jwt_refresh.contrib.simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
)
from jwt_refresh.decorators import token_optional, token_required
from jwt_refresh.exceptions import (
    BindingViolated,
    CSRFFailed,
    InvalidCredentials,
    InvalidRequest,
    LoginTooOld,
    NonceNeeded,
    PasswordChanged,
    ProofInvalid,
    SessionRevoked,
    StaleRetry,
    TokenAlreadyExpired,
    TokenError,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenReused,
    Unavailable,
    UserInactive,
)
from jwt_refresh.lifetimes import Lifetimes
from jwt_refresh.login import count_try, error_response, log_in, login_limits, token_response
from jwt_refresh.middleware import JWTMiddleware
from jwt_refresh.models import IssuedToken, Session
from jwt_refresh.permissions import IsAuthenticated, RecentlyAuthenticated
from jwt_refresh.serializers import LoginSerializer, TransportLoginSerializer
from jwt_refresh.sessions import Tokens
from jwt_refresh.signals import (
    binding_violated,
    reuse_detected,
    session_refreshed,
    session_revoked,
    session_started,
)
from jwt_refresh.testing import (
    JWTTestMixin,
    alog_in,
    assert_live,
    assert_revoked,
    authenticated,
    claims_of,
    clear_counters,
    expired_tokens,
    expiring_tokens,
    forged_tokens,
    give,
    headers_of,
    lose_answer,
    refresh,
    reused_tokens,
    start_session,
    stolen,
)
from jwt_refresh.testing import log_in as log_in_client
from jwt_refresh.views import IssuingView, exception_handler

# Settings


def claims_for(user: Any, session: Session) -> dict[str, Any]:
    return {"style": session.style, "staff": bool(user.is_staff)}


def lifetimes(user: Any, request: Request | None) -> Lifetimes:
    week = datetime.timedelta(days=7)
    data: Any = {} if request is None else request.data
    if user.is_staff:
        return Lifetimes(lifetime=datetime.timedelta(minutes=5), session_lifetime=None)
    return Lifetimes(refresh_lifetime=week if data.get("remember") else None)


def issuer(request: HttpRequest | None) -> str:
    return "https://example.com/" if request is None else f"https://{request.get_host()}/"


JWT_REFRESH: dict[str, Any] = {
    "CLAIMS": claims_for,
    "LOGIN_LIFETIMES": lifetimes,
    "ISSUER": issuer,
}
REST_FRAMEWORK: dict[str, Any] = {"EXCEPTION_HANDLER": exception_handler}
MIDDLEWARE: list[str] = [f"{JWTMiddleware.__module__}.{JWTMiddleware.__qualname__}"]


def recognizes(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    return JWTMiddleware(get_response)


# Views of REST framework


class MeView(APIView):
    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: TokenRequest) -> Response:
        claims: Claims = request.auth
        sid: str = claims.sid
        expires: int = claims.exp
        words = [sid, claims.sub, claims.jti, str(claims["auth_time"]), *claims]
        return Response({"words": words, "expires": expires})


class PayoutView(APIView):
    authentication_classes = [SimpleJWTAuthentication, CoexistingJWTAuthentication]
    permission_classes = [
        IsAuthenticated & RecentlyAuthenticated(max_age=datetime.timedelta(minutes=5)),
        IsAdminUser | IsAuthenticated,
        IsAuthenticated | IsAdminUser,
        IsAdminUser & ~IsAuthenticated,
    ]


class PublicView(APIView):
    authentication_classes = [OptionalJWTAuthentication]


class ServiceView(APIView):
    authentication_classes = [StatelessJWTAuthentication]

    def get(self, request: Request) -> Response:
        user = request.user
        return Response({"pk": user.pk if isinstance(user, TokenUser) else None})


class TenantAuthentication(JWTAuthentication):
    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        user, claims = super().check(encoded, request)
        if claims["tenant"] != request.headers["X-Tenant"]:
            raise WrongTenant("another tenant")
        return user, claims


class QuietAuthentication(BearerAuthentication):
    def check(self, encoded: str, request: Request) -> tuple[Any, Claims]:
        return authentication.authenticate(encoded, request._request)

    def refuse(self, error: TokenError, request: Request) -> None:
        raise PermissionDenied(error.code)


class IsPaying(IsAuthenticated):
    def has_permission(self, request: Request, view: APIView) -> bool:
        claims = request.auth
        paid = isinstance(claims, Claims) and claims.get("plan") == "paid"
        return paid and super().has_permission(request, view)


# Views of plain Django


@token_required
def hello(request: TokenHttpRequest, name: str) -> JsonResponse:
    return JsonResponse({"name": name, "sid": request.auth.sid})


@token_required
async def hello_later(request: TokenHttpRequest) -> JsonResponse:
    return JsonResponse({"sid": request.auth.sid})


@token_optional
def front_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@method_decorator(token_required, name="dispatch")
class HelloView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


def still_itself(request: TokenHttpRequest) -> JsonResponse:
    """A decorated view keeps its type."""
    answer: JsonResponse = hello(request, name="ann")
    return answer


urlpatterns = [
    path("auth/", include("jwt_refresh.urls")),
    path("again/", include((jwt_urls.urlpatterns, jwt_urls.app_name))),
    path("token/", TokenObtainPairView.as_view()),
    path("token/refresh/", TokenRefreshView.as_view()),
    path("token/verify/", TokenVerifyView.as_view()),
    path("token/blacklist/", TokenBlacklistView.as_view()),
    path("me/", MeView.as_view()),
    path("hello/<name>/", hello),
    path("hello/later/", hello_later),
    path("hello/class/", HelloView.as_view()),
]


# Logins, and the verbs


class LoginView(APIView):
    def post(self, request: Request) -> Response:
        data: Any = request.data
        credentials = {name: str(data[name]) for name in ("username", "password")}
        return token_response(request, log_in(request, credentials), data.get("transport"))


def plain_login(request: HttpRequest) -> HttpResponse:
    try:
        return token_response(request, log_in(request, request.POST.dict()))
    except TokenError as error:
        return error_response(error, request)


class WrongTenant(TokenInvalid):
    code = "wrong_tenant"


class CompanyLoginSerializer(TransportLoginSerializer):
    company = serializers.CharField()


class CodeLoginView(IssuingView):
    def post(self, request: Request) -> Response:
        data, user = cast(Any, request).data, cast(Any, request).user
        LoginSerializer(data=data).is_valid(raise_exception=True)
        CompanyLoginSerializer(data=data).is_valid(raise_exception=True)
        count_try("code", "10/hour", request)
        with login_limits(request, data["username"]) as limits:
            if data["code"] != user.code:
                raise InvalidCredentials("wrong code")
            tokens = sessions.start(user, request, amr=["otp"])
            limits.succeeded(user)
        return token_response(request, tokens)


REFUSALS: dict[type[TokenError], str] = {
    kind: kind.code
    for kind in (
        BindingViolated,
        CSRFFailed,
        InvalidCredentials,
        InvalidRequest,
        LoginTooOld,
        NonceNeeded,
        PasswordChanged,
        ProofInvalid,
        SessionRevoked,
        StaleRetry,
        TokenAlreadyExpired,
        TokenExpired,
        TokenInvalid,
        TokenMissing,
        TokenReused,
        Unavailable,
        UserInactive,
    )
}


def verbs(user: Any, request: HttpRequest) -> list[str | None]:
    started: Tokens = sessions.start(user, request, amr=["otp"], login=False)
    try:
        refreshed = sessions.refresh(started.access_token, idempotency_key="1", request=request)
    except LoginTooOld as error:
        return [str(error.max_age)]
    seconds: int = refreshed.expires_in + (refreshed.refresh_expires_in or 0)
    session: Session = refreshed.session
    ended: bool = sessions.revoke(session, "moved")
    others: int = sessions.revoke_user(user, "moved", keep=session.pk)
    purged = sessions.purge(keep=datetime.timedelta(days=1))
    rows: int = purged.sessions + purged.tokens + purged.forgotten
    with sessions.checking_password("secret"):
        user.check_password("secret")
    kept = sessions.keep_current(request, user)
    text = f"{seconds} {ended} {others} {rows}"
    return [text, refreshed.refresh_token, None if kept is None else kept.access_token]


async def verbs_later(user: Any, request: HttpRequest) -> tuple[Any, Claims]:
    started: Tokens = await sessions.astart(user, request, amr=["pwd"])
    refreshed: Tokens = await sessions.arefresh(started.access_token)
    ended: bool = await sessions.arevoke(refreshed.session, "moved")
    print(ended)
    return await authentication.aauthenticate(refreshed.access_token, request)


def legacy_claims(user: Any, session: Session) -> dict[str, Any]:
    return old.claims(user, session)


# Rows


def rows(user: Any) -> list[str]:
    live = Session.objects.live().of_user(user).order_by("-issued_at")
    lines = [f"{it.pk} {it.last_used_at.isoformat()} {it.state.label}" for it in live]
    over = Session.objects.revoked().count() + Session.objects.filter(user=user).ended().count()
    issued = IssuedToken.objects.filter(session__in=live).count()
    exchanged = ExchangedToken.objects.filter(exchanged_at__gt=timezone.now()).exists()
    is_live: bool = all(it.state == Session.State.LIVE for it in live)
    moved = [it for it in live if it.revoked_reason == Session.Reason.LOGOUT]
    return [*lines, f"{over} {issued} {exchanged} {is_live} {moved}"]


# Signals


def on_session(
    sender: type[Session], session: Session, request: HttpRequest | None, **kwargs: Any
) -> None:
    print(session.pk, None if request is None else request.method)


def on_end(sender: type[Session], session: Session, reason: str, **kwargs: Any) -> None:
    print(session.pk, reason)


session_started.connect(on_session)
session_refreshed.connect(on_session)
reuse_detected.connect(on_session)
binding_violated.connect(on_session)
session_revoked.connect(on_end, sender=Session)


# Other packages

api = NinjaAPI(auth=ninja.JWTAuth(), urls_namespace="consumer")
ninja.answer_errors(api)


async def consumer(scope: channels.Scope, receive: channels.Receive, send: channels.Send) -> None:
    await send({"type": "websocket.accept", "subprotocol": None})


sockets = channels.JWTMiddleware(consumer, interval=datetime.timedelta(seconds=5), optional=True)


def call(folder: Path) -> list[int]:
    storage: Storage = TokenFile(folder / "tokens.json")
    key: SigningKey = KeyFile(folder / "key.pem")
    credentials = {"username": "a", "password": "b"}
    auth = JWTAuth("https://example.com/auth/", credentials, storage=storage, key=key)
    try:
        with httpx.Client(auth=auth) as client, httpx2.Client(auth=auth) as other:
            statuses = [
                client.get("https://example.com/me/").status_code,
                other.get("https://example.com/me/").status_code,
            ]
        auth.logout()
    except TryLater as error:
        return [round(error.retry_after)]
    except SessionEnded:
        return []
    except JWTAuthError as error:
        raise RuntimeError(error.code + error.detail) from error
    return statuses


async def call_later(auth: JWTAuth) -> None:
    async with httpx.AsyncClient(auth=auth) as client:
        await client.get("https://example.com/me/")
    await auth.alogout()


# Tests


FIXTURES = [jwt_api_client, jwt_client, jwt_counters]


def test_with_fixtures(
    jwt_client: Callable[..., Client], jwt_api_client: Callable[..., APIClient], ann: Any
) -> None:
    phone: Client = jwt_client(ann)
    tablet: APIClient = jwt_api_client(ann, transport="body")
    for device in (phone, tablet):
        assert_live(device)


class HelpTest(JWTTestMixin, TestCase):
    def test_clients(self) -> None:
        ann: Any = None
        tokens: Tokens = self.log_in(ann, amr=["pwd"], age=datetime.timedelta(hours=1))
        self.assertLive(tokens)
        phone = APIClient()
        log_in_client(phone, ann, style="pair", transport="body")
        thief: APIClient = stolen(phone)
        lose_answer(phone)
        refresh(thief, idempotency_key="1")
        assert_live(ann)
        assert_revoked(phone, reason="reuse")
        self.assertRevoked(phone)
        clear_counters()

    def test_pasts(self) -> None:
        ann: Any = None
        minute = datetime.timedelta(minutes=1)
        give(self.client, start_session(ann, age=minute, idle=minute))
        give(Client(), expiring_tokens(ann, left=minute))
        for tokens in (expired_tokens(ann), reused_tokens(ann), forged_tokens(ann, unsigned=True)):
            headers: dict[str, str] = headers_of(tokens)
            print(headers)
        claims: Claims = claims_of(ann, plan="paid")
        plain: HttpRequest = authenticated(RequestFactory().get("/"), ann)
        APIRequestFactory().get("/")
        print(claims, plain)

    async def test_async(self) -> None:
        ann: Any = None
        tokens: Tokens = await alog_in(AsyncClient(), ann)
        print(tokens.session.pk)
