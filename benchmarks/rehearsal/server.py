"""A deployment: it listens until its input ends, and answers what has come before it goes."""

from __future__ import annotations

import os
import sys
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command


class Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Write no log."""


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False
    request_queue_size = 512
    allow_reuse_address = True


def main(port: int) -> None:
    if os.environ["REHEARSAL_STAGE"] == "uninstalled":
        # As if it were.
        sys.modules["rest_framework_simplejwt"] = None  # type: ignore[assignment]
    django.setup()
    call_command("check", fail_level="WARNING")
    call_command("migrate", verbosity=0)
    server = Server(("127.0.0.1", port), Handler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    print("listening", flush=True)
    sys.stdin.read()
    server.shutdown()
    thread.join()
    server.server_close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
