"""The Python blocks of the documents run as they are typed, and do what is said of them."""

from __future__ import annotations

import json
import re
import stat
import sys
from configparser import ConfigParser
from datetime import timedelta
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as in_force
from django.contrib import admin
from django.core.management import call_command
from django.test import Client, RequestFactory, override_settings
from pytest_django import Settings
from rest_framework.authentication import BaseAuthentication

import tests.support.recipes  # noqa: F401 - finds the modules that recipes import
from jwt_refresh import sessions
from jwt_refresh.contrib import client
from jwt_refresh.core import binding
from jwt_refresh.core.keys.generating import generate_private_key, public_half
from jwt_refresh.models import Session
from tests.support.complaints import complaints
from tests.support.devices import PASSWORD, Device
from tests.support.documents import BLOCKS, TEXTS, block_with
from tests.support.http import DAY, claims
from tests.support.proofs import SITE, ProofKey
from tests.support.tutorial import blocks_of

SIGNING_KEY = generate_private_key("EdDSA")
HREF = re.compile(r'href="([^"]*)"')
HEADS = ("# settings.py", "# shop/settings.py")
_job = re.compile(r"manage\.py (\w+)$", re.MULTILINE)
SETTINGS = {place: code for place, code in BLOCKS.items() if code.startswith(HEADS)}
MODULES = {place: code for place, code in BLOCKS.items() if place not in SETTINGS}


def typed(code: str, **given: Any) -> dict[str, Any]:
    """What a file holds in which the block stands below what is ``given``."""
    names: dict[str, Any] = {"__name__": "typed", **given}
    exec(compile(code, "block", "exec"), names)
    return names


def test_no_block_is_left_out() -> None:
    assert len(BLOCKS) == sum(text.count("```python") for text in TEXTS.values()) > 20


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNING_KEY", SIGNING_KEY)
    monkeypatch.setenv("PUBLIC_KEY", public_half(SIGNING_KEY))
    # Classes for tokens of another issuer: the project's own, and that of knox.
    for package, module, name in (
        ("accounts", "authentication", "OldTokenAuthentication"),
        ("knox", "auth", "TokenAuthentication"),
    ):
        theirs = ModuleType(f"{package}.{module}")
        setattr(theirs, name, BaseAuthentication)
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, theirs.__name__, theirs)
    # The project of the tutorial, which is an app of itself.
    shop = ModuleType("shop")
    shop.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "shop", shop)


def settings_of(code: str) -> dict[str, Any]:
    """What a block sets that was not set before."""
    old = {"INSTALLED_APPS": [*in_force.INSTALLED_APPS], "MIDDLEWARE": [*in_force.MIDDLEWARE]}
    old["INSTALLED_APPS"] = [app for app in old["INSTALLED_APPS"] if f'"{app}"' not in code]
    new = {name: value for name, value in typed(code, **old).items() if name.isupper()}
    # A list that names all of them knows no user model of a world.
    world = [app for app in in_force.INSTALLED_APPS if app.startswith("tests.")]
    new["INSTALLED_APPS"] = dict.fromkeys([*new["INSTALLED_APPS"], *world])
    return new


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("document", ["keys", "moving-in", "going-live"])
def test_the_commands_of_a_page_run(
    document: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a terminal, with what the page shows, or from cron and systemd."""
    settings.JWT_REFRESH = {"ALGORITHM": "EdDSA", "PRIVATE_KEYS": [SIGNING_KEY]}
    blocks = [it for it in blocks_of(f"docs/{document}.md") if it.language != "python"]
    found = [step for block in blocks for step in block.commands]
    found += [(line, "") for block in blocks for line in _job.findall(block.text)]
    assert found
    for line, shown in found:
        call_command(*line.removeprefix("python manage.py ").split())
        pattern = re.sub(r"kid\\ \S+", r"kid \\S+", re.escape(shown)).replace("…", "(?s:.+)")
        assert re.match(pattern, capsys.readouterr().out), line


def test_the_units_of_systemd_are_read() -> None:
    (block,) = (it for it in blocks_of("docs/going-live.md") if it.language == "ini")
    units = re.split(r"^# /etc/systemd/system/", block.text, flags=re.MULTILINE)[1:]
    sections = {}
    for unit in units:
        name, text = unit.split("\n", 1)
        parser = ConfigParser()
        parser.read_string(text)
        sections[name] = parser.sections()
    assert sections == {
        "purge-sessions.service": ["Service"],
        "purge-sessions.timer": ["Timer", "Install"],
    }


@pytest.mark.django_db(databases="__all__")
def test_the_answers_that_are_shown_have_the_members_of_real_ones(phone: Device) -> None:
    shown, listed = (
        json.loads(it.text) for it in blocks_of("docs/endpoints.md") if it.language == "json"
    )
    answer = phone.login().json()
    assert shown == answer | {"access_token": "…"}
    assert [it.keys() for it in listed] == [it.keys() for it in phone.get("/auth/sessions/").json()]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("code", SETTINGS.values(), ids=SETTINGS)
def test_a_block_of_settings_passes_the_checks(code: str) -> None:
    with override_settings(USE_TZ=True, **settings_of(code)):
        ours = {str(message.id): message for message in complaints(deploy=True)}
        assert not [message for message in ours.values() if message.is_serious()]
        if "JWT_REFRESH" in code and "for tests" not in code:
            # The caches of these tests are what the documents warn of.
            assert ours.keys() <= {f"jwt_refresh.{it}" for it in ("W007", "W025", "W026", "W027")}


@pytest.mark.parametrize("code", MODULES.values(), ids=MODULES)
def test_a_block_of_code_is_complete(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for packages that are not ours, whose own tests are elsewhere."""
    stand_in = ModuleType("celery")
    stand_in.shared_task = lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "celery", stand_in)
    shop: Any = ModuleType("shop.views")
    shop.MeView = shop.me = stand_in.shared_task
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, shop.__name__, shop)
    # Where strawberry looks up the names of annotations.
    monkeypatch.setitem(sys.modules, "typed", ModuleType("typed"))
    given_elsewhere = ("allauth", "django_otp", "logins.two_steps", "from client ")
    if any(it in code for it in given_elsewhere):
        compile(code, "block", "exec")
    else:
        typed(code, urlpatterns=[])


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_the_verbs_of_the_readme(ann: Any, rf: RequestFactory) -> None:
    request: Any = rf.post("/")
    verbs = typed(block_with("def tokens_for"))
    first = verbs["tokens_for"](ann, request)
    assert claims(first.access_token)["amr"] == ["otp"]
    second = verbs["successor_of"](first.access_token, request)
    assert second.session == first.session
    checked = typed(block_with("def checked("))["checked"]
    assert checked(request, ann.get_username(), PASSWORD).session.user == ann
    request.auth = None
    typed(block_with("def set_own_password"))["set_own_password"](request, ann, "new")
    assert ann.check_password("new")
    verbs["close_account"](ann)
    assert not Session.objects.live().exists()


