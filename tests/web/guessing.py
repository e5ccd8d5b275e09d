"""Logins from several addresses, by owners and by those who guess."""

from __future__ import annotations

from tests.support.devices import PASSWORD, Device

HOME, OFFICE, CAFE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def try_from(address: str, device: Device, password: str = PASSWORD, **headers: str) -> int:
    """The status of a login of ``device`` from another address."""
    device.http.defaults["REMOTE_ADDR"] = address
    device.password = password
    for name, value in headers.items():
        device.http.defaults[f"HTTP_{name.upper()}"] = value
    status: int = device.login().status_code
    return status


def guess(address: str, device: Device, times: int = 1, **headers: str) -> list[int]:
    """An attacker tries passwords of the user of ``device``."""
    attacker = Device(device.user)
    return [try_from(address, attacker, f"guess {n}", **headers) for n in range(times)]


def copy_of(device: Device) -> Device:
    """A thief, with the tokens that the device has now."""
    thief = Device(device.user)
    thief.token, thief.refresh_token = device.token, device.refresh_token
    return thief
