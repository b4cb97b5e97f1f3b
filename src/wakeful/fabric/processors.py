"""Whether more at a time would get more done: how idle this host's processors are, and this process itself."""

from __future__ import annotations

import time
from pathlib import Path

_STAT = Path("/proc/stat")


class Processors:
    """Looks at what has been done since it looked last."""

    def __init__(self, stat: Path = _STAT) -> None:
        self._stat = stat
        self._idle, self._all = self._ticks()
        self._own_s, self._looked = time.process_time(), time.monotonic()

    def idle_share(self) -> float:
        """Since the last time: of all processors, or of the one that the node's loop can use, whichever is less.

        1 is nothing to do. A host that does not tell counts as idle.
        """
        idle, all_ = self._ticks()
        own_s, looked = time.process_time(), time.monotonic()
        host = (idle - self._idle) / (all_ - self._all) if all_ > self._all else 1.0
        own = max(0.0, 1.0 - (own_s - self._own_s) / max(looked - self._looked, 1e-6))
        self._idle, self._all, self._own_s, self._looked = idle, all_, own_s, looked
        return min(host, own)

    def _ticks(self) -> tuple[int, int]:
        """Idle and all, in ticks of the kernel's clock since the host was started."""
        try:
            name, *ticks = self._stat.read_text().split("\n", 1)[0].split()
        except OSError:
            return 0, 0
        user, nice, system, idle, waiting, *more = map(int, ticks[:8]) if name == "cpu" else (0,) * 8
        return idle + waiting, user + nice + system + idle + waiting + sum(more)
