"""How many environments may start at a time: as many as the processors can get ready, so that all are ready soon.

A hundred callers of a cold function do not need a hundred environments if the first ten are ready for them in a moment.
One that is long in starting waits for something else than a processor, and does not count.
"""

from __future__ import annotations

import os
import time
from collections.abc import Hashable

from wakeful import limits


class Pace:
    """What starts now."""

    def __init__(self, count_max: int | None = None) -> None:
        self._count_max = count_max or limits.STARTS_PER_PROCESSOR * (os.cpu_count() or 1)
        self._begun: dict[Hashable, float] = {}

    def begin(self, one: Hashable) -> None:
        """It starts, until `end`."""
        self._begun[one] = time.monotonic()

    def end(self, one: Hashable) -> None:
        del self._begun[one]

    def pause_s(self) -> float:
        """0 where another may start now; else after how long, at the latest, it may."""
        now = time.monotonic()
        young = [begun for begun in self._begun.values() if now - begun < limits.START_YOUNG_S]
        return 0.0 if len(young) < self._count_max else min(young) + limits.START_YOUNG_S - now
