"""CreateTable and its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wakeful import names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import items, stream_settings, table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceInUseException
from wakeful.services.dynamodb.table import Table
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def create_table(call: Call, tx: Tx, request: shapes.CreateTableInput) -> shapes.CreateTableOutput:
    arn = table.arn_of(call, request["TableName"])
    name = arn.rpartition("/")[2]
    tx.lock("dynamodb", arn)
    if table.get(tx, arn) is not None:
        raise ResourceInUseException(f"Table already exists: {name}")
    table_id = names.new_uuid()
    apart = ("TableName", "Tags", "StreamSpecification")
    definition: dict[str, Any] = {key: value for key, value in request.items() if key not in apart}
    specification = stream_settings.checked(request.get("StreamSpecification") or {}, on_creation=True)
    if specification.get("StreamEnabled"):
        definition["Stream"] = stream_settings.enable(tx, arn, definition, specification["StreamViewType"])
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for each in definition.get(kind, ()):
            each["Space"] = _space(tx, table_id, each["IndexName"])
            each["IndexStatus"] = table.ACTIVE
    tx.run(
        "INSERT INTO dynamodb_tables(arn, id, account, region, name, created, status, space, definition, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(arn, table_id, call.account, call.region, name, tx.now, table.ACTIVE, _space(tx, table_id, "")),
        *(orjson.dumps(definition), orjson.dumps({})),
    )
    tx.wake(table.CHANGED)
    return {"TableDescription": _described(tx, table.find(tx, arn))}


@api.reads
def describe_table(call: Call, tx: Tx, request: shapes.DescribeTableInput) -> shapes.DescribeTableOutput:
    return {"Table": _described(tx, table.find(tx, table.arn_of(call, request["TableName"])))}


def _space(tx: Tx, table_id: str, name: str) -> int:
    return tx.insert("id", "INSERT INTO dynamodb_spaces(owner, name) VALUES (?, ?)", table_id, name)


def _described(tx: Tx, found: Table) -> shapes.TableDescription:
    count, size = items.counted(tx, found.space)
    return {
        "TableName": found.name,
        "TableArn": found.arn,
        "TableId": found.id,
        "TableStatus": found.status,
        "CreationDateTime": found.created,
        "KeySchema": found.definition["KeySchema"],
        "AttributeDefinitions": found.definition["AttributeDefinitions"],
        "ItemCount": count,
        "TableSizeBytes": size,
        **stream_settings.described(found.arn, found.definition),  # type: ignore[typeddict-item] # members of it
    }
