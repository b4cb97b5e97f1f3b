"""What a query, a scan or a SELECT shows of the rows that it reads: all of them, or what a filter leaves of them; all
of an item, what an index has of it, or what is named of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.bound import Condition, Projection
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.pages import Page
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


@dataclass(frozen=True, slots=True)
class Shown:
    """`items` is None where only their number was asked for."""

    items: list[Item] | None
    count: int


def show(tx: Tx, reading: Reading, page: Page, meter: Meter) -> Shown:
    """What the page shows; what reading it consumes is counted, whatever the filter leaves of it."""
    meter.read(page.size, index=reading.index, consistent=reading.consistent)
    rows: Sequence[Stored] = page.rows
    if reading.fetches:
        rows = [_fetched(tx, reading, row, meter) for row in rows]
    if reading.filter is None and reading.projection is None:
        # Nobody looks into the items: they are answered as they are stored.
        return Shown(None if reading.counts_only else [answered(row.raw) for row in rows], len(rows))
    found: list[Item] = []
    count = 0
    for row in rows:
        item = row.item
        if reading.filter is not None and not reading.filter.holds(item):
            continue
        count += 1
        if not reading.counts_only:
            found.append(answered(row.raw) if reading.projection is None else reading.projection.of(item))
    return Shown(None if reading.counts_only else found, count)


def _fetched(tx: Tx, reading: Reading, row: Stored, meter: Meter) -> Stored:
    """The table's row of an index's: what the index does not have is read there, each item for itself."""
    found = items.stored(tx, reading.table.space, reading.table.keys.of(row.item))
    assert found is not None, "an index shows what its table has"
    meter.read(found.size, consistent=reading.consistent)
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
