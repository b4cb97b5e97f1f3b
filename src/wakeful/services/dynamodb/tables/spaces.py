"""Spaces: what a table, an index or a list of expiries has its rows in. Those without an owner are emptied bit by bit.

A table of a million items is gone at once: its rows belong to a space, and what a space without an owner holds is
deleted in portions, between which others write. Numbers of spaces are never used twice.
"""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "dynamodb.sweep"


def new(tx: Tx, owner: str, name: str) -> int:
    """An empty one, of the table with that TableId: for the index of that name, or for the table's own items."""
    return tx.insert("id", "INSERT INTO dynamodb_spaces(owner, name) VALUES (?, ?)", owner, name)


def leave(tx: Tx, space: int) -> None:
    """It is nobody's any more, and is being emptied: at once, or when nobody reads it any more."""
    tx.lock("dynamodb", "spaces", str(space))
    tx.run("UPDATE dynamodb_spaces SET gone = ? WHERE id = ?", tx.now, space)
    if not readers(tx, space):
        work.put(tx, KIND, {"space": space, "left": tx.now})


def hold(tx: Tx, space: int) -> None:
    """One more reads it: what is in it stays, even when it is nobody's any more."""
    tx.lock("dynamodb", "spaces", str(space))
    tx.run("UPDATE dynamodb_spaces SET readers = readers + 1 WHERE id = ?", space)


def release(tx: Tx, space: int) -> None:
    """One fewer reads it."""
    tx.lock("dynamodb", "spaces", str(space))
    tx.run("UPDATE dynamodb_spaces SET readers = readers - 1 WHERE id = ?", space)
    row = tx.one("SELECT gone FROM dynamodb_spaces WHERE id = ?", space)
    if row is not None and row["gone"] is not None:
        leave(tx, space)


def readers(tx: Tx, space: int) -> int:
    """How many read it."""
    row = tx.one("SELECT readers FROM dynamodb_spaces WHERE id = ?", space)
    return 0 if row is None else int(row["readers"])


def delete_some(tx: Tx, space: int) -> bool:
    """Less is in it. Whether there may be more."""
    tx.lock("dynamodb", "spaces", str(space))
    most = limits.DYNAMODB_SPACE_SWEPT_AT_ONCE
    gone = [
        tx.run(
            f"DELETE FROM {name} WHERE {column} = ? AND ({key}) IN"  # noqa: S608 - names of ours
            f" (SELECT {key} FROM {name} WHERE {column} = ? ORDER BY {key} LIMIT ?)",
            *(space, space, most),
        )
        for name, column, key in _HELD
    ]
    return most in gone


_HELD = (
    ("dynamodb_items", "space", "key"),
    ("dynamodb_expiries", "list", "key"),
    ("dynamodb_history", "space", "key, number"),
)
"""What has rows of a space: the table, its column of the space, and what names a row in it."""


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    """It is empty; and once more after a while, since on a cluster somebody may have been writing who still saw its
    owner."""
    space = item.body["space"]
    while await node.store.write(delete_some, space):
        pass  # portions, so that others can write between
    rested = item.body["left"] + limits.DYNAMODB_SPACE_RESTS_S
    if node.clock.now() < rested:
        return Again(rested)
    return Done(lambda tx: _forget(tx, space))


def _forget(tx: Tx, space: int) -> None:
    tx.lock("dynamodb", "spaces", str(space))
    for table, column in (("dynamodb_counts", "space"), ("dynamodb_spaces", "id")):
        tx.run(f"DELETE FROM {table} WHERE {column} = ?", space)  # noqa: S608 - names of ours


worker = Worker(KIND, _sweep, slots=2, is_lazy=True)
