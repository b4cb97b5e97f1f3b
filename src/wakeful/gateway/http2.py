"""HTTP/2 with prior knowledge over plain TCP: what AWS's JavaScript client for Kinesis speaks, and nothing else.

A connection begins as any other (`server.py`), and is handed over when its first bytes are HTTP/2's. Every stream is a
request of its own to the same application. What a client can make us keep has an end here, too: it may send a body
only as far as it was read, and we write only as far as it reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from uvicorn.server import ServerState

from wakeful import limits

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Headers = list[tuple[bytes, bytes]]
Answer = Callable[[Any, Any, Any], Any]

_OF_CONNECTIONS = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
"""Headers that HTTP/2 has no place for ("RFC 9113", 8.2.2)."""


class _States(H2ConnectionStateMachine):
    """A client's GOAWAY ends nothing that has begun ("RFC 9113", 6.8). To h2 it ends everything, and what comes after
    it is an error; Node.js still sends updates of windows then.
    """

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        return [] if input_ is ConnectionInputs.RECV_GOAWAY else super().process_input(input_)


class Exchange:
    """One stream: a request, and its answer."""

    def __init__(self, connection: Http2Connection, number: int, scope: dict[str, Any]) -> None:
        self.number = number
        self.scope = scope
        self.has_left = False
        self.is_read = False
        """Whether the whole request was read: the client waits for us, and not we for it."""
        self.is_answered = False
        self._connection = connection
        self._pieces: list[tuple[bytes, int]] = []
        self._has_ended = False
        self._came = asyncio.Event()
        self.may_send = asyncio.Event()

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


class Http2Connection(asyncio.Protocol):
    """One client. It stands in for the connection that it came out of, with all that is counted of it."""

    def __init__(
        self,
        state: ServerState,
        app: Answer,
        extensions: tuple[str, str],
        *,
        spend: Callable[[float], None],
        leave: Callable[[], None],
    ) -> None:
        """`extensions` are the names of those that tell who has left, and that answer whole. `spend` hears how long the
        loop was busy with what came, and `leave` gives back the place that the connection has.
        """
        self._state = state
        self._app = app
        self._extensions = extensions
        self._spend = spend
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._protocol = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._protocol.state_machine = _States()
        self._exchanges: dict[int, Exchange] = {}
        self._resets = 0
        """Requests that were taken back, beyond those that were answered."""
        self._unread_bytes = 0
        """What came since the last thing that was complete."""
        self._is_ending = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._heard = self._loop.time()

    def begin(self, transport: asyncio.Transport, data: bytes) -> None:
        """It goes on from here on, beginning with what was read already."""
        self._transport = transport
        self._server, self._client = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self._scheme = "https" if transport.get_extra_info("ssl_object") is not None else "http"
        self._state.connections.add(cast("Any", self))
        transport.set_protocol(self)
        self._protocol.local_settings = type(self._protocol.local_settings)(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: limits.HTTP2_STREAMS_MAX,
                SettingCodes.INITIAL_WINDOW_SIZE: limits.HTTP2_WINDOW_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: limits.HTTP2_HEAD_BYTES_MAX,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )
        self._protocol.initiate_connection()
        self._protocol.increment_flow_control_window(limits.HTTP2_WINDOW_BYTES)
        self.data_received(data)

    # --- asyncio's ---

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        began = time.perf_counter()
        self._unread_bytes += len(data)
        try:
            for event in self._protocol.receive_data(data):
                self._unread_bytes = 0
                self._handle(event)
        except ProtocolError:
            self._flush()  # why, as the client is told
            self._transport.close()
        else:
            self._flush()
        if self._unread_bytes > limits.HTTP_HEAD_BYTES_MAX:  # a frame is kept until it is whole, however long it says
            self._transport.abort()
        self._spend(time.perf_counter() - began)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(cast("Any", self))
        for exchange in self._exchanges.values():
            exchange.left()
        self._may_write.set()
        self._leave()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    # --- the server's ---

    def shutdown(self) -> None:
        """No further request is taken; those that have begun may end."""
        self._is_ending = True
        self._close_if_over()

    def end_if_silent(self, now: float) -> None:
        """Ends the connection of a client that asks for nothing, or does not go on with what it began, for too long."""
        patience_s = limits.HTTP_SILENCE_S if self._exchanges else limits.HTTP_KEEP_ALIVE_S
        is_waiting = any(each.is_read for each in self._exchanges.values())
        if now - self._heard > patience_s and not is_waiting:
            self._transport.abort()

    # --- what comes ---

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._begin_exchange(event)
        elif isinstance(event, DataReceived):
            self._take(event)
        elif isinstance(event, StreamEnded):
            if event.stream_id in self._exchanges:
                self._exchanges[event.stream_id].ended()
        elif isinstance(event, WindowUpdated):
            self._credit(event.stream_id)
        elif isinstance(event, RemoteSettingsChanged):
            self._credit(None)  # they may have made all windows larger
        elif isinstance(event, StreamReset):
            self._reset(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            self.shutdown()

    def _begin_exchange(self, event: RequestReceived) -> None:
        assert event.stream_id is not None
        if self._is_ending:
            self._protocol.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        exchange = Exchange(self, event.stream_id, self._scope(event.headers))
        has_left, answer_whole = self._extensions
        exchange.scope["extensions"] = {
            has_left: partial(getattr, exchange, "has_left"),
            answer_whole: exchange.send_whole,
        }
        self._exchanges[event.stream_id] = exchange
        task = self._loop.create_task(self._answer(exchange))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _scope(self, headers: Headers) -> dict[str, Any]:
        pseudo = {name: value for name, value in headers if name.startswith(b":")}
        plain = [(name, value) for name, value in headers if not name.startswith(b":")]
        if b":authority" in pseudo and not any(name == b"host" for name, _ in plain):
            plain.append((b"host", pseudo[b":authority"]))  # where signatures and addresses of buckets have it
        path, _, query = pseudo.get(b":path", b"/").partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "server": self._server,
            "client": self._client,
            "scheme": self._scheme,
            "method": pseudo[b":method"].decode("latin-1"),
            "root_path": "",
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": plain,
        }

    def _take(self, event: DataReceived) -> None:
        assert event.stream_id is not None
        exchange = self._exchanges.get(event.stream_id)
        length = event.flow_controlled_length or 0
        if exchange is None:  # it was answered without being read
            self._protocol.acknowledge_received_data(length, event.stream_id)
        elif length:  # frames with nothing in them could come without end
            exchange.came(event.data or b"", length)

    def _credit(self, number: int | None) -> None:
        for exchange in [self._exchanges[number]] if number in self._exchanges else self._exchanges.values():
            exchange.may_send.set()

    def _reset(self, number: int | None) -> None:
        self._resets += 1
        if number in self._exchanges:
            self._exchanges[number].left()
        if self._resets > limits.HTTP2_RESETS_MAX:  # who asks and takes it back again and again wants no answers
            self._transport.abort()

    # --- what goes ---

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        finally:
            del self._exchanges[exchange.number]
            exchange.take()  # all streams share the connection's window
            self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        """A request that was not answered to its end is reset."""
        stream = self._protocol.streams.get(exchange.number)
        if stream is not None and not stream.closed and not self._transport.is_closing():
            code = ErrorCodes.NO_ERROR if exchange.is_answered else ErrorCodes.INTERNAL_ERROR
            self._protocol.reset_stream(exchange.number, code)
            self._flush()
        self._close_if_over()

    def _close_if_over(self) -> None:
        if self._is_ending and not self._exchanges and not self._transport.is_closing():
            self._protocol.close_connection()
            self._flush()
            self._transport.close()

    def was_read(self, number: int, length: int) -> None:
        """The client may send so much more, if only on other streams."""
        if length and not self._transport.is_closing():
            self._protocol.acknowledge_received_data(length, number)
            self._flush()

    def send_head(self, number: int, status: int, headers: Headers) -> None:
        if self._is_gone(number):
            return
        every = [*self._state.default_headers, *headers]
        plain = [(name.lower(), value) for name, value in every if name.lower() not in _OF_CONNECTIONS]
        self._protocol.send_headers(number, [(b":status", b"%d" % status), *plain])
        self._flush()

    async def send_data(self, exchange: Exchange, data: bytes, *, is_last: bool) -> None:
        """The data has been written, as fast as the client lets it."""
        rest = memoryview(data)
        while rest and not self._is_gone(exchange.number):
            # A client may allow frames as large as what it is let go for when it does not read it.
            room = min(self._protocol.local_flow_control_window(exchange.number), limits.HTTP2_FRAME_BYTES)
            if room <= 0:
                exchange.may_send.clear()
                await exchange.may_send.wait()
                continue
            self._protocol.send_data(exchange.number, bytes(rest[:room]))
            rest = rest[room:]
            self._flush()
            await self._may_write.wait()
        if is_last and not self._is_gone(exchange.number):
            exchange.is_answered = True
            self._resets = max(self._resets - 1, 0)
            self._protocol.end_stream(exchange.number)
            self._flush()

    def _is_gone(self, number: int) -> bool:
        """Whether nothing can be sent on the stream any more."""
        stream = self._protocol.streams.get(number)
        return self._transport.is_closing() or stream is None or stream.closed

    def _flush(self) -> None:
        data = self._protocol.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > limits.HTTP2_UNREAD_BYTES_MAX:
                self._transport.abort()  # it asks, and does not read
