"""The seam to the HTTP server: listening sockets in, one application function out. uvicorn stands behind it.

Any number of sockets are served on the node's own event loop: the public address, and one inside each sandbox's
network namespace. No other module knows uvicorn.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from wakeful import limits
from wakeful.clock import Clock

App = Callable[[Any, Any, Any], Awaitable[None]]


class Listening:
    """One socket that is answered. The node's own, or one inside a sandbox, which lives as long as the sandbox."""

    def __init__(self, server: asyncio.Server, everyone: set[Listening]) -> None:
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

    async def serve(self, listener: socket.socket, app: App, *, is_inside: bool = False) -> Listening:
        """Requests that come in on the socket are answered by `app` (ASGI). Closing what it returns closes the socket.

        A socket inside a sandbox is answered until the very end: functions must be able to finish what they are at.
        """
        state = self._inside if is_inside else self._outside

        def connection() -> HttpToolsProtocol:
            protocol = HttpToolsProtocol(self._config, state, {})
            protocol.app = app
            return protocol

        if listener.family != socket.AF_UNIX:
            # Connections inherit it. asyncio sets it only on sockets that name their protocol, which made ones do not;
            # without it the body of an answer waits some 40 ms for the client to acknowledge the head.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = await asyncio.get_running_loop().create_server(connection, sock=listener, backlog=limits.HTTP_BACKLOG)
        return Listening(server, self.listening)

    async def keep_date(self) -> None:
        """Keeps the Date header current until cancelled. It is wall time: clients compare it with their own clock."""
        while True:
            date = formatdate(self._clock.wall(), usegmt=True).encode()
            self._outside.default_headers = self._inside.default_headers = [(b"date", date)]
            await asyncio.sleep(1)

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


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("every socket has an application of its own")
