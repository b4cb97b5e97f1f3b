"""What was read and need not be read again until it changes: entries hang on a wake and are dropped with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from wakeful import limits
from wakeful.store.tx import Store, Tx

T = TypeVar("T")


class Caches:
    """Answers of readers, kept in memory. Whoever changes the rows wakes the name, as for any other waiter."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[str, dict[Hashable, Any]] = {}
        self._drops: Counter[str] = Counter()

    async def get(self, wake: str, key: Hashable, read: Callable[[Tx], T]) -> T:
        """What `read` answers; read once until somebody wakes `wake`."""
        entries = self._entries.get(wake)
        if entries is not None and key in entries:
            return entries[key]  # type: ignore[no-any-return] # it was put there under this key, by this reader
        drops = self._drops[wake]
        value = await self._store.read(read)
        if drops == self._drops[wake]:  # else it changed while we read
            self._keep(wake, key, value)
        return value

    def drop(self, wake: str) -> None:
        """Nothing that hung on this wake is remembered."""
        self._drops[wake] += 1
        self._entries.pop(wake, None)

    def _keep(self, wake: str, key: Hashable, value: Any) -> None:
        entries = self._entries.setdefault(wake, {})
        if len(entries) >= limits.CACHE_ENTRIES_MAX:
            entries.clear()
        entries[key] = value
