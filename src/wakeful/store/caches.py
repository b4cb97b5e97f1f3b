"""What was read and need not be read again until it changes: entries hang on a wake and are dropped with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from wakeful import limits

T = TypeVar("T")


class Caches:
    """What was made from rows, kept in memory. Whoever changes the rows wakes the name, as for any other waiter."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[Hashable, Any]] = {}
        self._drops: Counter[str] = Counter()

    async def get(self, wake: str, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` answers; asked once until somebody wakes `wake`. What it raises is not kept."""
        entries = self._entries.get(wake)
        if entries is not None and key in entries:
            return entries[key]  # type: ignore[no-any-return] # made under this key, for this type
        drops = self._drops.setdefault(wake, 0)
        value = await make()
        if drops == self._drops[wake]:  # else it changed while it was made
            self._keep(wake, key, value)
        return value

    def drop(self, wake: str) -> None:
        """Nothing that hung on this wake is remembered."""
        self._drops[wake] += 1
        self._entries.pop(wake, None)

    def drop_all(self) -> None:
        """Nothing is remembered: somebody may have changed anything, and we have not heard of it."""
        self._drops.update(self._drops.keys() | self._entries.keys())
        self._entries.clear()

    def _keep(self, wake: str, key: Hashable, value: Any) -> None:
        entries = self._entries.setdefault(wake, {})
        if len(entries) >= limits.CACHE_ENTRIES_MAX:
            entries.clear()
        entries[key] = value
