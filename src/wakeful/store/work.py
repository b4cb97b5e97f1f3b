"""Durable work: rows that say what must still be done, when, and for the how-manieth time. Rows are the only timer.

A worker claims a row before it does the work; the claim counts as an attempt and stands as long as the claimer's node
lives. It does not lapse by time: moving the clock must not make running work run twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful.store.tx import Row, Tx

SCHEMA = """
CREATE TABLE IF NOT EXISTS work_items(
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: a finished row must not finish its successor
    kind     TEXT NOT NULL,
    name     TEXT UNIQUE,              -- where at most one such row may exist: a timer, a sweep
    due      REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    holder   TEXT,                     -- the node that is at it
    body     BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS work_items_due ON work_items(kind, due, id) WHERE holder IS NULL;
CREATE INDEX IF NOT EXISTS work_items_holder ON work_items(holder) WHERE holder IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One claimed row. `attempts` counts this one."""

    id: int
    kind: str
    name: str | None
    due: float
    attempts: int
    body: Any


def put(tx: Tx, kind: str, body: Any, *, due: float | None = None, name: str | None = None) -> None:
    """A row of this kind is there. With a `name` it takes the place of the one that had it, even one being done."""
    if name is not None:
        drop(tx, name)
    _insert(tx, kind, name, due, body)


def ensure(tx: Tx, kind: str, name: str, body: Any, *, due: float | None = None) -> None:
    """A row of that name is there; if it was already, it stays as it is."""
    tx.lock("work", name)
    if tx.one("SELECT 1 FROM work_items WHERE name = ?", name) is None:
        _insert(tx, kind, name, due, body)


def drop(tx: Tx, name: str) -> None:
    """No row of that name is left."""
    tx.lock("work", name)
    tx.run("DELETE FROM work_items WHERE name = ?", name)


def claim(tx: Tx, kind: str, count: int, holder: str) -> list[Item]:
    """Up to `count` due rows, now held by `holder`, the longest due first."""
    tx.lock("work", kind)
    rows = tx.all(
        "UPDATE work_items SET attempts = attempts + 1, holder = ? WHERE id IN (SELECT id FROM work_items"
        " WHERE kind = ? AND holder IS NULL AND due <= ? ORDER BY due, id LIMIT ?) RETURNING *",
        holder,
        kind,
        tx.now,
        count,
    )
    return sorted(map(_item, rows), key=lambda item: (item.due, item.id))


def finish(tx: Tx, item: Item) -> bool:
    """The work is done; its row is gone, unless it was replaced meanwhile.

    False where another node was given it meanwhile: its outcome will count, and this one must not.
    """
    tx.lock("work", str(item.id))
    if tx.run("DELETE FROM work_items WHERE id = ? AND attempts = ?", item.id, item.attempts):
        return True
    return tx.one("SELECT 1 FROM work_items WHERE id = ?", item.id) is None


def is_held(tx: Tx, item: Item) -> bool:
    """Whether the work still is this claim's: nobody was given it since, and nothing took its place."""
    row = tx.one(
        "SELECT 1 FROM work_items WHERE id = ? AND attempts = ? AND holder IS NOT NULL", item.id, item.attempts
    )
    return row is not None


def again(tx: Tx, item: Item, due: float, body: Any = None) -> None:
    """The work is to be done once more, at `due`; with another `body`, where one is given.

    Unless another node was given it meanwhile: every claim counts one more attempt.
    """
    tx.lock("work", str(item.id))
    kept = orjson.dumps(item.body if body is None else body)
    tx.run(
        "UPDATE work_items SET due = ?, holder = NULL, body = ? WHERE id = ? AND attempts = ?",
        *(due, kept, item.id, item.attempts),
    )
    tx.wake(wake_name(item.kind))


def next_due(tx: Tx, kind: str | None = None) -> float | None:
    """When the next unclaimed row (of this kind) is due; None where there is none."""
    row = (
        tx.one("SELECT min(due) AS due FROM work_items WHERE holder IS NULL")
        if kind is None
        else tx.one("SELECT min(due) AS due FROM work_items WHERE kind = ? AND holder IS NULL", kind)
    )
    return None if row is None or row["due"] is None else float(row["due"])


def held_by(tx: Tx, holder: str) -> int:
    """How many rows `holder` is at."""
    row = tx.one("SELECT count(*) AS held FROM work_items WHERE holder = ?", holder)
    return int(row["held"]) if row else 0


def give_back(tx: Tx, kind: str, holder: str, but: Collection[int]) -> None:
    """Rows of this kind that `holder` has claimed are free again, `but` those it is at."""
    tx.lock("work", kind)
    for row in tx.all("SELECT id FROM work_items WHERE holder = ? AND kind = ?", holder, kind):
        if row["id"] not in but:
            tx.run("UPDATE work_items SET holder = NULL WHERE id = ?", row["id"])
            tx.wake(wake_name(kind))


def re_enter(tx: Tx, alive: Iterable[str]) -> int:
    """Rows held by a node that is no longer among the `alive` are free again; their number."""
    tx.lock("work", "re-enter")
    living = set(alive)
    holders = {row["holder"] for row in tx.all("SELECT DISTINCT holder FROM work_items WHERE holder IS NOT NULL")}
    freed = 0
    for holder in holders - living:
        for row in tx.all("UPDATE work_items SET holder = NULL WHERE holder = ? RETURNING kind", holder):
            tx.wake(wake_name(row["kind"]))
            freed += 1
    return freed


def _insert(tx: Tx, kind: str, name: str | None, due: float | None, body: Any) -> None:
    tx.run(
        "INSERT INTO work_items(kind, name, due, body) VALUES (?, ?, ?, ?)",
        kind,
        name,
        tx.now if due is None else due,
        orjson.dumps(body),
    )
    tx.wake(wake_name(kind))


def wake_name(kind: str) -> str:
    return f"work.{kind}"


def _item(row: Row) -> Item:
    return Item(row["id"], row["kind"], row["name"], row["due"], row["attempts"], orjson.loads(row["body"]))
