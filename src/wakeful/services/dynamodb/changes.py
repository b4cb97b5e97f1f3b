"""A change of an item, and all that is true with it: its row, the rows of indexes, the counts, the stream's entry.

Everything that changes items comes through here: puts, updates, deletes, batches, transactions, time to live, restores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wakeful import limits
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import index, items, measuring
from wakeful.services.dynamodb import table as tables
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.streams import stream
from wakeful.services.dynamodb.table import Index, Table
from wakeful.services.dynamodb.tables import expiries
from wakeful.services.dynamodb.values import Item, parsed, raw
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes it. `identity` is the record's userIdentity as the API has it, where a service did it."""

    trace: Trace
    identity: dict[str, str] | None = None
    is_replicated: bool = False
    """It has been made in another region, and goes to no further one from here."""


def apply(
    tx: Tx,
    table: Table,
    key: bytes,
    before: Item | None,
    after: Item | None,
    cause: Cause,
    meter: Meter | None = None,
) -> None:
    """The item under `key`, which was `before`, is `after` (None: it is not there), everywhere it is seen.

    Whoever calls has locked the key (`locked`) before reading what was before. `meter` is told what it costs.
    """
    size_before = item_size(before) if before is not None else None
    size_after = item_size(after) if after is not None else None
    overwrite(tx, table, key, size_before, after, size_after)
    sizes = (size_before or 0, size_after or 0)
    indexes = _show(tx, table, key, before, after, sizes, cause) if before != after else []
    if meter is not None:
        meter.wrote(*sizes, indexes)


def swap(
    tx: Tx,
    table: Table,
    key: bytes,
    was: Stored | None,
    before: Item | None,
    after: Item | None,
    size: int,
    cause: Cause,
    meter: Meter,
) -> None:
    """The same for an item as it is stored. Where `before` is None, it was not read, and is only where others see what
    it was; `size` is its new one.
    """
    size_before = None if was is None else was.size
    overwrite(tx, table, key, size_before, after, size)
    indexes: list[tuple[Index, float]] = []
    if is_watched(table):
        if before is None and was is not None:
            before = was.item
        if before != after:
            indexes = _show(tx, table, key, before, after, (size_before or 0, size), cause)
    meter.wrote(size_before or 0, size, indexes)


def overwrite(
    tx: Tx, table: Table, key: bytes, size_before: int | None, after: Item | None, size_after: int | None
) -> None:
    """The item's row is as `after` says (None: there is none); of a table that nobody watches, this is all there is to
    do. `size_after` is of what is there afterwards.
    """
    if after is not None:
        assert size_after is not None
        grown = (1, size_after) if size_before is None else (0, size_after - size_before)
        items.put(tx, table.space, key, raw(after), size_after, grown=grown)
    elif size_before is not None:
        items.delete(tx, table.space, key, grown=(-1, -size_before))


def is_watched(table: Table) -> bool:
    """Whether others see what an item was and is: indexes, streams, time to live, replicas, or who needs to know the
    table's past.
    """
    is_streamed = table.stream_arn is not None or "KinesisDestinations" in table.definition
    return is_streamed or bool(table.indexes or table.history or table.replicas) or expiries.setting(table) is not None


def lock(tx: Tx, table: Table, key: bytes) -> None:
    """Nobody else changes that item until the transaction ends. Who changes several locks all of them, in the order of
    `place`, before it changes the first: a change holds a shard of the table's stream.

    Of a global table all regions are changed, whose streams are as many: a quarter of it, as a stream has four shards,
    is one writer's at a time, whichever his region.
    """
    if table.replicas:
        quarter = key[0] * limits.DYNAMODB_STREAM_SHARDS_ON_DEMAND >> 8
        tx.lock("dynamodb", "global", table.account, table.name, str(quarter))
    _lock(tx, table, key)


def place(table: Table, key: bytes) -> tuple[str, bytes]:
    """Where an item comes in the order in which several are locked and changed: the same in every region."""
    return table.arn, key


def hold(tx: Tx, wanted: Iterable[tuple[Table, bytes]]) -> dict[str, Table]:
    """All these items are locked; and their tables, by their ARNs, as they are now.

    Who had to wait for an item may find that its table has an index by then, or a stream: whoever had the item before
    knew of it, and nobody else would ever show there what is written now. Raises ResourceNotFoundException where a
    table is gone, or is another.
    """
    held = sorted(wanted, key=lambda each: place(*each))
    while True:
        for table, key in held:
            lock(tx, table, key)
        now = {table.arn: tables.find(tx, table.arn) for table, _ in held}
        if any(now[table.arn].space != table.space for table, _ in held):
            raise ResourceNotFoundException()
        if all(now[table.arn].replicas == table.replicas for table, _ in held):
            return now
        held = [(now[table.arn], key) for table, key in held]  # which are locked in other ways


def locked(tx: Tx, table: Table, key: bytes) -> bytes | None:
    """The item's JSON, as it is until the transaction ends; None where there is none."""
    lock(tx, table, key)
    return items.get(tx, table.space, key)


def _lock(tx: Tx, table: Table, key: bytes) -> None:
    tx.lock("dynamodb", "space", str(table.space), key.hex())


def _show(
    tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, sizes: tuple[int, int], cause: Cause
) -> list[tuple[Index, float]]:
    """The change is seen where it is to be seen; what indexes it cost. Nothing that changes nothing comes here: it
    makes no record of a stream ("Change data capture for DynamoDB Streams").
    """
    if not table.replicas or cause.is_replicated:
        return _show_here(tx, table, key, before, after, sizes, cause)
    written = []
    for arn in sorted((table.arn, *table.replicas)):  # the same order, whichever the region
        if arn == table.arn:
            written = _show_here(tx, table, key, before, after, sizes, cause)
        else:
            _replicate(tx, arn, key, after, cause)
    return written


def _show_here(
    tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, sizes: tuple[int, int], cause: Cause
) -> list[tuple[Index, float]]:
    history.change(tx, table, key, before)
    written = index.change(tx, table, key, before, after, sizes)
    expiries.change(tx, table, key, before, after)
    stream.change(tx, table, key, before, after, cause)
    return written


def _replicate(tx: Tx, arn: str, key: bytes, after: Item | None, cause: Cause) -> None:
    """The item is the same in that region of a global table, which consumes what it would have if it had been written
    there. That a service did it is told only where it did.
    """
    replica = tables.get(tx, arn)
    if replica is not None:
        _lock(tx, replica, key)
        before = items.get(tx, replica.space, key)
        meter = Meter(replica)
        told = Cause(cause.trace, is_replicated=True)
        apply(tx, replica, key, parsed(before) if before is not None else None, after, told, meter)
        for sample in measuring.consumed(replica, meter, tx.now):
            tx.note(sample)
