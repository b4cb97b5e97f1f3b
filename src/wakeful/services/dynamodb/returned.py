"""What answers show of items that were written: ReturnValues, and ReturnItemCollectionMetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wakeful.services.dynamodb import items, keys
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.documents import picked
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, answered
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.bound import Path
    from wakeful.services.dynamodb.writes import Outcome
    from wakeful.shapes import dynamodb as shapes

_GB = 1024**3


def check_values(request: Mapping[str, Any]) -> bool:
    """Whether a PutItem or DeleteItem wants to see what was there. Raises ValidationException."""
    wanted = request.get("ReturnValues", "NONE")
    if wanted not in ("NONE", "ALL_OLD"):
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE")
    return bool(wanted == "ALL_OLD")


def old(outcome: Outcome) -> Item | None:
    return None if outcome.was is None else answered(outcome.was.raw)


def updated(wanted: str, outcome: Outcome, paths: Sequence[Path]) -> Item | None:
    """The member Attributes of UpdateItem's answer; None where there is nothing to show."""
    if wanted == "ALL_OLD":
        return old(outcome)
    if wanted == "ALL_NEW":
        return outcome.after
    shown = outcome.before if wanted == "UPDATED_OLD" else outcome.after if wanted == "UPDATED_NEW" else None
    return (picked(shown, paths) or None) if shown is not None else None


def collection(tx: Tx, table: Table, item: Item) -> shapes.ItemCollectionMetrics | None:
    """How large the item's collection is, with all that local indexes show of it; None of a table that has none."""
    local = [index for index in table.indexes if not index.is_global]
    if not local:
        return None
    prefix = table.keys.partition_of(item)
    size = sum(
        items.bytes_between(tx, space, prefix, keys.after(prefix))
        for space in (table.space, *(index.space for index in local))
    )
    partition = table.keys.partition[0].name
    return {
        "ItemCollectionKey": {partition: item[partition]},
        "SizeEstimateRangeGB": [float(size // _GB), float(size // _GB + 1)],
    }
