"""Requests to a deployment, which wait while one follows another."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Answer:
    status: int
    headers: Message
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def ask(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a request, with ``body`` as JSON, until somebody listens and answers."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    while True:
        try:
            with closing(HTTPConnection(HOST, port, timeout=60)) as connection:
                connection.request(method, path, json.dumps(body), sent)
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read().decode())
        except (ConnectionRefusedError, ConnectionResetError, HTTPException):
            time.sleep(0.1)
