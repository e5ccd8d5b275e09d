"""The device of a client: address and user agent of a request, as far as they may be kept."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings

from jwt_refresh.conf import conf

MAX_AGENT = 200
"""Longest user agent that is kept, in characters."""
PREFIX = {4: 24, 6: 48}
"""How many bits of a truncated address are kept, by the version of IP."""


def plain_of(request: HttpRequest | Request | None) -> HttpRequest | None:
    """Return Django's request, also where REST framework wraps it."""
    return request._request if isinstance(request, Request) else request


def proxies() -> int | None:
    """Return ``NUM_PROXIES``; ``None`` where it is not set, or is no count, as the checks say."""
    given: Any = api_settings.NUM_PROXIES
    return given if isinstance(given, int) and given >= 0 else None


def forwarded_for(request: HttpRequest) -> str | None:
    """Return what the outermost of one's own proxies wrote of the client, if any did: no port.

    Of ``X-Forwarded-For`` only what the proxies of one's own wrote is believed, as many as
    REST framework's ``NUM_PROXIES`` says; where that is not set, none of it.
    """
    count, header = proxies(), request.META.get("HTTP_X_FORWARDED_FOR")
    return _host(header.split(",")[-count:][0]) or "unknown" if count and header else None


def address_of(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the client's address; ``None`` where there is none, as behind a Unix socket."""
    text = forwarded_for(request)
    return read_address(request.META.get("REMOTE_ADDR", "") if text is None else text)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with the port, brackets or zone that servers and proxies may write.

    ``None`` for any other text, such as ``unknown`` (RFC 7239 section 6).
    """
    try:
        address = ip_address(_host(text).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _host(text: str) -> str:
    """Return the text without a port, brackets or quotes."""
    text = text.strip('" \t')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def recorded_client(request: HttpRequest | None) -> tuple[str, str]:
    """Return the address and agent that ``RECORD_CLIENT`` lets a session keep; empty if unknown."""
    if request is None or conf.RECORD_CLIENT == "off":
        return "", ""
    address = address_of(request)
    kept = str(address or "")
    if address and conf.RECORD_CLIENT == "truncated":
        kept = str(ip_network((address, PREFIX[address.version]), strict=False))
    agent: str = request.META.get("HTTP_USER_AGENT", "")
    return kept, "".join(filter(str.isprintable, agent[: 2 * MAX_AGENT]))[:MAX_AGENT].strip()
