"""Waiting: a listener sleeps until it is woken by name, or until its deadline in the node's time has come."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from wakeful.clock import Clock


class Listener:
    """One sleeper. A wake between two waits is not lost: the next `wait` returns at once."""

    __slots__ = ("_clock", "_event")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    async def wait(self, until: float | None = None) -> None:
        """Returns when woken since the last call, or when it is `until` (epoch seconds of the node's clock)."""
        if not self._event.is_set():
            try:
                async with asyncio.timeout(None if until is None else max(0.0, until - self._clock.now())):
                    await self._event.wait()
            except TimeoutError:
                pass  # the deadline is the other way to wake
        self._event.clear()

    def notify(self) -> None:
        self._event.set()


class Wakes:
    """Who listens for which name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)

    @contextmanager
    def listen(self, *names: str) -> Iterator[Listener]:
        """Look for work after this began, then wait: what came in between wakes."""
        listener = Listener(self._clock)
        for name in names:
            self._listeners[name].add(listener)
        try:
            yield listener
        finally:
            for name in names:
                self._listeners[name].discard(listener)
                if not self._listeners[name]:
                    del self._listeners[name]

    def wake(self, name: str) -> None:
        for listener in self._listeners.get(name, ()):
            listener.notify()

    def wake_everybody(self) -> None:
        """The time was moved: every deadline has to be looked at again."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.notify()
