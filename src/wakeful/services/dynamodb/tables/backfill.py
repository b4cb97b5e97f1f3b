"""A global index of a table that has items already: its rows are made little by little, while the table is used.

From when the index is in the definition, every change of an item is also one of the index (`index.change`, which looks
whether a row is there as long as the index is CREATING). What was there before is gone through once, item by item, each
locked: whichever comes first makes the row, and the other finds it. Where many write at a time, that begins when all
have ended who may not have known of the index yet: nobody else would show in it what they wrote.
"""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.dynamodb import changes, items, table
from wakeful.services.dynamodb.copies import history
from wakeful.services.dynamodb.index import entry
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Index, Table
from wakeful.services.dynamodb.values import parsed, raw
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "dynamodb.backfill"
_LAST = b"\xff" * 64


def begin(tx: Tx, found: Table, name: str) -> None:
    """The index is being filled; that of a small table, where there is one writer, is filled."""
    index = found.index(name)
    if index is None:
        return  # it was deleted meanwhile
    # Where many write at a time, those who have not heard of the index are to have ended by then.
    reached = b"" if tx.skip_locked else fill_some(tx, found.arn, index.space, b"")
    if reached is not None:
        body = {"arn": found.arn, "space": index.space, "after": reached.hex()}
        work.put(tx, KIND, body, due=history.settled(tx, tx.now))


def fill_some(tx: Tx, arn: str, space: int, after: bytes) -> bytes | None:
    """More of the index is there: what comes of the table's next items. The key that was reached; None where the index
    has everything and is ACTIVE, or is not wanted any more.
    """
    table.lock(tx, arn)
    found = table.get(tx, arn)
    index = next((each for each in found.indexes if each.space == space), None) if found is not None else None
    if found is None or index is None or index.status != table.CREATING:
        return None
    stored = items.between(tx, found.space, after + b"\x00" if after else b"", _LAST, limits.DYNAMODB_BACKFILL_ITEMS)
    for each in stored:
        _fill(tx, found, index, each.key)
    if len(stored) == limits.DYNAMODB_BACKFILL_ITEMS:
        return stored[-1].key
    _finish(tx, found, space)
    return None


def _fill(tx: Tx, found: Table, index: Index, key: bytes) -> None:
    """The item that is under the key now, if one is, has its row in the index, if it belongs there."""
    there = changes.locked(tx, found, key)
    row = entry(index, key, parsed(there)) if there is not None else None
    if row is not None and items.get(tx, index.space, row[0]) is None:
        size = item_size(row[1])
        items.put(tx, index.space, row[0], raw(row[1]), size, grown=(1, size))


def _finish(tx: Tx, found: Table, space: int) -> None:
    indexes = [
        {**{member: value for member, value in each.items() if member != "Backfilling"}, "IndexStatus": table.ACTIVE}
        if each["Space"] == space
        else each
        for each in found.definition["GlobalSecondaryIndexes"]
    ]
    table.save(tx, found, definition={**found.definition, "GlobalSecondaryIndexes": indexes})


async def _do(node: Node, item: work.Item) -> Done | Again:
    body = item.body
    reached: bytes | None = bytes.fromhex(body["after"])
    for _ in range(limits.DYNAMODB_BACKFILL_TURN):
        assert reached is not None
        reached = await node.store.write(fill_some, body["arn"], body["space"], reached)
        if reached is None:
            return Done()
    assert reached is not None
    return Again(node.clock.now(), {**body, "after": reached.hex()})


worker = Worker(KIND, _do, slots=2)
