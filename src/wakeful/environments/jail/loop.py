"""An event loop of three things: descriptors that have something to say, timers, and messages waiting to be sent."""

from __future__ import annotations

import heapq
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from . import messages

Handler = Callable[[], None]


class Loop:
    """Calls handlers, one after the other; none of them may wait."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Handler] = {}
        self._writers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Handler]] = []
        self._timer_count = 0

    def when_readable(self, descriptor: int, handler: Handler) -> None:
        self._readers[descriptor] = handler
        self._epoll.register(descriptor, select.EPOLLIN)

    def when_writable(self, descriptor: int, handler: Handler | None) -> None:
        """Also calls `handler` when the descriptor takes more; None stops that."""
        if handler is None:
            self._writers.pop(descriptor, None)
        else:
            self._writers[descriptor] = handler
        if descriptor in self._readers:
            self._epoll.modify(descriptor, select.EPOLLIN | (select.EPOLLOUT if handler else 0))

    def forget(self, descriptor: int) -> None:
        """Before the descriptor is closed."""
        self._writers.pop(descriptor, None)
        if self._readers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def after(self, seconds: float, handler: Handler) -> None:
        self._timer_count += 1  # keeps handlers, which cannot be compared, out of the comparison
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._timer_count, handler))

    def turn(self) -> None:
        """Waits for something to happen, and handles all that has."""
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for descriptor, events in self._epoll.poll(timeout):
            if events & select.EPOLLOUT and (writer := self._writers.get(descriptor)):
                writer()
            if events & ~select.EPOLLOUT and (reader := self._readers.get(descriptor)):
                reader()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()


class Outbox:
    """What we have to say on a channel, sent in order, as fast as the other side listens."""

    def __init__(self, loop: Loop, channel: socket.socket, on_lost: Handler) -> None:
        self._loop = loop
        self._channel = channel
        self._on_lost = on_lost
        self._waiting: deque[tuple[bytes, tuple[int, ...]]] = deque()

    def put(self, body: Mapping[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Says it now or later. The descriptors are given away."""
        self._waiting.append((messages.encode(body), descriptors))
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._waiting:
            packet, descriptors = self._waiting[0]
            try:
                messages.send_packet(self._channel, packet, descriptors)
            except BlockingIOError:
                self._loop.when_writable(self._channel.fileno(), self._flush)
                return
            except OSError:
                self._on_lost()
            self._waiting.popleft()
            for descriptor in descriptors:
                os.close(descriptor)
        self._loop.when_writable(self._channel.fileno(), None)
