from __future__ import annotations

from typing import Any

from django.core.checks import run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jwt_refresh.conf import conf
from jwt_refresh.core.keys.generating import generate_private_key, public_half
from jwt_refresh.core.keys.keyring import Key
from jwt_refresh.core.keys.pairs import KEY_PAIR_ALGORITHMS

PASTE = """\
# The private key. It signs in the first place of PRIVATE_KEYS; keep it out of the repository.
{private}
# Its public half, for PUBLIC_KEYS: where tokens are only verified, and here before it signs.
{public}"""


class Command(BaseCommand):
    help = "Print a new key pair, ready to paste; or tell which keys the settings hold."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--algorithm",
            choices=KEY_PAIR_ALGORITHMS,
            default="EdDSA",
            help="the algorithm that the pair is for",
        )
        parser.add_argument(
            "--check", action="store_true", help="make nothing; list the keys in force"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self.list_keys()
            return
        private = generate_private_key(options["algorithm"])
        self.stdout.write(PASTE.format(private=private, public=public_half(private)))

    def list_keys(self) -> None:
        serious = [found for found in run_checks() if found.is_serious()]
        faults = [found for found in serious if not found.is_silenced()]
        if ours := [fault for fault in faults if str(fault.id).startswith("jwt_refresh.")]:
            raise CommandError("\n".join(f"{fault.msg} {fault.hint}" for fault in ours))
        ring = conf.keyring()
        for key in ring.keys:
            task = "signs and verifies" if key is ring.signing else "verifies"
            self.stdout.write(f"{key.algorithm:<9}{_size_of(key):<20}{task:<20}kid {key.kid}")


def _size_of(key: Key) -> str:
    if key.jwk is None:
        return "1 secret" if len(key.verifying) == 1 else f"{len(key.verifying)} secrets"
    # Ed25519 has one size alone, and no attribute that tells it.
    return f"{getattr(key.verifying[0], 'key_size', 256)} bits"
