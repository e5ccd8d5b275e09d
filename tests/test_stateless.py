"""The class that asks no database, and the one for public pages."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from rest_framework.permissions import IsAuthenticated
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from jwt_refresh import sessions
from jwt_refresh.authentication import (
    BearerAuthentication,
    OptionalJWTAuthentication,
    StatelessJWTAuthentication,
    TokenUser,
)
from jwt_refresh.conf import conf
from jwt_refresh.core.claims import Claims
from jwt_refresh.core.keys.generating import generate_private_key, public_half
from jwt_refresh.models import Session
from jwt_refresh.testing import headers_of
from tests.support.devices import PAIR
from tests.support.http import MINUTE, claims, said

from .support.devices import Device
from .support.statements import statements
from .views import StatelessView

pytestmark = pytest.mark.django_db

STATELESS = "/me/stateless/"
OPTIONAL = "/me/optional/"
NOBODY = {"user": None, "sid": None}
PRIVATE = generate_private_key("EdDSA")


def authenticated(authentication: Any, token: str) -> tuple[Any, Any]:
    http = APIRequestFactory().get("/", headers=headers_of(token))
    request = APIView(authentication_classes=[authentication]).initialize_request(http)
    assert IsAuthenticated().has_permission(request, APIView())
    return request.user, request.auth


def token_user(device: Device) -> Any:
    return authenticated(StatelessJWTAuthentication, device.token)[0]


# TokenUser


def test_a_token_user_travels_and_is_the_same(phone: Device) -> None:
    phone.login()
    user = token_user(phone)
    for copied in (pickle.loads(pickle.dumps(user)), copy.deepcopy(user), copy.copy(user)):
        assert type(copied) is TokenUser
        assert {copied: "found"}[user] == "found"
        assert copied.claims == user.claims


# StatelessJWTAuthentication


@pytest.mark.usefixtures("style")
def test_a_token_is_enough(phone: Device) -> None:
    phone.login()
    with statements(0):
        response = phone.get(STATELESS)
    assert response.json() == {"user": str(phone.user.pk), "sid": claims(phone.token)["sid"]}


def test_what_became_of_the_session_is_not_asked(phone: Device) -> None:
    """This is what it costs: a thief has the token until its end, or until the denylist."""
    phone.login()
    type(phone.user)._default_manager.all().delete()
    assert phone.get(STATELESS).status_code == 200


def test_it_refuses_what_is_no_good_token(phone: Device, settings: Any, clock: Any) -> None:
    settings.JWT_REFRESH = PAIR
    phone.login()
    with statements(0):
        refused = [
            phone.get(STATELESS, token=token)
            for token in (phone.refresh_token, phone.token[:-10] + "AAAAAAAAAA", "x")
        ]
        clock.shift(30 * MINUTE)
        expired = phone.get(STATELESS)
        malformed = phone.get(STATELESS, token="x y")
        missing = phone.get(STATELESS, token=None)
    for response in (*refused, expired):
        assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert {said(response)[:2] for response in refused} == {(401, "token_invalid")}
    assert said(expired)[:2] == (401, "token_expired")
    assert said(malformed)[:2] == (400, "invalid_request")
    assert said(missing)[:2] == (401, "token_missing")
    assert missing["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_session_that_is_none_of_ours_is_refused(phone: Device) -> None:
    """Whoever shares our keys may sign what we would not."""
    phone.login()
    kind = authenticated(StatelessJWTAuthentication, phone.token)[1].kind
    foreign = conf.issuer(None).issue(kind, **claims(phone.token) | {"sid": "no-uuid"})
    assert said(phone.get(STATELESS, token=foreign))[:2] == (401, "session_revoked")


def test_a_permission_of_others_asks_for_a_token_by_a_challenge() -> None:
    class OthersView(StatelessView):
        permission_classes = [IsAuthenticated]

    response = OthersView.as_view()(APIRequestFactory().get("/"))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_the_base_class_lets_nobody_in() -> None:
    with pytest.raises(NotImplementedError):
        authenticated(BearerAuthentication, "x")


def test_requests_prove_nothing_to_the_issuer(phone: Device) -> None:
    phone.login()
    phone.get(STATELESS)
    assert Session.objects.get().confirmed_at is None


def test_a_service_with_public_keys_alone_verifies_and_issues_nothing(
    phone: Device, settings: Any
) -> None:
    settings.JWT_REFRESH = PAIR | {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [PRIVATE]}
    phone.login()
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PUBLIC_KEYS": [public_half(PRIVATE)]}
    settings.SECRET_KEY = "the key of another project, which is long enough as well"
    with statements(0):
        assert phone.get(STATELESS).json()["user"] == str(phone.user.pk)
        assert phone.login().status_code == phone.refresh().status_code == 404
    with pytest.raises(ValueError, match="none of them can sign"):
        sessions.start(phone.user)
    assert Session.objects.count() == 1


# TokenUser


def test_a_token_user_is_authenticated_and_may_nothing(phone: Device) -> None:
    phone.login()
    user, auth = authenticated(StatelessJWTAuthentication, phone.token)
    assert isinstance(user, TokenUser)
    assert isinstance(auth, Claims)
    assert user.claims is auth
    assert user.pk == user.id == user.get_username() == str(user) == str(phone.user.pk)
    assert (user.is_authenticated, user.is_anonymous, user.is_active) == (True, False, True)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.groups.exists()
    assert not user.user_permissions.exists()
    assert user.get_all_permissions() == set()
    assert not user.has_perm("auth.view_user")
    assert not user.has_perms(["auth.view_user"])
    assert user.has_perms([])
    assert not user.has_module_perms("auth")


@pytest.mark.parametrize(("method", "status"), [("get", 200), ("post", 403)])
def test_permissions_of_django_say_no_instead_of_failing(
    phone: Device, method: str, status: int
) -> None:
    phone.login()
    ask = getattr(phone, method)
    assert ask("/me/permitted/").status_code == status


@pytest.mark.parametrize("name", ["email", "sub", "first_name", "sid"])
def test_a_token_user_has_nothing_that_it_was_not_given(phone: Device, name: str) -> None:
    """Claims are no attributes: one called ``is_superuser`` would be believed."""
    phone.login()
    user = token_user(phone)
    with pytest.raises(AttributeError):
        getattr(user, name)
    with pytest.raises((AttributeError, TypeError)):
        user.is_superuser = True


def test_token_users_are_equal_by_subject(phone: Device, laptop: Device, bob: Device) -> None:
    for device in (phone, laptop, bob):
        device.login()
    first, second, other = map(token_user, (phone, laptop, bob))
    assert first == second
    assert hash(first) == hash(second)
    assert first != other
    assert len({first, second, other}) == 2
    # A row is asked for a decision that claims cannot take, so one must not pass for the other.
    assert first != phone.user
    assert first != str(phone.user.pk)


# OptionalJWTAuthentication


@pytest.mark.usefixtures("style")
def test_a_good_token_tells_a_public_page_who_asks(phone: Device) -> None:
    assert phone.get(OPTIONAL, token=None).json() == NOBODY
    phone.login()
    assert phone.get(OPTIONAL).json()["sid"] == claims(phone.token)["sid"]
    assert authenticated(OptionalJWTAuthentication, phone.token)[0] == phone.user


def test_whoever_comes_with_a_bad_token_is_anonymous(
    phone: Device, laptop: Device, settings: Any, clock: Any
) -> None:
    settings.JWT_REFRESH = PAIR
    for device in (phone, laptop):
        device.login()
    laptop.logout()
    bad = ["x", "x y", "", phone.refresh_token, phone.token[:-10] + "AAAAAAAAAA", laptop.token]
    answers = [phone.get(OPTIONAL, authorization=f"Bearer {token}") for token in bad]
    clock.shift(30 * MINUTE)
    answers.append(phone.get(OPTIONAL))
    for answer in answers:
        assert (answer.status_code, answer.json()) == (200, NOBODY)


@pytest.mark.parametrize("path", [OPTIONAL, STATELESS, "/me/", "/hello/"])
def test_the_vault_of_the_keys_must_answer_as_well(phone: Device, settings: Any, path: str) -> None:
    phone.login()
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": fail_to_open}
    assert said(phone.get(path))[:2] == (503, "unavailable")


def fail_to_open() -> list[str]:
    raise PermissionError("the vault is sealed")
