"""Tables that are made by a restore or an import: CREATING as long as they are filled, when nobody else sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import making, states, throughput
from wakeful.services.dynamodb.tables.states import Then
from wakeful.store.tx import Tx


def create(tx: Tx, call: Call, wanted: Mapping[str, Any], also: Mapping[str, Any]) -> Table:
    """The table is there, CREATING and empty; its definition has `also`. Raises what CreateTable does."""
    arn = table.arn_of(call, wanted["TableName"])
    made = {**making.definition_of(arn, wanted, tx.now), **also}
    throughput.check_account(tx, arn, throughput.provisioned(made))
    return making.insert(tx, arn, made)


def finish(tx: Tx, arn: str, space: int) -> None:
    """The table, if it is still that one, is as any other."""
    table.lock(tx, arn)
    made = table.get(tx, arn)
    if made is None or made.space != space or made.status != table.CREATING:
        return
    then: Then = {"settled": True}
    if "RestoreSummary" in made.definition:
        then["set"] = {"RestoreSummary": {**made.definition["RestoreSummary"], "RestoreInProgress": False}}
    states.later(tx, made, then)
