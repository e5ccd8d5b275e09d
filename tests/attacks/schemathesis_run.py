"""Let Schemathesis ask the example project, and hold its answers against its OpenAPI schema.

``python -m tests.attacks.schemathesis_run PATH/OF/schemathesis [OPTION...]``: once as a stranger,
once as somebody who is logged in. Options are those of ``schemathesis run``, for example
``--max-examples``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.servers import HOST, free_port, running

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
MARK = "Bearer in.good.standing"
"""What the requests of a user carry: the server puts a token of ours in its place."""
SETTINGS = """
from example_project.settings import *

DEBUG = False
MIDDLEWARE = ["helpers.in_good_standing", *MIDDLEWARE]
AUTHENTICATION_BACKENDS = ["helpers.EverySecondPassword"]
# The list of sessions would grow with every login.
JWT_REFRESH |= {"LOGIN_RATE": None, "REFRESH_RATE": None, "MAX_SESSIONS": 3}
"""
HELPERS = f"""
from django.contrib.auth.backends import ModelBackend

from jwt_refresh import sessions
from jwt_refresh.conf import conf
from jwt_refresh.exceptions import TokenError
from jwt_refresh.sessions import checking


def ann():
    from django.contrib.auth.models import User

    return User.objects.get(username="ann")


def in_good_standing(get_response):
    '''A token that lives: the one before may have been logged out by the request before.'''
    token = ""

    def middleware(request):
        nonlocal token
        if request.META.get("HTTP_AUTHORIZATION") == "{MARK}":
            try:
                checking.verify(conf.verifier(None).current(token))
            except TokenError:
                token = sessions.start(ann()).access_token
            request.META["HTTP_AUTHORIZATION"] = "Bearer " + token
        return get_response(request)

    return middleware


class EverySecondPassword(ModelBackend):
    '''Nobody guesses a password: half of those that are tried must do.'''

    def authenticate(self, request, username=None, password=None):
        return ann() if len(password) % 2 else None
"""


def main(arguments: Sequence[str]) -> int:
    """0 where every answer is as the schema says."""
    program, *options = arguments
    with TemporaryDirectory(prefix="schemathesis-") as name:
        directory, port = Path(name), free_port()
        log = directory / "log"
        (directory / "settings.py").write_text(SETTINGS)
        (directory / "helpers.py").write_text(HELPERS)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "settings",
            "EXAMPLE_DATABASE": str(directory / "db.sqlite3"),
            "PYTHONPATH": os.pathsep.join((name, str(ROOT))),
        }
        serve = (sys.executable, ROOT / "manage.py", "demo", "--port", str(port))
        with running(serve, port, directory, environment, log):
            command = (program, "run", f"http://{HOST}:{port}/schema/", *options)
            command += ("--checks", ",".join(CHECKS), "--generation-database", "none")
            # Django's development server may drop a connection that is used again.
            command += ("--request-retries", "3")
            failed = [
                subprocess.run([*command, *user], cwd=directory).returncode
                for user in ((), ("--header", f"Authorization: {MARK}"))
            ]
        requests = sum(' HTTP/1.1" ' in line for line in log.read_text().splitlines())
        sys.stdout.write(f"{requests} requests were answered.\n")
    return max(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
