"""Rows of items: what is under a key, and what lies between two keys. Of tables and of indexes alike."""

from __future__ import annotations

from typing import NamedTuple

from wakeful.services.dynamodb.values import Item, parsed
from wakeful.store.tx import Tx


class Stored(NamedTuple):
    """A row. (A page has hundreds: a tuple is made in a third of the time of a dataclass.)"""

    key: bytes
    raw: bytes
    """JSON, as the API has it."""
    size: int
    """Bytes, as DynamoDB counts them."""

    @property
    def item(self) -> Item:
        """Read anew every time."""
        return parsed(self.raw)


def get(tx: Tx, space: int, key: bytes) -> bytes | None:
    """The item's JSON; None where there is none."""
    row = tx.one("SELECT item FROM dynamodb_items WHERE space = ? AND key = ?", space, key)
    return None if row is None else row["item"]


def stored(tx: Tx, space: int, key: bytes) -> Stored | None:
    """The same with its size."""
    row = tx.one("SELECT size, item FROM dynamodb_items WHERE space = ? AND key = ?", space, key)
    return None if row is None else Stored(key, row["item"], row["size"])


def size(tx: Tx, space: int, key: bytes) -> int | None:
    """Only its size; None where there is no item."""
    row = tx.one("SELECT size FROM dynamodb_items WHERE space = ? AND key = ?", space, key)
    return None if row is None else row["size"]


def between(tx: Tx, space: int, low: bytes, high: bytes, count: int, *, backwards: bool = False) -> list[Stored]:
    """Up to `count` items with keys from `low` on and before `high`; the other way round where `backwards`."""
    order = "DESC" if backwards else "ASC"
    rows = tx.all(
        "SELECT key, size, item FROM dynamodb_items WHERE space = ? AND key >= ? AND key < ?"  # noqa: S608 - words of ours
        f" ORDER BY key {order} LIMIT ?",
        *(space, low, high, count),
    )
    return [Stored(bytes(row["key"]), row["item"], row["size"]) for row in rows]


def bytes_between(tx: Tx, space: int, low: bytes, high: bytes) -> int:
    """How many bytes the items between two keys have, as DynamoDB counts them."""
    row = tx.one(
        "SELECT sum(size) AS bytes FROM dynamodb_items WHERE space = ? AND key >= ? AND key < ?", space, low, high
    )
    return int((row["bytes"] if row is not None else None) or 0)


def put(tx: Tx, space: int, key: bytes, raw: bytes, size: int, *, grown: tuple[int, int]) -> None:
    """The item is there. `grown` is by how many items and bytes the space has more now."""
    tx.lock("dynamodb", "space", str(space), key.hex())
    tx.run(
        "INSERT INTO dynamodb_items(space, key, size, item) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(space, key) DO UPDATE SET size = excluded.size, item = excluded.item",
        *(space, key, size, raw),
    )
    _grow(tx, space, grown)


def delete(tx: Tx, space: int, key: bytes, *, grown: tuple[int, int]) -> None:
    tx.lock("dynamodb", "space", str(space), key.hex())
    tx.run("DELETE FROM dynamodb_items WHERE space = ? AND key = ?", space, key)
    _grow(tx, space, grown)


def counted(tx: Tx, space: int) -> tuple[int, int]:
    """How many items there are, and how many bytes they have as DynamoDB counts them."""
    row = tx.one("SELECT sum(items) AS items, sum(bytes) AS bytes FROM dynamodb_counts WHERE space = ?", space)
    return (int(row["items"] or 0), int(row["bytes"] or 0)) if row is not None else (0, 0)


def _grow(tx: Tx, space: int, grown: tuple[int, int]) -> None:
    if grown != (0, 0):
        tx.add(
            "INSERT INTO dynamodb_counts(space, lane, items, bytes) VALUES (?, ?, ?, ?)"
            " ON CONFLICT(space, lane) DO UPDATE SET items = dynamodb_counts.items + excluded.items,"
            " bytes = dynamodb_counts.bytes + excluded.bytes",
            (space, tx.lane),
            grown,
        )
