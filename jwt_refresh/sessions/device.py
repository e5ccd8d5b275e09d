"""The device of a client: address and user agent of a request, as far as they may be kept."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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


def address_of(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the client's address; ``None`` where the server names none, as behind a Unix socket.

    Of ``X-Forwarded-For`` only what the proxies of one's own wrote is believed, as many as
    REST framework's ``NUM_PROXIES`` says; where that is not set, none of it.
    """
    text: str = request.META.get("REMOTE_ADDR", "")
    proxies, forwarded = api_settings.NUM_PROXIES, request.META.get("HTTP_X_FORWARDED_FOR")
    if proxies and forwarded:
        text = forwarded.split(",")[-proxies:][0].strip()
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


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
