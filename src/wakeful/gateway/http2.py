"""HTTP/2 with prior knowledge over plain TCP: what AWS's JavaScript client for Kinesis speaks, and nothing else.

A connection begins as any other (`server.py`), and is handed over when its first bytes are HTTP/2's. Every stream is a
request of its own to the same application. What a client can make us keep has an end here, too: it may send a body
only as far as it was read, we write only as far as it reads, and what it asks for beyond that is begun later.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
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
from wakeful.fabric.shares import Share
from wakeful.gateway.exchange import Exchange, Headers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Answer = Callable[[Any, Any, Any], Any]

_OF_CONNECTIONS = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
"""Headers that HTTP/2 has no place for ("RFC 9113", 8.2.2)."""


class _States(H2ConnectionStateMachine):
    """A client's GOAWAY ends nothing that has begun ("RFC 9113", 6.8). To h2 it ends everything, and what comes after
    it is an error; Node.js still sends updates of windows then.
    """

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        return [] if input_ is ConnectionInputs.RECV_GOAWAY else super().process_input(input_)


class Http2Connection(asyncio.Protocol):
    """One client. It stands in for the connection that it came out of, with all that is counted of it."""

    def __init__(
        self,
        state: ServerState,
        app: Answer,
        extensions: tuple[str, str, str],
        *,
        share: Share | None,
        spend: Callable[[float], None],
        leave: Callable[[], None],
    ) -> None:
        """`extensions` are the names of those that tell who has left, that are told when an answer ends, and that
        answer whole. `spend` hears how long the loop was busy with what came, which waits for the turn of its tenant's
        `share`; and `leave` gives back the place that the connection has.
        """
        self._state = state
        self._app = app
        self._extensions = extensions
        self._share = share
        self._spend = spend
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._protocol = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._protocol.state_machine = _States()
        self._exchanges: dict[int, Exchange] = {}
        self._waiting: deque[Exchange] = deque()
        """Those of them that have not begun, in their order."""
        self._places = 0
        """How many may be answered at any moment."""
        self._unsent_bytes = 0
        """What there is of answers that the client has not let us send yet."""
        self._unwanted: dict[int, int] = {}
        """Streams that were answered before their bodies had come, and how much of these came since."""
        self._resets = 0
        """Requests that were taken back, beyond those that were answered."""
        self._unread_bytes = 0
        """What came since the last thing that was complete."""
        self._is_ending = False
        self._may_write = True
        self._heard = self._sent = self._loop.time()
        self._later = b""
        """What has come and is heard when it is the tenant's turn again."""
        self._turn: asyncio.Task[None] | None = None

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
        if self._share is None:
            self._hear(data)
            return
        self._later += data
        self._hear_in_turn(self._share)
        if self._later and self._turn is None:
            self._transport.pause_reading()
            self._turn = self._loop.create_task(self._hear_later(self._share))

    def _hear_in_turn(self, share: Share) -> None:
        """A frame may be a few bytes: what comes at once is heard in pieces, while the tenant has not had too much."""
        while self._later and self._turn is None and share.pause_s() == 0:
            self._hear_piece()

    async def _hear_later(self, share: Share) -> None:
        while self._later:
            await share.turn()
            self._hear_piece()
        self._turn = None
        if not self._transport.is_closing():
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def _hear_piece(self) -> None:
        piece, self._later = self._later[: limits.HTTP2_HEARD_BYTES], self._later[limits.HTTP2_HEARD_BYTES :]
        self._hear(piece)
        if self._transport.is_closing():
            self._later = b""

    def _hear(self, data: bytes) -> None:
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
        if self._turn is not None:
            self._turn.cancel()
        while self._waiting:
            self._forget(self._waiting.popleft())
        for exchange in self._exchanges.values():
            exchange.left()
        self._leave()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._credit(None)

    # --- the server's ---

    def shutdown(self) -> None:
        """No further request is taken; those that have begun may end. Clients that are themselves built on h2 lose
        answers that come after a GOAWAY: it is said last.
        """
        self._is_ending = True
        while self._waiting:
            self._refuse(self._waiting.popleft())
        self._flush()
        self._close_if_over()

    def end_if_silent(self, now: float) -> None:
        """Ends the connection of a client that asks for nothing, or does not go on with what it began, or reads nothing
        of more than it may leave unread, for too long.
        """
        self._pass_over_slow(now)
        is_full = self._unsent_bytes > limits.HTTP2_UNSENT_BYTES_MAX
        if is_full and now - self._sent > limits.HTTP_SILENCE_S:
            self._transport.abort()
        patience_s = limits.HTTP_SILENCE_S if self._exchanges else limits.HTTP_KEEP_ALIVE_S
        is_waiting = self._turn is not None or any(each.waits_for_us for each in self._exchanges.values())
        if now - self._heard > patience_s and not is_waiting:
            self._transport.abort()

    def end_if_over(self, now: float) -> None:
        """Ends the answers whose time is over, and that nobody reads."""
        for exchange in list(self._exchanges.values()):
            if exchange.until is not None and now >= exchange.until and exchange.is_on_its_way:
                if not self._is_gone(exchange.number):
                    self._protocol.reset_stream(exchange.number, ErrorCodes.CANCEL)
                    self._flush()
                exchange.left()

    # --- what comes ---

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._take_request(event)
        elif isinstance(event, DataReceived):
            self._take(event)
        elif isinstance(event, StreamEnded):
            self._want_no_more(event.stream_id)
            if event.stream_id in self._exchanges:
                self._exchanges[event.stream_id].ended()
        elif isinstance(event, WindowUpdated):
            self._credit(event.stream_id)
        elif isinstance(event, RemoteSettingsChanged):
            self._credit(None)  # they may have made all windows larger
        elif isinstance(event, StreamReset):
            self._reset(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            self._is_ending = True
            self._close_if_over()

    def _take_request(self, event: RequestReceived) -> None:
        assert event.stream_id is not None
        if self._is_ending:
            if not self._is_gone(event.stream_id):
                self._protocol.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        exchange = Exchange(self, event.stream_id, self._scope(event.headers))
        has_left, ends_at, answer_whole = self._extensions
        exchange.scope["extensions"] = {
            has_left: partial(getattr, exchange, "has_left"),
            ends_at: partial(setattr, exchange, "until"),
            answer_whole: exchange.send_whole,
        }
        self._exchanges[event.stream_id] = exchange
        self._waiting.append(exchange)
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        """In their order, and no more than can be kept of the answers of a client that does not read them. Who takes
        long is no longer counted, so that nobody waits for those who wait for something else.
        """
        while (
            self._waiting
            and self._places < limits.HTTP2_ANSWERS_MAX
            and self._unsent_bytes <= limits.HTTP2_UNSENT_BYTES_MAX
        ):
            exchange = self._waiting.popleft()
            exchange.has_begun = True
            self._places += 1
            exchange.place = self._loop.time()
            task = self._loop.create_task(self._answer(exchange))
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)

    def _pass_over_slow(self, now: float) -> None:
        for exchange in list(self._exchanges.values()):
            if exchange.place is not None and now - exchange.place > limits.HTTP2_ANSWER_S:
                self._give_place_back(exchange)

    def _give_place_back(self, exchange: Exchange) -> None:
        """What there is to send for it is known, or it takes long."""
        if exchange.place is not None:
            exchange.place = None
            self._places -= 1
            self._begin_waiting()

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
            self._drop(event.stream_id, length)
        elif length:  # frames with nothing in them could come without end
            exchange.came(event.data or b"", length)

    def _drop(self, number: int, length: int) -> None:
        """Clients send their bodies to the end before they look at the answer; but not any length is read for that."""
        if number in self._unwanted:
            self._unwanted[number] += length
            if self._unwanted[number] > limits.HTTP2_UNWANTED_BYTES_MAX and not self._is_gone(number):
                self._protocol.reset_stream(number, ErrorCodes.NO_ERROR)
                self._want_no_more(number)

    def _want_no_more(self, number: int | None) -> None:
        if self._unwanted.pop(number or 0, None) is not None:
            self._close_if_over()

    def _credit(self, number: int | None) -> None:
        for exchange in [self._exchanges[number]] if number in self._exchanges else self._exchanges.values():
            exchange.may_send.set()

    def _reset(self, number: int | None) -> None:
        self._resets += 1
        self._want_no_more(number)
        exchange = self._exchanges.get(number or 0)
        if exchange is not None:
            exchange.left()
            if not exchange.has_begun:
                self._waiting.remove(exchange)
                self._forget(exchange)
        if self._resets > limits.HTTP2_RESETS_MAX:  # who asks and takes it back again and again wants no answers
            self._transport.abort()

    # --- what goes ---

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        finally:
            self._forget(exchange)
            self._end(exchange)

    def _refuse(self, exchange: Exchange) -> None:
        """The client may safely ask for it elsewhere."""
        self._protocol.reset_stream(exchange.number, ErrorCodes.REFUSED_STREAM)
        self._forget(exchange)

    def _forget(self, exchange: Exchange) -> None:
        self._heard = self._loop.time()  # from now on it may think of something else
        del self._exchanges[exchange.number]
        exchange.take()  # all streams share the connection's window
        self._give_place_back(exchange)

    def _end(self, exchange: Exchange) -> None:
        """A request that was not answered to its end is reset. Who has its answer may send the rest of the request:
        many clients lose an answer after which the stream is reset, though they must not ("RFC 9113", 8.1).
        """
        stream = self._protocol.streams.get(exchange.number)
        if stream is not None and not stream.closed and not self._transport.is_closing():
            if exchange.is_answered:
                self._unwanted[exchange.number] = 0
            else:
                self._protocol.reset_stream(exchange.number, ErrorCodes.INTERNAL_ERROR)
                self._flush()
        self._close_if_over()

    def _close_if_over(self) -> None:
        """A client that still sends when the connection ends may lose what it was answered before."""
        if self._is_ending and not (self._exchanges or self._unwanted) and not self._transport.is_closing():
            self._protocol.close_connection()
            self._flush()
            self._transport.close()

    def was_read(self, number: int, length: int) -> None:
        """The client may send so much more, if only on other streams."""
        if length and not self._transport.is_closing():
            self._protocol.acknowledge_received_data(length, number)
            self._flush()

    def send_continue(self, exchange: Exchange) -> None:
        exchange.expects = False
        if not self._is_gone(exchange.number):
            self._protocol.send_headers(exchange.number, [(b":status", b"100")])
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
        if self._unsent_bytes <= limits.HTTP2_UNSENT_BYTES_MAX:
            self._sent = self._loop.time()
        self._unsent_bytes += len(data)
        self._give_place_back(exchange)
        rest = memoryview(data)
        exchange.is_on_its_way = True
        try:
            while rest and not self._is_gone(exchange.number):
                # A client may allow frames as large as what it is let go for when it does not read it.
                room = min(self._protocol.local_flow_control_window(exchange.number), limits.HTTP2_FRAME_BYTES)
                if room <= 0 or not self._may_write:
                    exchange.may_send.clear()
                    await exchange.may_send.wait()
                    continue
                self._send_piece(exchange.number, bytes(rest[:room]))
                rest = rest[room:]
        finally:
            exchange.is_on_its_way = False
            self._unsent_bytes -= len(rest)
        if is_last and not self._is_gone(exchange.number):
            exchange.is_answered = True
            self._resets = max(self._resets - 1, 0)
            self._protocol.end_stream(exchange.number)
            self._flush()

    def _send_piece(self, number: int, piece: bytes) -> None:
        self._protocol.send_data(number, piece)
        self._flush()
        self._sent = self._loop.time()
        self._unsent_bytes -= len(piece)
        self._begin_waiting()

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
