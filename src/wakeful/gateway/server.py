"""The seam to the HTTP server: listening sockets in, one application function out. uvicorn stands behind it.

Any number of sockets are served on the node's own event loop: the public address, and one inside each sandbox's
network namespace. No other module knows uvicorn.

Whoever speaks to a socket may be hostile, and inside a sandbox is: what a client can make us keep has an end. uvicorn
gives an end to bodies only, which are read as fast as somebody takes them.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import Any, Protocol

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from wakeful import limits
from wakeful.clock import Clock
from wakeful.fabric.shares import Share, Shares
from wakeful.gateway.http2 import PREFACE, Http2Connection

App = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]
Headers = list[tuple[bytes, bytes]]
AnswerWhole = Callable[[int, Headers, bytes], Awaitable[None]]
"""Status, headers with the length of the body among them, and the body, which is empty where it is not to be sent."""

HAS_LEFT = "wakeful.has_left"
"""The extension of a request's scope that tells, when called, whether its client has gone away."""

ENDS_AT = "wakeful.ends_at"
"""The extension that is told when, in the node's time, the answer ends for a client that does not read it."""

ANSWER_WHOLE = "wakeful.answer_whole"
"""The extension that sends a complete answer (AnswerWhole): head and body together, for the price of one."""


class Closeable(Protocol):
    def close(self) -> None: ...


Enter = Callable[[socket.socket, Callable[[], asyncio.Protocol], Share, Callable[[], bool]], Closeable]
"""Takes connections to a socket, each for a protocol that is made, in a tenant's share, while there is room."""


class Listening:
    """One socket that is answered. The node's own, or one inside a sandbox, which lives as long as the sandbox."""

    def __init__(self, server: Closeable, everyone: set[Listening]) -> None:
        self._server = server
        self._everyone = everyone
        everyone.add(self)

    def close(self) -> None:
        """The socket takes no more connections; those it has may end."""
        self._server.close()
        self._everyone.discard(self)


class Servers:
    """Everything that listens. Closing it lets running requests end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.shares = Shares()
        self._outside = ServerState()
        self._inside = ServerState()
        self._config = Config(
            _nobody,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=limits.HTTP_KEEP_ALIVE_S,
        )
        self._config.load()
        self.listening: set[Listening] = set()

    async def serve(
        self,
        listener: socket.socket,
        app: App,
        *,
        is_inside: bool = False,
        connections_max: int | None = None,
        share: Share | None = None,
        enter: Enter | None = None,
    ) -> Listening:
        """Requests that come in on the socket are answered by `app` (ASGI), until what is returned is closed.

        A socket inside a sandbox is answered until the very end: functions must be able to finish what they are at.
        What its requests cost is counted in its tenant's `share`, and `enter` lets its connections in.
        """
        state = self._inside if is_inside else self._outside
        crowd = Crowd(connections_max or min(limits.HTTP_CONNECTIONS_MAX, _files_max() // 2))

        def connection() -> Connection:
            return Connection(self._config, state, app, crowd, self.shares, share)

        if listener.family != socket.AF_UNIX:
            # Connections inherit it. asyncio sets it only on sockets that name their protocol, which made ones do not;
            # without it the body of an answer waits some 40 ms for the client to acknowledge the head.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if share is not None and enter is not None:
            door = enter(listener, connection, share, lambda: crowd.count < crowd.count_max)
            return Listening(door, self.listening)
        server = await asyncio.get_running_loop().create_server(connection, sock=listener, backlog=limits.HTTP_BACKLOG)
        return Listening(server, self.listening)

    async def keep_date(self) -> None:
        """Keeps the Date header current until cancelled. It is wall time: clients compare it with their own clock."""
        while True:
            date = formatdate(self._clock.wall(), usegmt=True).encode()
            self._outside.default_headers = self._inside.default_headers = [(b"date", date)]
            await asyncio.sleep(1)

    @property
    def connections(self) -> list[Connection | Http2Connection]:
        """Every connection there is now."""
        every: tuple[object, ...] = (*self._outside.connections, *self._inside.connections)
        return [each for each in every if isinstance(each, Connection | Http2Connection)]

    async def end_silent(self) -> None:
        """Ends the connections of clients that do not go on with what they began, and answers whose time is over that
        nobody reads; until cancelled.
        """
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            for connection in self.connections:
                connection.end_if_silent(now)
                connection.end_if_over(self._clock.now())

    async def close(self, outside: Listening) -> None:
        """No socket listens; requests that had begun have been answered, or had their time to be."""
        outside.close()
        await _end(self._outside, limits.HTTP_SHUTDOWN_S)
        for inside in list(self.listening):
            inside.close()
        await _end(self._inside, 0)


async def _end(state: ServerState, patience_s: float) -> None:
    """No connection takes another request; what is not answered when the time is up is cancelled."""
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(patience_s):
            while state.tasks:
                await asyncio.wait(set(state.tasks))
    except TimeoutError:
        for task in state.tasks:
            task.cancel()


def _shared(app: App, share: Share | None) -> App:
    """What the application does is counted in the tenant's share."""
    if share is None:
        return app

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await share.turn()
        await share.metered(app(scope, receive, send))

    return answer


