"""Step-up: a view that asks for a login of late (RFC 9470)."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission, IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from jwt_refresh.authentication import JWTAuthentication, StatelessJWTAuthentication
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Kind
from jwt_refresh.permissions import IsAuthenticated, RecentlyAuthenticated
from jwt_refresh.testing import headers_of
from tests.support.http import MINUTE, claims

from .support.devices import PASSWORD, Device

pytestmark = pytest.mark.django_db

CODE = "insufficient_user_authentication"
CHALLENGE = f'Bearer realm="api", error="{CODE}", max_age=300'
LATELY: Any = RecentlyAuthenticated(max_age=timedelta(minutes=5))


class PayoutView(APIView):
    authentication_classes: Any = [JWTAuthentication, SessionAuthentication, BasicAuthentication]
    permission_classes: Any = [LATELY]

    def get(self, request: Request) -> Response:
        return Response({"paid": True})


class StatelessPayoutView(PayoutView):
    authentication_classes = [StatelessJWTAuthentication]


class AdminPayoutView(PayoutView):
    permission_classes = [IsAdminUser & LATELY]


class TurnedRoundView(PayoutView):
    permission_classes = [LATELY & IsAdminUser]


BOTH = pytest.mark.parametrize("view", [PayoutView, StatelessPayoutView])


def ask(view: type[APIView], token: str | None, **headers: str) -> Any:
    if token is not None:
        headers |= headers_of(token)
    return view.as_view()(APIRequestFactory().get("/", headers=headers))


def refused(response: Any) -> bool:
    assert response.status_code == 401
    assert response.data["code"] == CODE
    assert response["WWW-Authenticate"] == CHALLENGE
    return True


@BOTH
@pytest.mark.usefixtures("style")
def test_a_login_must_be_no_longer_ago_than_the_view_says(
    phone: Device, clock: Any, view: type[APIView]
) -> None:
    phone.login()
    clock.shift(5 * MINUTE)
    assert ask(view, phone.token).data == {"paid": True}
    clock.shift(1)
    response = ask(view, phone.token)
    assert refused(response)
    assert response.data["detail"] == "Please log in again to do this."
    assert phone.get().status_code == 200
    phone.login()
    assert ask(view, phone.token).status_code == 200


@BOTH
@pytest.mark.usefixtures("style")
def test_no_refresh_moves_the_time_of_the_login(
    phone: Device, clock: Any, view: type[APIView]
) -> None:
    """Or a thief could do whatever its owner was asked for a password for."""
    phone.login()
    for _ in range(3):
        clock.shift(2 * MINUTE)
        phone.refresh()
    assert claims(phone.token)["auth_time"] == claims(phone.refreshable)["auth_time"]
    assert refused(ask(view, phone.token))


def test_a_token_that_does_not_say_when_is_too_old(phone: Device) -> None:
    """Another service that shares our keys may leave it out."""
    phone.login()
    content = claims(phone.token)
    del content["auth_time"]
    assert refused(ask(PayoutView, conf.issuer(None).issue(Kind.SLIDING, **content)))


def test_whoever_is_not_logged_in_gets_another_answer(phone: Device) -> None:
    response = ask(PayoutView, None)
    assert (response.status_code, response.data["code"]) == (401, "token_missing")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    response = ask(PayoutView, "x")
    assert (response.status_code, response.data["code"]) == (401, "token_invalid")


def test_of_other_means_nobody_knows_when(phone: Device) -> None:
    http = APIRequestFactory()
    request = http.get("/")
    request.user = phone.user
    assert refused(PayoutView.as_view()(request))
    credentials = b64encode(f"ann@example.com:{PASSWORD}".encode()).decode()
    assert refused(ask(PayoutView, None, Authorization=f"Basic {credentials}"))


@pytest.mark.parametrize("view", [AdminPayoutView, TurnedRoundView])
def test_it_composes_with_other_permissions(phone: Device, clock: Any, view: type[APIView]) -> None:
    phone.login()
    assert ask(view, phone.token).status_code == 403
    type(phone.user)._default_manager.update(is_staff=True)
    assert ask(view, phone.token).status_code == 200
    clock.shift(5 * MINUTE + 1)
    assert refused(ask(view, phone.token))


class Yes(BasePermission):
    """Granted, of the view and of each object."""


class No(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class NotThisOne(BasePermission):
    """Granted of the view, and of no object."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return False


