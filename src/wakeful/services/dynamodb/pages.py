"""One page of rows: as many as lie between two keys, until a limit or 1 MB is reached.

A page ends with the row that makes it 1 MB or more, as DynamoDB counts bytes ("Paginating table query results"), and
whoever asks goes on behind its last row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wakeful import limits
from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.items import Stored
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Range:
    """Keys from `low` on and before `high`."""

    low: bytes
    high: bytes

    def has(self, key: bytes) -> bool:
        return self.low <= key < self.high

    def behind(self, key: bytes, *, backwards: bool) -> Range:
        """What of it comes after `key`, in the direction of reading."""
        if backwards:
            return Range(self.low, min(self.high, key))
        return Range(max(self.low, key + b"\x00"), self.high)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order in which they were asked for. `size` is that of their items, as DynamoDB counts."""

    rows: list[Stored]
    size: int
    is_cut: bool
    """It ended before the range did, or with as many rows as were asked for."""


def read(tx: Tx, space: int, within: Range, *, limit: int | None, backwards: bool) -> Page:
    """The first page of the range."""
    found: list[Stored] = []
    size = 0
    coming = chunks(tx, space, within, backwards=backwards, most=limit)
    for chunk in coming:
        more = sum([row.size for row in chunk])
        if size + more >= limits.DYNAMODB_PAGE_BYTES:
            count, more = _filling(chunk, limits.DYNAMODB_PAGE_BYTES - size)
            is_cut = count < len(chunk) or next(coming, None) is not None
            return Page([*found, *chunk[:count]], size + more, is_cut)
        found += chunk
        size += more
        if len(found) == limit:
            return Page(found, size, is_cut=True)
    return Page(found, size, is_cut=False)


def chunks(tx: Tx, space: int, within: Range, *, backwards: bool, most: int | None = None) -> Iterator[list[Stored]]:
    """All rows of the range, some at a time, and never none; `most` is how many will be wanted."""
    count = stored_bytes = 0
    while True:
        wanted = _chunk(count, stored_bytes)
        if most is not None:
            wanted = min(wanted, max(1, most - count))
        chunk = items.between(tx, space, within.low, within.high, wanted, backwards=backwards)
        if chunk:
            yield chunk
        if len(chunk) < wanted:
            return
        count += len(chunk)
        stored_bytes += sum([len(row.raw) for row in chunk])
        within = within.behind(chunk[-1].key, backwards=backwards)


def _filling(chunk: Sequence[Stored], room: int) -> tuple[int, int]:
    """How many of the rows it takes to fill the room, and their size."""
    size = 0
    for count, row in enumerate(chunk, 1):
        size += row.size
        if size >= room:
            return count, size
    return len(chunk), size


def _chunk(count: int, stored_bytes: int) -> int:
    """How many rows to ask for next: as many as a page may still have, if they are as large as those before."""
    if count == 0:
        return limits.DYNAMODB_PAGE_ROWS_FIRST
    room = limits.DYNAMODB_PAGE_BYTES - stored_bytes
    return max(
        limits.DYNAMODB_PAGE_ROWS_FIRST // 8, min(limits.DYNAMODB_PAGE_ROWS_MAX, room * count // stored_bytes + 1)
    )
