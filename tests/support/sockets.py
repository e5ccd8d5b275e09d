"""WebSockets of ASGI: a client, and the talk of a test with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator

HOST = "testserver"
PATIENCE = 60
"""How long a message is waited for that must come, in seconds."""


# It has no types.
_Client: Any = ApplicationCommunicator


class Socket(_Client):  # type: ignore[misc]
    """A client that opens a WebSocket, with these headers, and offers these subprotocols."""

    def __init__(
        self,
        application: Any,
        *subprotocols: str,
        path: str = "/",
        scheme: str = "wss",
        **headers: str,
    ) -> None:
        named = {"host": HOST} | {name.replace("_", "-"): it for name, it in headers.items()}
        address = urlsplit(path)
        scope = {
            "type": "websocket",
            "scheme": scheme,
            "path": address.path,
            "query_string": address.query.encode(),
            "headers": [(name.lower().encode(), it.encode()) for name, it in named.items()],
            "subprotocols": [*subprotocols],
        }
        super().__init__(application, scope)

    async def connect(self) -> tuple[bool, Any]:
        """Open it; return true and the subprotocol that is answered, or false and a code."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(PATIENCE)
        if answer["type"] == "websocket.close":
            return False, answer["code"]
        assert answer["type"] == "websocket.accept"
        return True, answer["subprotocol"]

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        message = await self.receive_output(PATIENCE)
        text: str = message["text"]
        assert message == {"type": "websocket.send", "text": text}
        return text

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(PATIENCE)
        # `wait` takes an application that was cancelled for one that has ended.
        assert not self.future.cancelled()

    async def closed(self) -> tuple[int, str]:
        """Wait for the end, and return its code and reason."""
        message = await self.receive_output(PATIENCE)
        assert message["type"] == "websocket.close"
        await self.disconnect()
        return message["code"], message["reason"]

    async def refused(self) -> tuple[int, str]:
        """Open it, and return what it is closed with; it is accepted first."""
        accepted, _ = await self.connect()
        assert accepted
        return await self.closed()


def talk(talking: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let a test talk in an event loop; its queries are made in its own thread."""
    async_to_sync(talking)()
