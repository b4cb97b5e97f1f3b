"""Tables that are made by a restore or an import: CREATING as long as they are filled, when nobody else sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table, table_operations
from wakeful.services.dynamodb.table import Table
from wakeful.store.tx import Tx


def create(tx: Tx, call: Call, wanted: Mapping[str, Any], also: Mapping[str, Any]) -> Table:
    """The table is there, CREATING and empty; its definition has `also`. Raises what CreateTable does."""
    table_operations.create_table(call, tx, wanted)  # type: ignore[arg-type] # as checked as a request is
    arn = table.arn_of(call, wanted["TableName"])
    made = table.find(tx, arn)
    _set(tx, made, table.CREATING, {**made.definition, **also})
    return table.find(tx, arn)


def finish(tx: Tx, arn: str, space: int) -> None:
    """The table, if it is still that one, is as any other."""
    tx.lock("dynamodb", arn)
    made = table.get(tx, arn)
    if made is None or made.space != space or made.status != table.CREATING:
        return
    definition = dict(made.definition)
    if "RestoreSummary" in definition:
        definition["RestoreSummary"] = {**definition["RestoreSummary"], "RestoreInProgress": False}
    _set(tx, made, table.ACTIVE, definition)


def _set(tx: Tx, made: Table, status: str, definition: Mapping[str, Any]) -> None:
    tx.run(
        "UPDATE dynamodb_tables SET status = ?, definition = ? WHERE arn = ?",
        status,
        orjson.dumps(definition),
        made.arn,
    )
    tx.wake(table.CHANGED)
