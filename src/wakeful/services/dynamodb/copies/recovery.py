"""Point-in-time recovery: a table whose every moment of the last days can be had back ("Point-in-time backups for
DynamoDB").

It costs a table that has it one row for each change (`history.py`), and one that has not nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Worker
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.copies import backups, history
from wakeful.services.dynamodb.table import Table
from wakeful.store import work
from wakeful.store.tx import Tx

SWEEP = "dynamodb.recovery"


@dataclass(frozen=True, slots=True)
class Window:
    """Between which moments a table can be had back."""

    earliest: float
    latest: float
    days: int


def window(tx: Tx, found: Table) -> Window | None:
    """None where the table keeps none."""
    row = tx.one("SELECT space, since, days FROM dynamodb_recovery WHERE arn = ?", found.arn)
    if row is None or row["space"] != found.space:
        return None
    earliest = max(row["since"], tx.now - row["days"] * 86400)
    return Window(earliest, max(tx.now, earliest), row["days"])


def switch(tx: Tx, found: Table, *, on: bool, days: int) -> None:
    """From now on every moment of the table can be had back; or none. Whoever calls has locked the table."""
    has = window(tx, found)
    if on and has is None:
        history.begin(tx, found)
        tx.run(
            "INSERT INTO dynamodb_recovery(arn, space, since, days) VALUES (?, ?, ?, ?)",
            *(found.arn, found.space, history.moment(tx), days),
        )
    elif on and has is not None:  # what fewer days let go of is gone, however many there are to be from now on
        tx.run("UPDATE dynamodb_recovery SET since = ?, days = ? WHERE arn = ?", has.earliest, days, found.arn)
    elif has is not None:
        tx.run("DELETE FROM dynamodb_recovery WHERE arn = ?", found.arn)
        history.end(tx, found.arn, found.space)


def deleted(tx: Tx, found: Table) -> None:
    """The table is about to go. Where every moment of it could be had back, its last one still can."""
    if window(tx, found) is not None:
        backups.of_deleted(tx, found)
        switch(tx, found, on=False, days=0)


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    """What is longer ago than anybody may ask for is forgotten."""
    await node.store.write(_forget_what_is_old)
    return Again(node.clock.now() + limits.SWEEP_S)


def _forget_what_is_old(tx: Tx) -> None:
    for row in tx.all("SELECT * FROM dynamodb_recovery"):
        found = table.get(tx, row["arn"])
        if found is not None and found.history == 1:  # a copy that is under way may need what is about to be too old
            history.forget(tx, row["space"], before=tx.now - row["days"] * 86400)


def first(tx: Tx) -> None:
    work.ensure(tx, SWEEP, SWEEP, {}, due=tx.now + limits.SWEEP_S)


worker = Worker(SWEEP, _sweep, slots=1, is_lazy=True)
