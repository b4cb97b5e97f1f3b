"""A new table: its definition from what a request says, and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import LimitExceededException, ResourceInUseException, ValidationException
from wakeful.services.dynamodb.streams import stream
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import definition, encryption, spaces, throughput
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

_LATER = ("VectorIndexes", "GlobalTableSourceArn", "GlobalTableSettingsReplicationMode")


def definition_of(arn: str, request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What the table will be, as CreateTable's members say; indexes have no spaces yet. Raises ValidationException."""
    for member in _LATER:
        if request.get(member) is not None:
            raise NotImplementedHere(f"Wakeful does not have {member} of CreateTable yet.")
    made: dict[str, Any] = throughput.of_new_table(request, now)
    definition.check(arn.rpartition("/")[2], request)
    made["AttributeDefinitions"] = definition.attributes(request["AttributeDefinitions"])
    made["KeySchema"] = request["KeySchema"]
    if request.get("GlobalSecondaryIndexes"):
        made["GlobalSecondaryIndexes"] = [
            global_index(each, made["BillingMode"], is_new_table=True) for each in request["GlobalSecondaryIndexes"]
        ]
    if request.get("LocalSecondaryIndexes"):
        made["LocalSecondaryIndexes"] = [_index(each) for each in request["LocalSecondaryIndexes"]]
    if request.get("DeletionProtectionEnabled"):
        made["DeletionProtectionEnabled"] = True
    if request.get("TableClass") is not None and request["TableClass"] != "STANDARD":
        made["TableClass"] = {"TableClass": request["TableClass"], "LastUpdateDateTime": now}
    sse = encryption.of_new_table(arn, request.get("SSESpecification"))
    if sse is not None:
        made["SSE"] = sse
    wanted = request.get("StreamSpecification")
    if wanted is not None and _is_streamed(wanted):
        made["Stream"] = streamed(wanted, None, now)
    return made


def global_index(wanted: Mapping[str, Any], mode: str, *, is_new_table: bool = False) -> dict[str, Any]:
    """The index as the definition has it, without its space. Raises ValidationException."""
    return {**_index(wanted), **throughput.of_new_index(wanted, mode, is_new_table=is_new_table)}


def _index(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IndexName": wanted["IndexName"],
        "KeySchema": wanted["KeySchema"],
        "Projection": definition.projection(wanted["Projection"]),
        "IndexStatus": table.CREATING,
    }


def streamed(wanted: Mapping[str, Any], before: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """The stream that begins now. Its label is the time, and no other of the table ever had it."""
    label = _label(now)
    if before is not None and label <= before["Label"]:
        label = _label(datetime.fromisoformat(f"{before['Label']}+00:00").timestamp() + 0.001)
    return {"StreamEnabled": True, "StreamViewType": wanted["StreamViewType"], "Label": label}


def insert(
    tx: Tx,
    arn: str,
    made: Mapping[str, Any],
    *,
    tags: Mapping[str, str] | None = None,
    status: str = table.CREATING,
) -> Table:
    """There is a table of that definition, empty, with spaces for itself and its indexes, and its stream where it has
    one. Raises ResourceInUseException where there is one of its name.
    """
    parsed = names.parse_arn(arn)
    table.lock(tx, arn)
    _check_is_free(tx, arn)
    table_id = names.new_uuid()
    with_spaces = dict(made)
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if made.get(kind):
            with_spaces[kind] = [{**each, "Space": spaces.new(tx, table_id, each["IndexName"])} for each in made[kind]]
    tx.run(
        "INSERT INTO dynamodb_tables(arn, id, account, region, name, created, status, space, definition, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, table_id, parsed.account, parsed.region, parsed.name, tx.now, status, spaces.new(tx, table_id, "")),
        *(orjson.dumps(with_spaces), orjson.dumps(dict(tags or {}))),
    )
    tx.wake(table.CHANGED)
    found = table.find_any(tx, arn)
    if found.stream_arn is not None:
        stream.enabled(tx, found)
    return found


def _check_is_free(tx: Tx, arn: str) -> None:
    there = table.get(tx, arn)
    if there is not None:
        if there.status == table.CREATING:
            raise ResourceInUseException(
                f"Attempt to change a resource which is still in use: Table is being created: {there.name}"
            )
        raise ResourceInUseException(f"Table already exists: {there.name}")
    parsed = names.parse_arn(arn)
    row = tx.one(
        "SELECT count(*) AS tables FROM dynamodb_tables WHERE account = ? AND region = ?", parsed.account, parsed.region
    )
    if row is not None and row["tables"] >= limits.DYNAMODB_TABLES_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: Number of tables exceeds the limit of {limits.DYNAMODB_TABLES_MAX}"
        )


def _is_streamed(wanted: Mapping[str, Any]) -> bool:
    if wanted["StreamEnabled"] and wanted.get("StreamViewType") is None:
        raise ValidationException(f"{INVALID}Table is being created with a stream enabled, UpdateViewType is required")
    if not wanted["StreamEnabled"] and wanted.get("StreamViewType") is not None:
        raise ValidationException(
            f"{INVALID}Table is being created with a stream disabled, UpdateViewType should not be specified"
        )
    return bool(wanted["StreamEnabled"])


def _label(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