@pytest.mark.django_db
def test_the_page_of_a_user_leads_to_their_sessions(
    ann: Any, bob: Device, admin_client: Client
) -> None:
    link = typed(block_with("def sessions"))["sessions"]

    class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
        fieldsets = ((None, {"fields": ["password"]}), ("Logins", {"fields": [link]}))
        readonly_fields = (link,)

    assert not AccountAdmin(type(ann), admin.site).check()
    sessions.start(ann)
    sessions.start(bob.user)
    address = HREF.search(link(ann))
    assert address
    page = admin_client.get(unescape(address[1])).content.decode()
    assert "Revoke all sessions of ann@example.com" in page
    assert bob.user.get_username() not in page


@pytest.mark.django_db
def test_the_functions_of_the_readme_serve_as_settings(
    phone: Device, settings: Settings, rf: RequestFactory
) -> None:
    hooks = {
        "LOGIN_LIFETIMES": typed(block_with("def lifetimes"))["lifetimes"],
        "CLAIMS": typed(block_with("def claims"))["claims"],
        "ISSUER": typed(block_with("def issuer"))["issuer"],
    }
    settings.JWT_REFRESH = hooks
    with override_settings(USE_TZ=True):
        assert not complaints()
    phone.login()
    content = claims(phone.token)
    assert (content["iss"], content["name"]) == ("https://testserver", phone.user.get_username())
    job = sessions.start(phone.user)
    assert claims(job.access_token)["iss"] == "https://example.com"
    remembered = sessions.start(phone.user, rf.post("/", {"remember_me": "on"}))
    assert (remembered.refresh_expires_in, remembered.session.ends_at) == (90 * DAY, None)
    phone.user.is_staff = True
    ends_at: Any = sessions.start(phone.user).session.ends_at
    assert ends_at - sessions.start(phone.user).session.started_at <= timedelta(hours=12)


@pytest.mark.django_db
def test_the_client_of_the_bound_sessions(ann: Any, settings: Settings) -> None:
    """Login, request, refresh: each with a proof of its own, the last with a nonce."""
    proof = typed(block_with("def proof"))["proof"]
    settings.JWT_REFRESH = {"DPOP": "required"}
    where = "http://testserver"
    client, credentials = Client(), {ann.USERNAME_FIELD: ann.get_username(), "password": PASSWORD}
    login = {"DPoP": proof("POST", f"{where}/auth/login/")}
    answer: Any = client.post("/auth/login/", credentials, headers=login)
    assert answer.json()["token_type"] == "DPoP"
    token = answer.json()["access_token"]
    bearing = {"Authorization": f"DPoP {token}"}
    proved = bearing | {"DPoP": proof("GET", f"{where}/me/?page=2", token=token)}
    assert client.get("/me/?page=2", headers=proved).status_code == 200
    nonce = ""
    for status in (401, 200):
        proved = bearing | {"DPoP": proof("POST", f"{where}/auth/refresh/", nonce=nonce)}
        answer = client.post("/auth/refresh/", headers=proved)
        assert answer.status_code == status
        nonce = answer.get("DPoP-Nonce", "")


def test_the_bound_python_client_makes_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with typed(block_with("def bound_client"))["bound_client"]("secret"):
        assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_a_key_in_hardware_binds_as_well() -> None:
    key = ProofKey()
    hardware = typed(block_with("class HardwareKey"))["HardwareKey"](key.jwk, key.sign)
    assert (
        binding.read(
            client.proof(hardware, "POST", SITE),
            method="POST",
            uri=SITE,
            leeway=0,
            end_of=lambda nonce: None,
        ).jkt
        == key.jkt
    )


@pytest.mark.django_db
def test_purging_by_celery_purges(ann: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    stand_in = ModuleType("celery")
    stand_in.shared_task = lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "celery", stand_in)
    typed(block_with("import shared_task"))["purge_sessions"]()
    assert capsys.readouterr().out.startswith("Deleted sessions: 0")
    (entry,) = settings_of(block_with("CELERY_BEAT_SCHEDULE"))["CELERY_BEAT_SCHEDULE"].values()
    assert entry["task"] == "accounts.tasks.purge_sessions"
