"""The way to a function's debugger: a port on this machine's loopback, and bytes passed on to the one inside.

The debugger itself runs in the function's process, behind its walls. Whoever can connect to the port can do there what
the function can, as with every debugger; nobody from another machine can connect. A web page of a browser here can,
too, but only speak HTTP: what only pages send is not passed on, and Node.js itself looks at the host of what is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from wakeful import limits
from wakeful.environments.tasks import Tasks

_LOOPBACK = "127.0.0.1"
_OF_PAGES = (b"POST ", b"PUT ", b"OPTIONS ", b"HEAD ", b"DELETE ", b"PATCH ")
"""How a request begins that no client of a debugger sends. Its body could be a message to debugpy."""

Connector = Callable[[], Awaitable[socket.socket]]


class HostDebugger:
    """See `Debugger`. Listens from `open` to `close`."""

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self.turn = asyncio.Lock()
        self.port = _free_port()
        self.is_over = False
        self._connector: Connector | None = None
        self._tasks = Tasks("a debugger")
        self._clients: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    def open(self, port: int) -> None:
        """Clients may come to this port. Raises OSError where somebody else has it."""
        self._listener = socket.create_server((_LOOPBACK, port))
        self._listener.setblocking(False)
        self._accepting = self._tasks.spawn(self._accept(self._listener))

    async def close(self) -> None:
        """Nobody listens, and every client has been left."""
        self.is_over = True
        for task in (self._accepting, *self._clients):
            if task is not None:
                task.cancel()
        await self._tasks.end()
        if self._listener is not None:
            self._listener.close()

    def enters(self, connector: Connector) -> None:
        self._connector = connector

    def leaves(self, connector: Connector) -> None:
        if self._connector == connector:
            self._connector = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            if len(self._clients) >= limits.DEBUG_CLIENTS_MAX:
                client.close()
                continue
            task = self._tasks.spawn(self._serve(client))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        with client, contextlib.suppress(OSError):  # it has gone; so do we
            first = await loop.sock_recv(client, limits.DEBUG_PIECE_BYTES)  # in both protocols the client begins
            if not first or first.startswith(_OF_PAGES):
                return
            inside = await self._reached()
            if inside is None:
                return
            with inside:
                await loop.sock_sendall(inside, first)
                await _joined(client, inside)

    async def _reached(self) -> socket.socket | None:
        """A connection to the debugger inside, which may not listen yet; None where it does not in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.DEBUG_REACH_S):
                while True:
                    connection = await self._try()
                    if connection is not None:
                        return connection
                    await asyncio.sleep(limits.DEBUG_RETRY_S)
        return None

    async def _try(self) -> socket.socket | None:
        if self._connector is None:
            return None
        connection = None
        try:
            connection = await self._connector()
            await asyncio.get_running_loop().sock_connect(connection, (_LOOPBACK, self.port))
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                return None
            raise
        return connection


async def _joined(one: socket.socket, other: socket.socket) -> None:
    """Returns when either side has ended; what it had sent has been passed on."""
    both = {asyncio.ensure_future(_pass(one, other)), asyncio.ensure_future(_pass(other, one))}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in both:
            each.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _pass(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # the other side has gone; so do we
        while piece := await loop.sock_recv(source, limits.DEBUG_PIECE_BYTES):
            await loop.sock_sendall(sink, piece)


def _free_port() -> int:
    """Where nothing listens now. In a sandbox with its own network any would do; without, it is this machine's."""
    with socket.create_server((_LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
