"""A request and its answer on one stream of HTTP/2, as the application knows them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

Headers = list[tuple[bytes, bytes]]


class Sender(Protocol):
    """The connection, as far as one of its streams needs it."""

    def was_read(self, number: int, length: int) -> None: ...

    def send_continue(self, exchange: Exchange) -> None: ...

    def send_head(self, number: int, status: int, headers: Headers) -> None: ...

    async def send_data(self, exchange: Exchange, data: bytes, *, is_last: bool) -> None: ...


class Exchange:
    """One stream: a request, and its answer."""

    def __init__(self, connection: Sender, number: int, scope: dict[str, Any]) -> None:
        self.number = number
        self.scope = scope
        self.has_begun = False
        self.has_left = False
        self.is_read = False
        """Whether the whole request was read: the client waits for us, and not we for it."""
        self.is_answered = False
        self.expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"])
        """Whether the client waits to be told to send the body."""
        self.place: float | None = None
        """Since when it is one of those that may be answered at any moment."""
        self.until: float | None = None
        """When the answer ends for a client that does not read it."""
        self.is_on_its_way = False
        self._connection = connection
        self._pieces: list[tuple[bytes, int]] = []
        self._has_ended = False
        self._came = asyncio.Event()
        self.may_send = asyncio.Event()

    @property
    def waits_for_us(self) -> bool:
        """Whether it is the client that waits: to be read from, or for the answer."""
        return self._has_ended or bool(self._pieces) or not self.has_begun

    def came(self, data: bytes, length: int) -> None:
        """A piece of the body; `length` is what it took of the client's window."""
        self._pieces.append((data, length))
        self._came.set()

    def ended(self) -> None:
        self._has_ended = True
        self._came.set()

    def left(self) -> None:
        """Nobody waits for the answer any more."""
        self.has_left = True
        self._came.set()
        self.may_send.set()

    async def receive(self) -> dict[str, Any]:
        """ASGI's: the next piece of the body. Only now may the client send as much again."""
        if self.expects and not (self._pieces or self._has_ended):
            self._connection.send_continue(self)
        while not self.has_left and (self.is_read or not (self._pieces or self._has_ended)):
            self._came.clear()
            await self._came.wait()
        if self.has_left:
            return {"type": "http.disconnect"}
        body = self.take()
        self.is_read = self._has_ended
        return {"type": "http.request", "body": body, "more_body": not self._has_ended}

    def take(self) -> bytes:
        """What has come and was not taken yet, which is no more in the way of what is still to come."""
        pieces, self._pieces = self._pieces, []
        self._connection.was_read(self.number, sum(length for _, length in pieces))
        return b"".join(data for data, _ in pieces)

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI's: the head, then the body piece by piece. A piece that is empty and not the last says nothing."""
        if message["type"] == "http.response.start":
            self._connection.send_head(self.number, message["status"], message["headers"])
            return
        await self._connection.send_data(self, message.get("body", b""), is_last=not message.get("more_body", False))

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._connection.send_head(self.number, status, headers)
        await self._connection.send_data(self, body, is_last=True)
