from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jwt_refresh import sessions
from jwt_refresh.sessions.purging import NO_TIME


class Command(BaseCommand):
    help = "Delete sessions that are over, and records of living ones that have become useless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--keep-days", type=int, default=30, help="for how long the dead can be looked at"
        )
        parser.add_argument(
            "--forget-days",
            type=int,
            default=90,
            help="after how long without a refresh address and agent are blanked",
        )
        parser.add_argument(
            "--batch-size", type=int, default=1000, help="how many rows are deleted at once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            purged = sessions.purge(
                keep=timedelta(days=options["keep_days"]),
                forget=timedelta(days=options["forget_days"]),
                batch_size=options["batch_size"],
            )
        except OverflowError:
            raise CommandError(NO_TIME) from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Deleted sessions: {purged.sessions}; records: {purged.tokens}."
            f" Blanked address and agent of sessions: {purged.forgotten}."
        )
