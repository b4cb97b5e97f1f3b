"""What a function prints: one pipe for stdout and stderr, cut into log events line by line."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable

from wakeful import limits
from wakeful.fabric.shares import Share, Shares

NEWLINE_WITHIN = 0xFF
"""Stands for a newline inside one log event. It cannot occur in UTF-8, so no text has it by chance."""

_WITHIN = bytes([NEWLINE_WITHIN])


class Lines:
    """Bytes go in as they come, whole log events come out. An event keeps its newline, as CloudWatch Logs shows it."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The events that are complete now. What has no newline yet waits, up to the size of the largest event."""
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            events += _events(line + b"\n")
        while len(self._rest) > limits.LOG_EVENT_BYTES_MAX:
            events.append(_text(self._rest[: limits.LOG_EVENT_BYTES_MAX]))
            self._rest = self._rest[limits.LOG_EVENT_BYTES_MAX :]
        return events

    def end(self) -> list[str]:
        """The line that was begun and not ended, as an event of its own."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


class Output:
    """Reads an environment's output as it comes. `events` is called with the texts, in order, never with none.

    While there is no room for what it says, or it has said more than its share, it is not read, and the function waits
    as soon as the pipe is full. The descriptor is non-blocking, and ours to close.
    """

    def __init__(
        self,
        descriptor: int,
        events: Callable[[list[str]], None],
        has_room: Callable[[], bool] = lambda: True,
        share: Share | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._events = events
        self._has_room = has_room
        self._share = share or Shares().of("")
        self._pause: asyncio.TimerHandle | None = None
        self._lines = Lines()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._read)
        self.is_open = True

    def drain(self, *, ends_line: bool = True) -> None:
        """Everything that was printed before this call has become events; a line that has not ended yet, if told so."""
        read_bytes = 0
        while self.is_open and read_bytes < limits.OUTPUT_DRAIN_BYTES_MAX:
            got = self._take()
            if not got:
                break
            read_bytes += got
        rest = self._lines.end() if ends_line else []
        if rest:
            self._events(rest)

    def close(self) -> None:
        """Nothing is read any more. May be called twice."""
        if self.is_open:
            self.is_open = False
            if self._pause is not None:
                self._pause.cancel()
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _read(self) -> None:
        pause_s = self._share.pause_s() if self._has_room() else limits.OUTPUT_PAUSE_S
        if pause_s > 0:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(pause_s, self._go_on)
        else:
            self._take()

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._descriptor, self._read)

    def _take(self) -> int:
        began = time.perf_counter()
        try:
            data = os.read(self._descriptor, limits.OUTPUT_READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:  # every writer is gone
            self.close()
            return 0
        events = self._lines.feed(data)
        if events:
            self._events(events)
        self._share.spend(limits.OUTPUT_COST * (time.perf_counter() - began))
        return len(data)


class Tail:
    """The end of a log, as LogType=Tail answers it."""

    __slots__ = ("_bytes", "_texts")

    def __init__(self) -> None:
        self._texts: deque[bytes] = deque()
        self._bytes = 0

    def add(self, texts: list[str]) -> None:
        for text in texts:
            data = text.encode()[-limits.LOG_TAIL_BYTES :]
            self._texts.append(data)
            self._bytes += len(data)
        while self._bytes - len(self._texts[0]) >= limits.LOG_TAIL_BYTES:
            self._bytes -= len(self._texts.popleft())

    def __bytes__(self) -> bytes:
        return b"".join(self._texts)[-limits.LOG_TAIL_BYTES :]


def _events(line: bytes) -> list[str]:
    size = limits.LOG_EVENT_BYTES_MAX
    return [_text(line[start : start + size]) for start in range(0, len(line), size)]


def _text(data: bytes) -> str:
    return data.replace(_WITHIN, b"\n").decode("utf-8", "replace")
