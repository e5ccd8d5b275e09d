"""Who is asking, and how much of it is kept."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from rest_framework.settings import api_settings

from jwt_refresh.models import Session
from jwt_refresh.sessions.device import MAX_AGENT, address_of, recorded_client
from tests.support.devices import Device

PHONE = "Mozilla/5.0 (Linux; Android 16) Mobile"


def asking(rf: Any, address: str, forwarded: str = "", agent: str = PHONE) -> Any:
    headers = {"User-Agent": agent} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    return rf.get("/", REMOTE_ADDR=address, headers=headers)


@pytest.mark.parametrize(
    ("address", "forwarded", "proxies", "expected"),
    [
        ("192.0.2.7", "", None, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", None, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", 0, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", 1, "203.0.113.9"),
        ("192.0.2.7", "198.51.100.1, 203.0.113.9", 1, "203.0.113.9"),
        ("192.0.2.7", "198.51.100.1, 203.0.113.9", 2, "198.51.100.1"),
        ("192.0.2.7", "spoofed, 198.51.100.1, 203.0.113.9", 2, "198.51.100.1"),
        ("192.0.2.7", "203.0.113.9", 2, "203.0.113.9"),
        ("192.0.2.7", "", 1, "192.0.2.7"),
        ("192.0.2.7", "nonsense", 1, None),
        ("2001:db8::7", "", None, "2001:db8::7"),
        ("fe80::1%eth0", "", None, "fe80::1"),
        ("::ffff:192.0.2.7", "", None, "192.0.2.7"),
        ("", "", None, None),
        ("unix:", "", None, None),
        ("192.0.2.7:4711", "", None, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9:4711", 1, "203.0.113.9"),
        ("192.0.2.7", "198.51.100.1, 203.0.113.9:4711", 1, "203.0.113.9"),
        ("192.0.2.7", "[2001:db8::9]", 1, "2001:db8::9"),
        ("192.0.2.7", "[2001:db8::9]:443", 1, "2001:db8::9"),
        ("192.0.2.7", '"[2001:db8::9]:443"', 1, "2001:db8::9"),
        ("192.0.2.7", "[fe80::1%eth0]:443", 1, "fe80::1"),
        ("192.0.2.7", "[::ffff:203.0.113.9]:443", 1, "203.0.113.9"),
        ("192.0.2.7", "2001:db8::9", 1, "2001:db8::9"),
        ("192.0.2.7", "unknown", 1, None),
        ("192.0.2.7", "unknown:4711", 1, None),
        ("192.0.2.7", "_hidden", 1, None),
        ("192.0.2.7", ",", 1, None),
        ("192.0.2.7", "[", 1, None),
        ("", "203.0.113.9", 1, "203.0.113.9"),
        ("192.0.2.7", "203.0.113.9", -1, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1, 203.0.113.9", -1, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "1", "192.0.2.7"),
    ],
)
def test_an_address_is_believed_as_far_as_our_own_proxies_wrote_it(
    rf: Any,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    forwarded: str,
    proxies: Any,
    expected: str | None,
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies)
    found = address_of(asking(rf, address, forwarded))
    assert found == (ip_address(expected) if expected else None)


@pytest.mark.parametrize(
    ("level", "address", "kept"),
    [
        ("full", "192.0.2.7", ("192.0.2.7", PHONE)),
        ("truncated", "192.0.2.7", ("192.0.2.0/24", PHONE)),
        ("truncated", "::ffff:192.0.2.7", ("192.0.2.0/24", PHONE)),
        ("truncated", "2001:db8:1:2:3::7", ("2001:db8:1::/48", PHONE)),
        ("truncated", "", ("", PHONE)),
        ("full", "", ("", PHONE)),
        ("off", "192.0.2.7", ("", "")),
    ],
)
def test_the_setting_says_how_much_is_kept(
    rf: Any, settings: Any, level: str, address: str, kept: tuple[str, str]
) -> None:
    settings.JWT_REFRESH = {"RECORD_CLIENT": level}
    assert recorded_client(asking(rf, address)) == kept


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("x" * 1_000_000, "x" * MAX_AGENT),
        ("two\r\nlines", "twolines"),
        ("\x00\x1b[31mred\x7f", "[31mred"),
        ("turned \u202eround", "turned round"),
        (" lone \udc80surrogate ", "lone surrogate"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("", ""),
    ],
)
def test_an_agent_is_capped_and_cleaned(rf: Any, agent: str, kept: str) -> None:
    request = rf.get("/")
    request.META["HTTP_USER_AGENT"] = agent
    assert recorded_client(request)[1] == kept


def test_without_a_request_nothing_is_known() -> None:
    assert recorded_client(None) == ("", "")


@pytest.mark.django_db
def test_a_session_shows_who_logged_in_or_refreshed_last(phone: Device) -> None:
    phone.http.defaults["HTTP_USER_AGENT"] = PHONE
    phone.login()
    assert Session.objects.values_list("address", "agent").get() == ("127.0.0.0/24", PHONE)
    phone.http.defaults |= {"HTTP_USER_AGENT": "thief/1.0", "REMOTE_ADDR": "203.0.113.9"}
    phone.refresh()
    assert Session.objects.values_list("address", "agent").get() == ("203.0.113.0/24", "thief/1.0")


@pytest.mark.django_db
def test_what_is_kept_no_more_is_forgotten_at_the_next_refresh(
    phone: Device, settings: Any
) -> None:
    phone.http.defaults |= {"HTTP_USER_AGENT": PHONE, "REMOTE_ADDR": "2001:db8:1:2::7"}
    settings.JWT_REFRESH = {"RECORD_CLIENT": "full"}
    phone.login()
    for level, kept in (
        ("full", ("2001:db8:1:2::7", PHONE)),
        ("truncated", ("2001:db8:1::/48", PHONE)),
        ("off", ("", "")),
    ):
        settings.JWT_REFRESH = {"RECORD_CLIENT": level}
        phone.refresh()
        assert Session.objects.values_list("address", "agent").get() == kept
