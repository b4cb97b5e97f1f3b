"""Waiting: a listener sleeps until it is woken by name, or until its deadline in the node's time has come.

Who waits, and until when, is also what moving the clock needs to know: nobody awake means that everything that was due
has been done, and the earliest deadline is the next moment at which anything will happen.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from wakeful.clock import Clock

log = logging.getLogger(__name__)


class Listener:
    """One sleeper. A wake between two waits is not lost: the next `wait` returns at once."""

    __slots__ = ("_awake", "_clock", "_event", "_wakes", "deadline", "is_lazy", "is_waiting")

    def __init__(self, wakes: Wakes, clock: Clock, *, is_lazy: bool) -> None:
        self.is_lazy = is_lazy
        self.is_waiting = False
        self.deadline: float | None = None
        self._wakes = wakes
        self._clock = clock
        self._event = asyncio.Event()
        self._awake = wakes.woke_up()

    async def wait(self, until: float | None = None) -> None:
        """Returns when woken since the last call, or when it is `until` (epoch seconds of the node's clock)."""
        if not self._event.is_set():
            self.deadline = until
            self.is_waiting = True
            self._wakes.fell_asleep(self._awake)
            try:
                async with asyncio.timeout(None if until is None else max(0.0, until - self._clock.now())):
                    await self._event.wait()
            except TimeoutError:
                pass  # the deadline is the other way to wake
            finally:
                self._rouse()
        self._event.clear()

    def notify(self) -> None:
        self._event.set()
        self._rouse()

    def _rouse(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            self._awake = self._wakes.woke_up()

    def leave(self) -> None:
        """It waits no more."""
        if not self.is_waiting:
            self._wakes.fell_asleep(self._awake)


class Wakes:
    """Who listens for which name, who is awake, and who has work in hand."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._everybody: set[Listener] = set()
        self._awake: set[int] = set()
        self._numbers = itertools.count()
        self._awaited: list[tuple[set[int], asyncio.Future[None]]] = []

    @contextmanager
    def listen(self, *names: str, is_lazy: bool = False) -> Iterator[Listener]:
        """Look for work after this began, then wait: what came in between wakes.

        A lazy listener's deadline is not a moment that a moved clock must stop at: sweeps, which may be late.
        """
        listener = Listener(self, self._clock, is_lazy=is_lazy)
        self._everybody.add(listener)
        for name in names:
            self._listeners[name].add(listener)
        try:
            yield listener
        finally:
            self._everybody.discard(listener)
            listener.leave()
            for name in names:
                self._listeners[name].discard(listener)
                if not self._listeners[name]:
                    del self._listeners[name]

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While it is open there is work in hand."""
        number = self.woke_up()
        try:
            yield
        finally:
            self.fell_asleep(number)

    def wake(self, name: str) -> None:
        for listener in self._listeners.get(name, ()):
            listener.notify()

    def wake_everybody(self) -> None:
        """The time was moved: every deadline has to be looked at again."""
        for listener in self._everybody:
            listener.notify()

    async def all_asleep(self, generations: int | None = None) -> None:
        """Returns once nobody is awake and nothing is in hand; at that very moment, before anybody can wake.

        With `generations` it is content when so often everybody who was awake has been asleep since: what was there
        at the beginning, and all that it caused, is done then, even if new work comes in all the time.
        """
        while self._awake and generations != 0:
            asleep = asyncio.get_running_loop().create_future()
            awaited = (set(self._awake), asleep)
            self._awaited.append(awaited)
            try:
                await asleep
            finally:
                self._awaited.remove(awaited)
            if generations is not None:
                generations -= 1

    async def slept(self, patience_s: float) -> bool:
        """Whether everybody who was awake has been asleep since; it is waited for that so long, and told if not."""
        try:
            async with asyncio.timeout(patience_s):
                await self.all_asleep(generations=1)
        except TimeoutError:
            log.warning("something still runs after %.0f s", patience_s)
            return False
        return True

    def next_deadline(self) -> float | None:
        """The earliest moment at which a listener, other than a lazy one, wants to be awake."""
        return min(
            (each.deadline for each in self._everybody if each.deadline is not None and not each.is_lazy), default=None
        )

    def woke_up(self) -> int:
        """The number by which this one falls asleep again."""
        number = next(self._numbers)
        self._awake.add(number)
        return number

    def fell_asleep(self, number: int) -> None:
        self._awake.discard(number)
        for awaited, asleep in self._awaited:
            awaited.discard(number)
            if not awaited and not asleep.done():
                asleep.set_result(None)
