"""How much of the machine's memory environments hold, whether another one has room beside them, and who goes if not."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable

from wakeful import limits
from wakeful.environments.environment import Environment
from wakeful.environments.version import Key


class Room:
    """`memory_mb` is what all together may hold; None for as much as there is."""

    def __init__(self, environments_max: int, memory_mb: int | None) -> None:
        self._environments_max = environments_max
        self._memory_mb = memory_mb
        self._sizes: OrderedDict[Key, int] = OrderedDict()

    def has(self, environments: Collection[Environment], key: Key, beside_mb: int = 0) -> bool:
        """Whether one more may start: of the size that the last one of its kind had. The first always may.

        `beside_mb` is held by what is no environment: processes from which some are forked.
        """
        if len(environments) >= self._environments_max:
            return False
        if self._memory_mb is None or not environments:
            return True
        wanted_mb = min(self._sizes.get(key, 0), self._memory_mb // 2)
        held_mb = beside_mb + _held_mb(environments)
        return held_mb + max(wanted_mb, limits.ENVIRONMENT_MEMORY_MB_LEAST) <= self._memory_mb

    def note_end(self, environment: Environment) -> None:
        """How large it was is remembered."""
        if self._memory_mb is not None and environment.memory_peak_mb:
            self._sizes[environment.key] = _size_mb(environment)
            self._sizes.move_to_end(environment.key)
            if len(self._sizes) > limits.CACHE_ENTRIES_MAX:
                self._sizes.popitem(last=False)

    def surplus(self, environments: Collection[Environment], idle: Iterable[Environment]) -> Environment | None:
        """Which idle one goes because all together have grown too large: the longest idle of who holds most of it."""
        if self._memory_mb is None or _held_mb(environments) <= self._memory_mb:
            return None
        waiting = list(idle)
        held: Counter[str] = Counter()
        for each in waiting:
            held[each.version.arn] += _size_mb(each)
        return max(waiting, key=lambda each: held[each.version.arn], default=None)


def _size_mb(environment: Environment) -> int:
    return max(environment.memory_peak_mb, environment.memory_held_mb, limits.ENVIRONMENT_MEMORY_MB_LEAST)


def _held_mb(environments: Iterable[Environment]) -> int:
    return sum(map(_size_mb, environments))
