"""How much of this host's processors is idle: whether more at a time would get more done."""

from __future__ import annotations

from pathlib import Path

_STAT = Path("/proc/stat")


class Processors:
    """Looks at what they have done since it looked last."""

    def __init__(self, stat: Path = _STAT) -> None:
        self._stat = stat
        self._idle, self._all = self._times()

    def idle_share(self) -> float:
        """Of all processors, since the last time: 1 is nothing to do, which is also the answer where nobody knows."""
        idle, all_ = self._times()
        since_idle, since_all = idle - self._idle, all_ - self._all
        self._idle, self._all = idle, all_
        return since_idle / since_all if since_all > 0 else 1.0

    def _times(self) -> tuple[int, int]:
        """Idle and all, in ticks of the kernel's clock since the host was started."""
        try:
            name, *ticks = self._stat.read_text().split("\n", 1)[0].split()
        except OSError:
            return 0, 0
        user, nice, system, idle, waiting, *more = map(int, ticks[:8]) if name == "cpu" else (0,) * 8
        return idle + waiting, user + nice + system + idle + waiting + sum(more)
