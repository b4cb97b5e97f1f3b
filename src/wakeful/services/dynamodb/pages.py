"""One page of rows: as many as lie between two keys, until a limit or 1 MB is reached.

A page ends with the row that makes it 1 MB or more, as DynamoDB counts bytes ("Paginating table query results"), and
whoever asks goes on behind its last row. That may be hundreds of thousands of rows: a page is read in parts, each in a
transaction of its own, and others have their turn between any two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wakeful import limits
from wakeful.fabric.service import Node
from wakeful.fabric.turns import Turn
from wakeful.services.dynamodb import items, reading
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.reading import Reading, Shown
from wakeful.services.dynamodb.values import Item
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


Reached = Mapping[int, bytes]
"""The last key that was read of every range that was begun, by the range's place."""

Coming = Callable[[Tx, Reached, int | None], Iterator[tuple[int, list[Stored]]]]
"""Gives what comes next in the ranges that are read, some rows at a time, and never none, with the place of their
range; how many will be wanted is told, where that is known.
"""


@dataclass(slots=True)
class Part:
    """What was read in one turn, and what is shown of it."""

    reached: Reached
    items: list[Item] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    """The sizes of the items that were read from the table as well."""
    count: int = 0
    """How many are shown."""
    rows: int = 0
    size: int = 0
    """Of what was read, as DynamoDB counts."""
    last: Stored | None = None
    is_last: bool = False
    is_cut: bool = False

    def add(self, place: int, rows: Sequence[Stored], size: int, shown: Shown) -> None:
        self.items += shown.items
        self.fetched += shown.fetched
        self.count += shown.count
        self.rows += len(rows)
        self.size += size
        self.last = rows[-1]
        self.reached = {**self.reached, place: rows[-1].key}


class Page:
    """What one request is answered, as far as it has been read."""

    def __init__(self, wanted: Reading, coming: Coming, limit: int | None, reached: Reached | None = None) -> None:
        self.reading = wanted
        self.items: list[Item] = []
        self.count = 0
        self.rows = 0
        self.last: Stored | None = None
        self.reached = reached or {}
        self.is_whole = False
        self.is_cut = False
        """It ended before its ranges did, or with as many rows as were asked for."""
        self._coming = coming
        self._limit = limit
        self._size = 0
        self._fetched: list[int] = []

    def begun(self, tx: Tx) -> Page:
        """This page, with its first part, which mostly is all of it."""
        self._add(self._part(tx))
        return self

    async def rest(self, node: Node) -> None:
        """The page is whole. Raises as a request does that comes now, where the table or the index is there no more."""
        while not self.is_whole:
            await asyncio.sleep(0)
            self._add(await node.store.read(self._next))

    def measure(self, meter: Meter) -> None:
        """What reading it consumes is counted, whatever a filter left of it."""
        wanted = self.reading
        meter.read(self._size, index=wanted.index, consistent=wanted.consistent)
        for size in self._fetched:
            meter.read(size, consistent=wanted.consistent)

    def _next(self, tx: Tx) -> Part:
        reading.check_there(tx, self.reading)
        return self._part(tx)

    def _part(self, tx: Tx) -> Part:
        """What comes next. Nothing of the page changes: a transaction may run again."""
        turn, part = Turn(), Part(self.reached)
        left = None if self._limit is None else self._limit - self.rows
        coming = self._coming(tx, self.reached, left)
        for place, rows in coming:
            size = sum([row.size for row in rows])
            room = limits.DYNAMODB_PAGE_BYTES - self._size - part.size
            if size >= room:
                count, size = _filling(rows, room)
                part.is_last, part.is_cut = True, count < len(rows) or next(coming, None) is not None
                rows = rows[:count]
            elif part.rows + len(rows) == left:
                part.is_last = part.is_cut = True
            part.add(place, rows, size, reading.show(tx, self.reading, rows))
            if part.is_last or turn.is_over:
                return part
        part.is_last = True
        return part

    def _add(self, part: Part) -> None:
        self.items += part.items
        self._fetched += part.fetched
        self.count += part.count
        self.rows += part.rows
        self._size += part.size
        self.last, self.reached = part.last or self.last, part.reached
        self.is_whole, self.is_cut = part.is_last, part.is_cut


def in_range(wanted: Reading, within: Range, *, backwards: bool) -> Coming:
    """All of one range."""

    def coming(tx: Tx, reached: Reached, most: int | None) -> Iterator[tuple[int, list[Stored]]]:
        left = within.behind(reached[0], backwards=backwards) if 0 in reached else within
        for rows in chunks(tx, wanted, left, backwards=backwards, most=most):
            yield 0, rows

    return coming


def chunks(
    tx: Tx, reading: Reading, within: Range, *, backwards: bool, most: int | None = None
) -> Iterator[list[Stored]]:
    """All rows of the range, some at a time, and never none; `most` is how many will be wanted."""
    count = stored_bytes = 0
    while True:
        wanted = _chunk(reading, count, stored_bytes)
        if most is not None:
            wanted = min(wanted, max(1, most - count))
        chunk = items.between(tx, reading.space, within.low, within.high, wanted, backwards=backwards)
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


def _chunk(reading: Reading, count: int, stored_bytes: int) -> int:
    """How many rows to ask for next: as many as a page may still have, if they are as large as those before."""
    if count == 0:
        return limits.DYNAMODB_PAGE_ROWS_FIRST
    most = limits.DYNAMODB_PAGE_ROWS_LOOKED_AT if reading.looks_at_items else limits.DYNAMODB_PAGE_ROWS_MAX
    room = limits.DYNAMODB_PAGE_BYTES - stored_bytes
    return max(limits.DYNAMODB_PAGE_ROWS_FIRST // 8, min(most, room * count // stored_bytes + 1))
