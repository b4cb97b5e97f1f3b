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


class Servers:
    """Everything that listens. Closing it lets running requests end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = ServerState()
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
        self._listening: list[asyncio.Server] = []

    async def serve(self, listener: socket.socket, app: App) -> asyncio.Server:
        """Requests that come in on the socket are answered by `app` (ASGI). Closing the server closes the socket."""
        told = _told(app)

        def connection() -> HttpToolsProtocol:
            protocol = HttpToolsProtocol(self._config, self._state, {})
            protocol.app = told
            return protocol

        if listener.family != socket.AF_UNIX:
            # Connections inherit it. asyncio sets it only on sockets that name their protocol, which made ones do not;
            # without it the body of an answer waits some 40 ms for the client to acknowledge the head.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = await asyncio.get_running_loop().create_server(connection, sock=listener, backlog=limits.HTTP_BACKLOG)
        self._listening.append(server)
        return server

    def forget(self, server: asyncio.Server) -> None:
        """The socket takes no more connections; those it has may end."""
        server.close()
        self._listening.remove(server)

    async def keep_date(self) -> None:
        """Keeps the Date header current until cancelled. It is wall time: clients compare it with their own clock."""
        while True:
            date = formatdate(self._clock.wall(), usegmt=True).encode()
            self._state.default_headers = [(b"date", date)]
            await asyncio.sleep(1)

    async def close(self) -> None:
        """No socket listens; requests that had begun have been answered, or had their time to be."""
        for server in self._listening:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(limits.HTTP_SHUTDOWN_S):
                while self._state.tasks:
                    await asyncio.wait(set(self._state.tasks))
        except TimeoutError:
            for task in self._state.tasks:
                task.cancel()


def _told(app: App) -> App:
    """The application, told in its scope how to ask whether the client has gone away."""

    async def tell(scope: Any, receive: Any, send: Any) -> None:
        scope["is_gone"] = lambda: receive.__self__.disconnected
        await app(scope, receive, send)

    return tell


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("every socket has an application of its own")
