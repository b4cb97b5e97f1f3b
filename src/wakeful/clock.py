"""The node's time: the machine's clock plus how far it was moved forward. Nothing else asks for the time."""

from __future__ import annotations

import time


class Clock:
    """Epoch seconds. `now` is the time events live in and can be moved; `wall` is the machine's and cannot."""

    __slots__ = ("offset_s",)

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s

    def now(self) -> float:
        return time.time() + self.offset_s

    def wall(self) -> float:
        """For what belongs to the outside world: signatures, and which of several nodes is alive."""
        return time.time()

    def advance(self, seconds: float) -> None:
        """Moves `now` forward. Time that went backwards would make finished things unfinished."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self.offset_s += seconds