def _watched(app: App, connection: Connection) -> App:
    def has_left() -> bool:
        return bool(connection.transport.is_closing())

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"] = {
            HAS_LEFT: has_left,
            ENDS_AT: partial(setattr, connection, "answer_until"),
            ANSWER_WHOLE: partial(_answer_whole, send.__self__),
        }
        try:
            await app(scope, receive, send)
        finally:
            connection.answer_until = None
            del scope["extensions"]  # they know the request, which knows them: nobody would let go of either

    return answer


async def _answer_whole(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> None:
    """What uvicorn does for an answer in two messages, with one write: each is a system call and wakes the client."""
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    headers = [*cycle.default_headers, *headers]
    # What ends no line in all of them together ends none in any; a hyphen and a tab may stand in each.
    if HEADER_RE.search(b"-".join([name for name, _ in headers])) or HEADER_VALUE_RE.search(
        b"\t".join([value for _, value in headers])
    ):
        raise ValueError(f"no headers can be {headers!r}")
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    parts = [STATUS_LINE[status]]
    says_close = False
    for name, value in headers:
        if name == b"connection" and b"close" in value.lower():
            cycle.keep_alive, says_close = False, True
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive and not says_close:
        parts.append(b"connection: close\r\n")
    cycle.transport.write(b"".join((*parts, b"\r\n", body)))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


@dataclass(slots=True)
class Crowd:
    """How many connections one socket has."""

    count_max: int
    count: int = 0


class TooMuch(Exception):
    """A client sent more than we keep; ends the reading of its requests."""


class Connection(HttpToolsProtocol):
    """One client. It may take its time with reading, but not with sending, and not send without end."""

    def __init__(
        self, config: Config, state: ServerState, app: App, crowd: Crowd, shares: Shares, share: Share | None
    ) -> None:
        super().__init__(config, state, {})
        self._shared_app = _shared(app, share)
        self.app = _watched(self._shared_app, self)
        self._shares = shares
        self._share = share
        self._crowd = crowd
        self._is_counted = False
        self._unread_bytes = 0
        """What came since the last thing that was complete: a head, a piece of a body, a request."""
        self._waits_since: float | None = None
        """When the client last went on with the request that it is sending."""
        self._opening: bytes | None = b""
        """What may be the beginning of HTTP/2; None once it is known what the client speaks."""
        self._patience_s = limits.HTTP_HEAD_S
        self.answer_until: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvloop's is one without saying so
        self._is_counted = self._crowd.count < self._crowd.count_max
        if not self._is_counted:
            self.transport.abort()
            return
        self._crowd.count += 1
        self._wait(limits.HTTP_KEEP_ALIVE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # its timer would keep us for more than a minute
        if self._is_counted:
            self._is_counted = False
            self._crowd.count -= 1

    def data_received(self, data: bytes) -> None:
        if self._opening is not None:
            data = self._opening + data
            self._opening = data if len(data) < len(PREFACE) and PREFACE.startswith(data) else None
            if self._opening is not None:
                return
            if data.startswith(PREFACE):
                self._hand_over(data)
                return
        self._unread_bytes += len(data)
        if self._share is None:
            self._shares.asks(None)
            super().data_received(data)
        else:
            began = time.perf_counter()
            super().data_received(data)
            self._share.spend(time.perf_counter() - began)
        # The parser keeps what is not complete, and says nothing of it.
        if self._unread_bytes > limits.HTTP_HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def _hand_over(self, data: bytes) -> None:
        """The client speaks HTTP/2: it is somebody else's, with its place among all."""
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        is_counted, self._is_counted = self._is_counted, False

        def leave() -> None:
            self._crowd.count -= is_counted

        extensions = (HAS_LEFT, ENDS_AT, ANSWER_WHOLE)
        taken = Http2Connection(
            *(self.server_state, self._shared_app, extensions), share=self._share, spend=self._spend, leave=leave
        )
        taken.begin(self.transport, data)

    def _spend(self, seconds: float) -> None:
        if self._share is None:
            self._shares.asks(None)
        else:
            self._share.spend(seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait(limits.HTTP_HEAD_S)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= limits.HTTP_PIPELINE_MAX:
            raise TooMuch
        super().on_headers_complete()
        self.headers = []  # what comes after the body is not what was asked
        self._unread_bytes = 0
        self._wait(limits.HTTP_SILENCE_S)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unread_bytes = 0
        self._wait(limits.HTTP_SILENCE_S)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._unread_bytes = 0
        self._waits_since = None

    def end_if_silent(self, now: float) -> None:
        """Ends the connection of a client that was to send something, and did not for too long."""
        if self.flow.read_paused:
            self._wait(self._patience_s)  # it is us who do not read
        elif self._waits_since is not None and now - self._waits_since > self._patience_s:
            self.transport.abort()

    def end_if_over(self, now: float) -> None:
        if self.answer_until is not None and now >= self.answer_until and self.flow.write_paused:
            self.transport.abort()

    def _wait(self, patience_s: float) -> None:
        self._waits_since = self.loop.time()
        self._patience_s = patience_s


def _files_max() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("every socket has an application of its own")
