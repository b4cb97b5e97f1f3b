"""How a subscriber gets its records: over a connection that is made inside the sandbox, batch by batch, in order.

One coroutine for each subscription. It never holds more than one batch, waits while the sandbox is frozen, and tries
again where nobody listens or the listener fails ("Specifying a destination protocol" on the Lambda guide's page
"Lambda Telemetry API"). Whatever the listener does, only its own records wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httptools

from wakeful import limits
from wakeful.environments.telemetry_buffer import DROPPED, Buffer, Record, encoded
from wakeful.environments.telemetry_request import Subscription

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_T = TypeVar("_T")

Connector = Callable[[], Awaitable[socket.socket]]
"""Gives sockets of the sandbox's own network that are not connected yet."""


class Wakefulness:
    """Whether the sandbox runs. What waits for something inside it starts its time anew after a pause."""

    def __init__(self) -> None:
        self.is_on = asyncio.Event()
        self.is_on.set()
        self.pauses = 0

    def pause(self) -> None:
        self.is_on.clear()
        self.pauses += 1

    def resume(self) -> None:
        self.is_on.set()


class Failed(Exception):
    """The listener did not take a batch."""


class Subscriber:
    """An extension with what it asked for. `run` delivers until it is cancelled."""

    def __init__(
        self,
        name: str,
        subscription: Subscription,
        buffer: Buffer,
        connector: Connector,
        wakefulness: Wakefulness,
        clock_now: Callable[[], float],
        *,
        has_objects: bool,
    ) -> None:
        """`has_objects`: what the function prints is JSON, and its records are objects."""
        self.name = name
        self.subscription = subscription
        self.buffer = buffer
        self.is_idle = asyncio.Event()
        """All that it was to get has been delivered, or given up."""
        self.is_idle.set()
        self._connector = connector
        self._wakefulness = wakefulness
        self._clock_now = clock_now
        self._has_objects = has_objects and subscription.has_objects
        self._hears_of_loss = subscription.wants(DROPPED)
        self._news = asyncio.Event()
        self._connection: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    def put(self, record: Record) -> None:
        """It will be delivered, or is lost and will be told of."""
        due_at = self.buffer.due_at
        if self.buffer.add(record, self._loop.time()):
            self._on_more(due_at)

    def put_lines(self, at: float, kind: str, texts: Sequence[str]) -> None:
        """As `put`, for what was printed. Cheap, however much there is."""
        due_at = self.buffer.due_at
        if self.buffer.add_lines(at, kind, texts, self._loop.time()):
            self._on_more(due_at)

    def _on_more(self, due_at: float | None) -> None:
        self.is_idle.clear()
        if due_at is None or (due_at and not self.buffer.due_at):  # the first one, or a full batch
            self._news.set()

    def flush(self) -> None:
        """What waits is not kept back any longer."""
        if len(self.buffer):
            self.buffer.flush()
            self._news.set()

    async def run(self) -> None:
        try:
            while True:
                await self._until_due()
                is_taken = await self._deliver(self.buffer.take())
                self.buffer.settle(is_lost=not is_taken)
                if self._hears_of_loss:
                    self.buffer.confess(self._clock_now(), self._loop.time())
                else:
                    self.buffer.forget_lost()
        finally:
            self._disconnect()
            self.give_up()

    def give_up(self) -> None:
        """Nothing waits for it any more, even where `run` was cancelled before it began."""
        self.buffer.empty()
        self.is_idle.set()

    async def _until_due(self) -> None:
        while True:
            due_at = self.buffer.due_at
            if due_at is None:
                self.is_idle.set()
            elif due_at <= self._loop.time():
                await self._wakefulness.is_on.wait()
                return
            self._news.clear()
            try:
                async with asyncio.timeout_at(due_at):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _deliver(self, batch: list[Record]) -> bool:
        """Whether the listener has taken it; tried as long as there is none, and a few times where there is one."""
        payload = await self._encoded(batch)
        pause_s, pause_max_s = limits.TELEMETRY_RETRY_S_RANGE
        tries = 0
        while tries < limits.TELEMETRY_DELIVERY_TRIES_MAX:
            await self._wakefulness.is_on.wait()
            try:
                await self._send(payload)
                return True
            except ConnectionRefusedError:
                self._disconnect()
            except (OSError, TimeoutError, Failed, httptools.HttpParserError):
                self._disconnect()
                tries += 1
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, pause_max_s)
        return False

    async def _encoded(self, batch: list[Record]) -> bytes:
        """In pieces, so that others have their turn."""
        lines: list[bytes] = []
        unbroken_bytes = 0
        for count, record in enumerate(batch, 1):
            lines.append(encoded(record, has_objects=self._has_objects))
            unbroken_bytes += len(lines[-1])
            if count % limits.TELEMETRY_ENCODE_ITEMS == 0 or unbroken_bytes > limits.TELEMETRY_ENCODE_BYTES:
                unbroken_bytes = 0
                await asyncio.sleep(0)
        if self.subscription.destination.is_http:
            return b"[" + b",".join(lines) + b"]"
        return b"\n".join(lines) + b"\n"

    async def _send(self, payload: bytes) -> None:
        if self._connection is not None and self.subscription.destination.is_http:
            try:
                await self._exchange(self._connection, payload)
                return
            except ConnectionError:  # the listener had closed it meanwhile, as it may
                self._disconnect()
        if self._connection is None:
            self._connection = await self._connect()
        await self._exchange(self._connection, payload)

    async def _connect(self) -> socket.socket:
        connection = await self._connector()
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.TELEMETRY_SEND_BUFFER_BYTES)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = (_LOOPBACK, self.subscription.destination.port)
            async with asyncio.timeout(limits.TELEMETRY_CONNECT_S):
                await self._loop.sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _exchange(self, connection: socket.socket, payload: bytes) -> None:
        destination = self.subscription.destination
        if not destination.is_http:
            await self._loop.sock_sendall(connection, payload)  # for as long as it takes: nothing tells where to go on
            return
        head = (
            f"{destination.method} {destination.path} HTTP/1.1\r\nHost: {destination.host}:{destination.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        await self._in_time(lambda: self._loop.sock_sendall(connection, head.encode() + payload), is_repeatable=False)
        answer = _Answer()
        while not answer.is_complete:
            data = await self._in_time(lambda: self._loop.sock_recv(connection, limits.TELEMETRY_ANSWER_BYTES_MAX))
            answer.feed(data)
        if not answer.keeps_alive:
            self._disconnect()
        if answer.status >= 400:
            raise Failed(f"the listener answered {answer.status}")

    async def _in_time(self, step: Callable[[], Awaitable[_T]], *, is_repeatable: bool = True) -> _T:
        """The time in which the sandbox stood still does not count."""
        while True:
            pauses = self._wakefulness.pauses
            try:
                async with asyncio.timeout(limits.TELEMETRY_ANSWER_S):
                    return await step()
            except TimeoutError:
                await self._wakefulness.is_on.wait()
                if self._wakefulness.pauses == pauses or not is_repeatable:
                    raise


class _Answer:
    """What a listener says to a batch: only whether it took it matters."""

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._bytes = 0
        self.status = 0
        self.is_complete = False
        self.keeps_alive = True

    def feed(self, data: bytes) -> None:
        """Raises where it is none, or ends too early."""
        if not data:
            if not self.status:
                raise ConnectionResetError("the listener said nothing")
            self.is_complete, self.keeps_alive = True, False
            return
        self._bytes += len(data)
        if self._bytes > limits.TELEMETRY_ANSWER_BYTES_MAX:
            raise Failed("the listener says too much")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise Failed("the listener wants to speak of something else") from error

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            self.keeps_alive = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        if self.status:
            self.is_complete = True
