"""One page of rows: as many as lie between two keys, until a limit or 1 MB is reached.

A page ends with the row that makes it 1 MB or more, as DynamoDB counts bytes ("Paginating table query results"), and
whoever asks goes on behind its last row.
"""

from __future__ import annotations

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


def read(tx: Tx, space: int, within: Range, *, limit: int | None, backwards: bool, room: int | None = None) -> Page:
    """The first page of the range. `room` is how many bytes there may be, where it is not a whole page."""
    room = limits.DYNAMODB_PAGE_BYTES if room is None else room
    found: list[Stored] = []
    size = stored_bytes = 0
    while True:
        wanted = _chunk(len(found), stored_bytes, room - size)
        if limit is not None:
            wanted = min(wanted, limit - len(found))
        chunk = items.between(tx, space, within.low, within.high, wanted, backwards=backwards)
        for row in chunk:
            found.append(row)
            size += row.size
            stored_bytes += len(row.raw)
            if size >= room:
                is_last = len(chunk) < wanted and row is chunk[-1]
                return Page(found, size, is_cut=not is_last)
        if limit is not None and len(found) == limit:
            return Page(found, size, is_cut=True)
        if len(chunk) < wanted:
            return Page(found, size, is_cut=False)
        within = within.behind(chunk[-1].key, backwards=backwards)


def _chunk(count: int, stored_bytes: int, room: int) -> int:
    """How many rows to ask for next, so that few are read in vain and a query takes few statements."""
    if count == 0:
        return limits.DYNAMODB_PAGE_ROWS_FIRST
    return max(1, min(limits.DYNAMODB_PAGE_ROWS_MAX, room * count // max(1, stored_bytes) + 1))