TOO_OLD, MISSING = (401, CODE), (401, "token_missing")
GRANTED, FORBIDDEN = (200, None), (403, None)
# What is asked of a fresh login, of an old one, and of nobody.
COMPOSED: dict[str, tuple[Any, tuple[Any, Any, Any]]] = {
    "~L": (~LATELY, (FORBIDDEN, GRANTED, GRANTED)),
    "~~L": (~~LATELY, (GRANTED, FORBIDDEN, (401, None))),
    "L & Y": (LATELY & Yes, (GRANTED, TOO_OLD, MISSING)),
    "Y & L": (Yes & LATELY, (GRANTED, TOO_OLD, MISSING)),
    "L & N": (LATELY & No, (FORBIDDEN, TOO_OLD, MISSING)),
    "N & L": (No & LATELY, (FORBIDDEN, FORBIDDEN, (401, None))),
    "L | Y": (LATELY | Yes, (GRANTED, GRANTED, GRANTED)),
    "Y | L": (Yes | LATELY, (GRANTED, GRANTED, GRANTED)),
    "L | N": (LATELY | No, (GRANTED, TOO_OLD, MISSING)),
    "N | L": (No | LATELY, (GRANTED, TOO_OLD, MISSING)),
    "L | I": (LATELY | IsAuthenticated, (GRANTED, GRANTED, MISSING)),
    "I | N": (IsAuthenticated | No, (GRANTED, GRANTED, MISSING)),
    "I & ~L": (IsAuthenticated & ~LATELY, (FORBIDDEN, GRANTED, MISSING)),
    "(L & N) | Y": ((LATELY & No) | Yes, (GRANTED, GRANTED, GRANTED)),
    "Y & (N | L)": (Yes & (No | LATELY), (GRANTED, TOO_OLD, MISSING)),
    "~(L & Y)": (~(LATELY & Yes), (FORBIDDEN, GRANTED, GRANTED)),
    "~(N | L)": (~(No | LATELY), (FORBIDDEN, GRANTED, GRANTED)),
    "(Y & Y) & L": ((Yes & Yes) & LATELY, (GRANTED, TOO_OLD, MISSING)),
}


@pytest.mark.parametrize("of_object", [False, True], ids=["view", "object"])
@pytest.mark.parametrize(("permission", "expected"), COMPOSED.values(), ids=COMPOSED)
def test_any_composition_says_what_its_parts_say(
    phone: Device, clock: Any, log: Any, permission: Any, expected: Any, of_object: bool
) -> None:
    class View(PayoutView):
        authentication_classes = [JWTAuthentication]
        permission_classes = [Yes if of_object else permission]

        def get(self, request: Request) -> Response:
            if of_object:
                self.permission_classes = [permission]
                self.check_object_permissions(request, object())
            return Response({"paid": True})

    phone.login()
    clock.shift(5 * MINUTE)
    answers = [ask(View, phone.token)]
    clock.shift(1)
    answers += [ask(View, phone.token), ask(View, None)]
    codes = [(answer.status_code, answer.data.get("code")) for answer in answers]
    assert codes == [*expected]
    refusals = [record.code for record in log.records if record.event == "token_refused"]
    assert refusals == [code for status, code in codes if code is not None]


def test_an_object_that_others_forbid_is_forbidden_to_all(phone: Device, clock: Any) -> None:
    class View(PayoutView):
        permission_classes = [(NotThisOne | No) | LATELY, NotThisOne & LATELY]

        def get(self, request: Request) -> Response:
            with pytest.raises(PermissionDenied):
                self.check_object_permissions(request, object())
            return Response({"of the view": "granted"})

    phone.login()
    assert ask(View, phone.token).status_code == 200


class OnWeekdays(IsAuthenticated):
    """A permission of a project that asks for more than ours."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and False


class OwnObjects(IsAuthenticated):
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return False


@pytest.mark.parametrize("permission", [OnWeekdays & LATELY, LATELY & OnWeekdays, OnWeekdays | No])
def test_what_a_project_adds_to_ours_counts_in_a_composition(
    phone: Device, permission: Any
) -> None:
    class View(PayoutView):
        permission_classes = [permission]

    phone.login()
    assert ask(View, phone.token).status_code == 403
    assert ask(View, None).status_code in (401, 403)


@pytest.mark.parametrize("permission", [OwnObjects & LATELY, LATELY & OwnObjects, OwnObjects | No])
def test_what_a_project_adds_for_objects_counts_as_well(phone: Device, permission: Any) -> None:
    class View(PayoutView):
        permission_classes = [permission]

        def get(self, request: Request) -> Response:
            with pytest.raises(PermissionDenied):
                self.check_object_permissions(request, object())
            return Response({"of the view": "granted"})

    phone.login()
    assert ask(View, phone.token).status_code == 200


def test_it_is_a_class_as_any_other_permission_is() -> None:
    assert issubclass(LATELY, BasePermission)
    assert LATELY.__name__ == "RecentlyAuthenticated"
    assert LATELY().max_age == timedelta(minutes=5)


def test_each_view_has_an_age_of_its_own(phone: Device, clock: Any) -> None:
    class HourView(PayoutView):
        permission_classes = [RecentlyAuthenticated(max_age=timedelta(hours=1, milliseconds=1))]

    phone.login()
    clock.shift(10 * MINUTE)
    assert refused(ask(PayoutView, phone.token))
    assert ask(HourView, phone.token).status_code == 200


def test_it_speaks_korean(phone: Device, clock: Any) -> None:
    phone.login()
    clock.shift(6 * MINUTE)
    with translation.override("ko"):
        detail = str(ask(PayoutView, phone.token).data["detail"])
    assert detail == "계속하려면 다시 로그인해 주세요."
