"""Who still reads a space: as long as anybody does, what is in it stays, even when it is nobody's any more."""

from __future__ import annotations

from wakeful.store.tx import Tx


def hold(tx: Tx, space: int) -> None:
    """One more reads it."""
    _change(tx, space, 1)


def release(tx: Tx, space: int) -> None:
    """One fewer reads it."""
    _change(tx, space, -1)


def count(tx: Tx, space: int) -> int:
    row = tx.one("SELECT readers FROM dynamodb_spaces WHERE id = ?", space)
    return 0 if row is None else int(row["readers"])


def _change(tx: Tx, space: int, more: int) -> None:
    tx.lock("dynamodb", "spaces", str(space))
    tx.run("UPDATE dynamodb_spaces SET readers = readers + ? WHERE id = ?", more, space)
