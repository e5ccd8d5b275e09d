from __future__ import annotations

import socket
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from example_project.users import USERS

HOST = "127.0.0.1"
GUIDE = """
  Open    http://{server}/

  user   ann     password  violet-harbor-93
  admin  admin   password  silver-meadow-27   http://{server}/admin/

Or try, in another terminal:

  curl -s -d username=ann -d password=violet-harbor-93 {server}/auth/login/
  TOKEN=$(curl -s -d username=ann -d password=violet-harbor-93 {server}/auth/login/ | cut -d'"' -f4)
  curl -s -H "Authorization: Bearer $TOKEN" {server}/api/me/
  curl -s -H "Authorization: Bearer $TOKEN" {server}/hello
  curl -s -X POST -H "Authorization: Bearer $TOKEN" {server}/auth/refresh/
  curl -s -X POST -H "Authorization: Bearer $TOKEN" {server}/auth/logout/
  curl -s -H "Authorization: Bearer $TOKEN" {server}/api/me/
"""


class Command(BaseCommand):
    help = "Prepare the database, create the demo users, and serve."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        self.check_port(port)
        call_command("migrate", verbosity=0)
        for name, password, is_admin in USERS:
            self.create_user(name, password, is_admin)
        self.stdout.write(GUIDE.format(server=f"{HOST}:{port}"))
        self.stdout.flush()
        call_command("runserver", f"{HOST}:{port}", use_reloader=False, skip_checks=False)

    def check_port(self, port: int) -> None:
        with socket.socket() as probe:
            # As the server will do: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} of {HOST} is taken. Stop what listens there, or choose "
                    f"another port: make demo PORT={port + 1}"
                ) from error

    def create_user(self, name: str, password: str, is_admin: bool) -> None:
        """Also on the second run: the passwords that are printed are the ones that work."""
        user, _ = get_user_model().objects.get_or_create(username=name)
        if not user.check_password(password):
            user.set_password(password)
        user.is_staff = user.is_superuser = is_admin
        user.save()
