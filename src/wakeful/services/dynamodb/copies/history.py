"""What items were: so that a table can be read as it was at a moment, while others go on changing it.

A table keeps its history only where somebody needs it: point-in-time recovery, or a copy that is being made of it. A
change then writes one row more, in its own transaction: what the item was until then. Nothing is copied when that
begins: as it was at a moment an item is what the first of its changes after that moment found, or, where there is none,
what it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.dynamodb import items, table
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import spaces
from wakeful.services.dynamodb.values import Item, parsed, raw
from wakeful.store import work
from wakeful.store.tx import Tx

FORGET = "dynamodb.forget"
"""The kind of work row that prunes what is known of one space's past."""

_BEYOND = b"\xff" * 32  # no key begins so


@dataclass(frozen=True, slots=True)
class Portion:
    """Some items of a space, in the order of their keys, and the key from which to go on; None: there are no more."""

    items: Sequence[Stored]
    next: bytes | None


@dataclass(frozen=True, slots=True)
class Changed:
    """An item that has changed between two moments: what it was at both."""

    key: bytes
    at: float
    """When, for the last time."""
    before: bytes | None
    after: bytes | None


def change(tx: Tx, table: Table, key: bytes, before: Item | None) -> None:
    """What the item was until now is remembered, where somebody needs it. Whoever calls has locked the key."""
    if not table.history:
        return
    tx.run(
        "INSERT INTO dynamodb_history(space, key, number, at, item) VALUES (?, ?,"
        " (SELECT coalesce(max(number), 0) + 1 FROM dynamodb_history WHERE space = ? AND key = ?), ?, ?)",
        *(table.space, key, table.space, key, tx.now, raw(before) if before is not None else None),
    )


def begin(tx: Tx, found: Table) -> None:
    """One more needs to know what the table's items were; they stay readable, even when the table is deleted."""
    tx.lock("dynamodb", found.arn)
    tx.run("UPDATE dynamodb_tables SET history = history + 1 WHERE arn = ?", found.arn)
    tx.wake(table.CHANGED)
    spaces.hold(tx, found.space)


def end(tx: Tx, arn: str, space: int) -> None:
    """One fewer needs to know; after the last one the history goes. That of a deleted table goes with its space, when
    nobody reads it any more.
    """
    tx.lock("dynamodb", arn)
    tx.run("UPDATE dynamodb_tables SET history = history - 1 WHERE arn = ? AND space = ?", arn, space)
    tx.wake(table.CHANGED)
    spaces.release(tx, space)
    found = table.get(tx, arn)
    if found is not None and found.space == space and not found.history:
        forget(tx, space)


def forget(tx: Tx, space: int, *, before: float | None = None) -> None:
    """What was in the space before that moment, or before now, is soon known no more."""
    body = {"space": space, "before": tx.now if before is None else before, "low": ""}
    work.put(tx, FORGET, body, name=f"{FORGET} {space}")


def settled(tx: Tx, moment: float) -> float:
    """From when on all is written that was true at that moment.

    With one writer that is at once. Where many write at a time, one that began before it may end after it: it is waited
    for as long as the longest of them takes.
    """
    return moment + (limits.DYNAMODB_SETTLING_S if tx.skip_locked else 0)


def moment(tx: Tx) -> float:
    """The first moment of which everything will be known by a history that begins in this transaction."""
    return settled(tx, tx.now)


def portion(tx: Tx, space: int, low: bytes, at: float | None, count: int) -> Portion:
    """Up to `count` items from the key `low` on, as they were after all that was done up to the moment `at`; None: as
    they are.
    """
    found = items.between(tx, space, low, _BEYOND, count)
    last = found[-1].key if len(found) == count else None
    if at is None:
        return Portion(found, _next(last))
    undone = _first_after(tx, space, low, _next(last) or _BEYOND, at, count)
    if len(undone) == count:
        last = min(undone[-1][0], last or undone[-1][0])
    were: dict[bytes, Stored | None] = {each.key: each for each in found}
    were.update((key, None if raw is None else Stored(key, raw, item_size(parsed(raw)))) for key, raw in undone)
    kept = [each for _, each in sorted(were.items()) if each is not None and (last is None or each.key <= last)]
    return Portion(kept, _next(last))


