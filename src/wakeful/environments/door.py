"""A door: takes a tenant's connections one by one, and only while there is room and the tenant has not had too much.

Whoever is not let in waits in the kernel's queue, which costs nobody anything. A server of the loop's own would take in
everybody, if only to turn them away again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from wakeful import limits
from wakeful.fabric.shares import Share


class Door:
    """Connections to `listener`, each served by what `made` makes, until it is closed. The socket remains open."""

    def __init__(
        self,
        listener: socket.socket,
        made: Callable[[], asyncio.Protocol],
        share: Share,
        has_room: Callable[[], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._made = made
        self._share = share
        self._has_room = has_room
        self._pause: asyncio.TimerHandle | None = None
        self._entering: set[asyncio.Task[object]] = set()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._take)
        self._is_open = True

    def close(self) -> None:
        """Nobody is let in any more. May be called twice."""
        if not self._is_open:
            return
        self._is_open = False
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        else:
            self._loop.remove_reader(self._listener)
        for task in self._entering:
            task.cancel()

    def _take(self) -> None:
        pause_s = self._share.pause_s() if self._has_room() else limits.DOOR_PAUSE_S
        if pause_s > 0:
            self._loop.remove_reader(self._listener)
            self._pause = self._loop.call_later(pause_s, self._go_on)
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # too many open files, for instance
            self._loop.remove_reader(self._listener)
            self._pause = self._loop.call_later(limits.DOOR_PAUSE_S, self._go_on)
            return
        connection.setblocking(False)
        self._share.spend(limits.LOOP_CONNECTION_S)
        task = self._loop.create_task(self._enter(connection))
        self._entering.add(task)
        task.add_done_callback(partial(self._is_in, connection))

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._made, connection)
        except OSError:
            connection.close()  # it has left already

    def _is_in(self, connection: socket.socket, task: asyncio.Task[object]) -> None:
        """Or is not: a task that is cancelled before it began has not seen the connection, and cannot close it."""
        self._entering.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler({"message": "a connection could not be served", "exception": error})
        if task.cancelled() or error is not None:
            connection.close()

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._take)
