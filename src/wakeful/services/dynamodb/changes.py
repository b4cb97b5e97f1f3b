"""A change of an item, and all that is true with it: its row, the rows of indexes, the counts, the stream's entry.

Everything that changes items comes through here: puts, updates, deletes, batches, transactions, time to live, restores.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import expiries, index, items, stream
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, raw
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes it. `identity` is the record's userIdentity, where a service did it and not a client."""

    trace: Trace
    identity: dict[str, str] | None = None


def apply(tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, cause: Cause) -> None:
    """The item under `key`, which was `before`, is `after` (None: it is not there), everywhere it is seen.

    Whoever calls has locked the key (`locked`) before reading what was before.
    """
    size_before = item_size(before) if before is not None else 0
    size_after = item_size(after) if after is not None else 0
    grown = ((after is not None) - (before is not None), size_after - size_before)
    if after is not None:
        items.put(tx, table.space, key, raw(after), grown=grown)
    elif before is not None:
        items.delete(tx, table.space, key, grown=grown)
    if before == after:
        return  # nothing happened: no stream record ("Change data capture for DynamoDB Streams")
    index.change(tx, table, key, before, after)
    expiries.change(tx, table, key, before, after)
    stream.change(tx, table, key, before, after, cause)


def locked(tx: Tx, table: Table, key: bytes) -> bytes | None:
    """The item's JSON, as it is until the transaction ends; None where there is none."""
    tx.lock("dynamodb", "space", str(table.space), key.hex())
    return items.get(tx, table.space, key)