def changed(
    tx: Tx, space: int, low: bytes, since: float, until: float, count: int
) -> tuple[list[Changed], bytes | None]:
    """Items from the key `low` on that have changed after `since` and not after `until`; and the key from which to go
    on, None where there are no more. At most `count` are looked at.
    """
    rows = tx.all(
        "SELECT key, max(at) AS at FROM dynamodb_history WHERE space = ? AND key >= ? AND at > ? AND at <= ?"
        " GROUP BY key ORDER BY key LIMIT ?",
        *(space, low, since, until, count),
    )
    found = []
    for row in rows:
        key = bytes(row["key"])
        before, after = _was(tx, space, key, since), _was(tx, space, key, until)
        if before != after:
            found.append(Changed(key, row["at"], before, after))
    return found, bytes(rows[-1]["key"]) + b"\x00" if len(rows) == count else None


def prune(tx: Tx, space: int, low: bytes, before: float, count: int) -> bytes | None:
    """Nothing is known any more of what was before that moment, of up to `count` rows from the key `low` on; the key
    from which to go on, None where there are no more.
    """
    rows = tx.all(
        "SELECT key, number, at FROM dynamodb_history WHERE space = ? AND key >= ? ORDER BY key, number LIMIT ?",
        *(space, low, count),
    )
    tx.lock("dynamodb", "history", str(space))
    for row in rows:
        if row["at"] <= before:
            tx.run(
                "DELETE FROM dynamodb_history WHERE space = ? AND key = ? AND number = ?",
                *(space, row["key"], row["number"]),
            )
    if len(rows) < count:
        return None
    last = bytes(rows[-1]["key"])
    is_stuck = bytes(rows[0]["key"]) == last and rows[0]["at"] > before
    return last + b"\x00" if is_stuck else last


async def carry_out(node: Node, item: work.Item) -> Done | Again:
    """The worker that prunes one space, in portions."""
    body: dict[str, Any] = item.body
    low = await node.store.write(
        prune, body["space"], bytes.fromhex(body["low"]), body["before"], limits.DYNAMODB_PRUNED_AT_ONCE
    )
    return Done() if low is None else Again(node.clock.now(), {**body, "low": low.hex()})


def _next(last: bytes | None) -> bytes | None:
    return None if last is None else last + b"\x00"


def _was(tx: Tx, space: int, key: bytes, at: float) -> bytes | None:
    row = tx.one(
        "SELECT item FROM dynamodb_history WHERE space = ? AND key = ? AND at > ? ORDER BY number LIMIT 1",
        space,
        key,
        at,
    )
    item = items.get(tx, space, key) if row is None else row["item"]
    return None if item is None else bytes(item)


def _first_after(
    tx: Tx, space: int, low: bytes, high: bytes, at: float, count: int
) -> list[tuple[bytes, bytes | None]]:
    """What the first change after the moment found, of up to `count` items with keys from `low` on and before `high`:
    where few have changed since, the whole of a long history would be looked through else.
    """
    rows = tx.all(  # CROSS: SQLite looks up what the inner query found, and not the other way round
        "SELECT h.key AS key, h.item AS item FROM"
        " (SELECT key, min(number) AS number FROM dynamodb_history WHERE space = ? AND key >= ? AND key < ? AND at > ?"
        " GROUP BY key ORDER BY key LIMIT ?) AS f CROSS JOIN dynamodb_history AS h"
        " WHERE h.space = ? AND h.key = f.key AND h.number = f.number ORDER BY f.key",
        *(space, low, high, at, count, space),
    )
    return [(bytes(row["key"]), bytes(row["item"]) if row["item"] is not None else None) for row in rows]


worker = Worker(FORGET, carry_out, slots=1, is_lazy=True)
