"""Capacity units, as DynamoDB counts them ("DynamoDB read and write operations"), and as a request is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wakeful import limits

if TYPE_CHECKING:
    from wakeful.services.dynamodb.table import Index, Table
    from wakeful.shapes import dynamodb as shapes


def read_units(size: int, *, consistent: bool = False) -> float:
    """For `size` bytes that were read together; nothing costs what the least does."""
    units = max(1, -(-size // limits.DYNAMODB_READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def write_units(before: int, after: int = 0) -> float:
    """For an item that had so many bytes and has so many now: the larger counts."""
    return float(max(1, -(-max(before, after) // limits.DYNAMODB_WRITE_UNIT_BYTES)))


class Meter:
    """What one request consumes of a table and its indexes, and what its answer says of that."""

    __slots__ = ("_by_index", "_name", "_reads", "_table", "_times", "_told", "_writes")

    def __init__(
        self, table: Table, told: str = "NONE", name: str | None = None, *, transactional: bool = False
    ) -> None:
        """`told` is ReturnConsumedCapacity; `name` is what the request calls the table: its name or its ARN.

        In a transaction everything costs twice.
        """
        self._table = table
        self._told = told
        self._name = name or table.name
        self._reads = 0.0
        self._writes = 0.0
        self._by_index: dict[str, float] = {}
        self._times = 2.0 if transactional else 1.0

    # --- what was consumed ---

    def read(
        self, size: int, *, index: Index | None = None, consistent: bool = False, transactional: bool = False
    ) -> None:
        """So many bytes were read, of an index or of the table, and are rounded up together."""
        if transactional:
            self._times = 2.0
        units = read_units(size, consistent=consistent or self._times > 1) * self._times
        self._reads += units
        if index is not None:
            self._by_index[index.name] = self._by_index.get(index.name, 0.0) + units

    def wrote(self, before: int, after: int = 0, indexes: Iterable[tuple[Index, float]] = ()) -> None:
        """An item that had so many bytes has so many now, which cost so many units of its indexes."""
        self._writes += write_units(before, after) * self._times
        for index, units in indexes:
            self._writes += units * self._times
            self._by_index[index.name] = self._by_index.get(index.name, 0.0) + units * self._times

    @property
    def reads(self) -> float:
        """Of the table with its indexes."""
        return self._reads

    @property
    def writes(self) -> float:
        return self._writes

    @property
    def by_index(self) -> Mapping[str, float]:
        """What of that was of indexes."""
        return self._by_index

    # --- what is told ---

    def told(self) -> shapes.ConsumedCapacity | None:
        """The member ConsumedCapacity; None where it was not asked for."""
        if self._told == "NONE":
            return None
        found: dict[str, Any] = {"TableName": self._name, **self._units(self._reads, self._writes)}
        if self._told == "INDEXES":
            of_indexes = sum(self._by_index.values())
            own = self._reads + self._writes - of_indexes
            found["Table"] = self._units(own, 0.0) if self._reads else self._units(0.0, own)
            found |= self._indexes()
        return found  # type: ignore[return-value] # put together member by member

    def _indexes(self) -> dict[str, Any]:
        """Only of those that had any."""
        found: dict[str, dict[str, Any]] = {}
        for name, units in self._by_index.items():
            index = self._table.index(name)
            kind = "GlobalSecondaryIndexes" if index is None or index.is_global else "LocalSecondaryIndexes"
            told = self._units(units, 0.0) if self._reads else self._units(0.0, units)
            found.setdefault(kind, {})[name] = told
        return found

    def _units(self, reads: float, writes: float) -> Mapping[str, float]:
        """Reads and writes apart are told of transactions only."""
        units = {"CapacityUnits": reads + writes}
        if self._times > 1 and reads:
            units["ReadCapacityUnits"] = reads
        if self._times > 1 and writes:
            units["WriteCapacityUnits"] = writes
        return units
