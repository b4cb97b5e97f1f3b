"""What a query, a scan or a SELECT shows of the rows that it reads: all of them, or what a filter leaves of them; all
of an item, what an index has of it, or what is named of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeful.fabric.turns import Turn
from wakeful.services.dynamodb import items, table
from wakeful.services.dynamodb.errors import ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.expressions.bound import Condition, Projection
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.table import CREATING, DELETING, Index, Table
from wakeful.services.dynamodb.values import Item, answered
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Reading:
    """`fetches`: a local index is read and more is wanted than it has, so every item is read from the table as well."""

    table: Table
    index: Index | None = None
    filter: Condition | None = None
    projection: Projection | None = None
    fetches: bool = False
    counts_only: bool = False
    consistent: bool = False

    @property
    def space(self) -> int:
        return self.table.space if self.index is None else self.index.space

    @property
    def looks_at_items(self) -> bool:
        """Whether each is more than answered as it is stored."""
        return self.filter is not None or self.projection is not None or self.fetches


@dataclass(frozen=True, slots=True)
class Shown:
    """`items` has none where only their number was asked for; `fetched` has the sizes of those that were read from the
    table as well.
    """

    items: list[Item]
    count: int
    fetched: list[int]


def show(tx: Tx, reading: Reading, rows: Sequence[Stored]) -> Shown:
    """What these rows show."""
    fetched: list[int] = []
    if reading.fetches:
        rows = [_fetched(tx, reading, row) for row in rows]
        fetched = [row.size for row in rows]
    if reading.filter is None and reading.projection is None:
        # They are answered as they are stored.
        return Shown([] if reading.counts_only else [answered(row.raw) for row in rows], len(rows), fetched)
    found: list[Item] = []
    count = 0
    for row in rows:
        item = row.item
        if reading.filter is not None and not reading.filter.holds(item):
            continue
        count += 1
        if not reading.counts_only:
            found.append(answered(row.raw) if reading.projection is None else reading.projection.of(item))
    return Shown(found, count, fetched)


async def shown(turn: Turn, row: Stored, projection: Projection | None) -> Item:
    """What one of several items shows; others have had their turn before, where it was time."""
    await turn.passed_on()
    return answered(row.raw) if projection is None else projection.of(row.item)


def check_there(tx: Tx, reading: Reading) -> None:
    """Raises what a request is told that comes now, where the table that was being read, or its index, is gone, or is
    another.
    """
    found = table.find(tx, reading.table.arn)
    if found.id != reading.table.id:
        raise ResourceNotFoundException()
    if reading.index is not None:
        index = index_of(found, reading.index.name)
        if index is None or index.space != reading.index.space:
            raise ValidationException(f"The table does not have the specified index: {reading.index.name}")


def _fetched(tx: Tx, reading: Reading, row: Stored) -> Stored:
    """The table's row of an index's: what the index does not have is read there, each item for itself."""
    found = items.stored(tx, reading.table.space, reading.table.keys.of(row.item))
    assert found is not None, "an index shows what its table has"
    return found


def index_of(table: Table, name: str) -> Index | None:
    """The index, if there is one that may be read. Raises ValidationException where it is still being filled."""
    found = table.index(name)
    if found is not None and found.status == CREATING:
        defined = next(each for each in table.definition["GlobalSecondaryIndexes"] if each["IndexName"] == name)
        if defined.get("Backfilling"):
            raise ValidationException(f"Cannot read from backfilling global secondary index: {name}")
        return None
    return None if found is None or found.status == DELETING else found


def check_shown(index: Index | None, names: Sequence[str]) -> bool:
    """Whether attributes of these names have to be fetched from the table. Raises ValidationException where a global
    index would have to, which cannot.
    """
    missing = lacking(index, names)
    if index is not None and missing and index.is_global:
        raise ValidationException(
            "One or more parameter values were invalid:"
            f" Global secondary index {index.name} does not project [{', '.join(missing)}]"
        )
    return bool(missing)


def check_filtered(index: Index | None, names: Sequence[str]) -> None:
    """Raises ValidationException where the index lacks what a filter looks at: a query of an index filters only by what
    the index has.
    """
    missing = lacking(index, names)
    if index is not None and missing:
        raise ValidationException(
            "One or more parameter values were invalid:"
            f" Secondary index {index.name} does not project one or more filter attributes: [{', '.join(missing)}]"
        )


def lacking(index: Index | None, names: Sequence[str]) -> list[str]:
    """Which of the names the index does not have."""
    if index is None or index.attributes is None:
        return []
    return sorted(name for name in set(names) if name not in index.attributes)
