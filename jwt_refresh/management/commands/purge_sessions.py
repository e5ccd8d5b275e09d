from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jwt_refresh import sessions


class Command(BaseCommand):
    help = "Delete sessions that are over, and records of living ones that have become useless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--keep-days", type=int, default=30, help="for how long the dead can be looked at"
        )
        parser.add_argument("--batch-size", type=int, default=1000)

    def handle(self, *args: Any, **options: Any) -> None:
        keep = timedelta(days=options["keep_days"])
        purged = sessions.purge(keep=keep, batch_size=options["batch_size"])
        self.stdout.write(f"Deleted sessions: {purged.sessions}; records: {purged.tokens}")
