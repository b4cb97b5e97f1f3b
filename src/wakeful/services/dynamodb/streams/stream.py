"""A table's stream: every change of an item is an entry of a journal, in the same transaction ("Change data capture for
DynamoDB Streams").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wakeful.fabric import journal
from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.streams import stream_destinations, stream_settings
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.services.dynamodb.changes import Cause

_HASH_SHIFT = 128 - 8 * keys.HASH_BYTES


def change(tx: Tx, table: Table, key: bytes, before: Item | None, after: Item | None, cause: Cause) -> None:
    """The change stands in the table's stream, where it has one, and in the Kinesis stream that its changes go to."""
    definition = table.definition
    if (arn := table.stream_arn) is not None:
        _append(tx, arn, definition["Stream"]["StreamViewType"], table, key, before, after, cause)
    if "KinesisDestinations" in definition:
        stream_destinations.change(tx, table, key, before, after, cause)


def enabled(tx: Tx, table: Table) -> None:
    """The table has a new stream, whose label its definition has; whatever changes from now on is in it."""
    stream_settings.enable(tx, table)


def disabled(tx: Tx, table: Table) -> None:
    """The stream that the table has had takes no more, because it was switched off or the table is gone; what it has
    stays for as long as it would have.
    """
    assert table.stream_arn is not None
    stream_settings.disable(tx, table.stream_arn)


def _append(
    tx: Tx, arn: str, view: str, table: Table, key: bytes, before: Item | None, after: Item | None, cause: Cause
) -> None:
    # Items of a partition are in one shard: their keys begin with the same hash.
    place = journal.place(tx, arn, int.from_bytes(key[: keys.HASH_BYTES]) << _HASH_SHIFT)
    if place is None:
        return  # it was disabled after this transaction had read of it
    name = "MODIFY" if before is not None and after is not None else "INSERT" if after is not None else "REMOVE"
    item: Item = after if after is not None else before  # type: ignore[assignment] # one of them is there
    record: dict[str, Any] = {"Keys": {each.name: item[each.name] for each in table.keys.attributes}}
    if after is not None and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        record["NewImage"] = after
    if before is not None and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        record["OldImage"] = before
    record["StreamViewType"] = view
    written = {"eventName": name, "dynamodb": record}
    if cause.identity is not None:
        written["userIdentity"] = cause.identity
    body = orjson.dumps(written)
    journal.append(tx, place, body, cause.trace, size=len(body))
