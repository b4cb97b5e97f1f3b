"""A table as DescribeTable shows it, and as CreateTable, UpdateTable and DeleteTable answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful.services.dynamodb import items
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables.throughput import ON_DEMAND, decreases_today
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_AS_SET = (
    *("KeySchema", "AttributeDefinitions", "Replicas", "GlobalTableVersion", "DisassociationProtectionEnabled"),
    *("GlobalTableSettingsReplicationMode", "MultiRegionConsistency", "RestoreSummary", "ArchivalSummary"),
)
"""Members that are shown as the definition has them, where it has them."""


def described(tx: Tx, found: Table) -> shapes.TableDescription:
    """Counts and sizes are those of this moment, where DynamoDB tells those of some hours ago."""
    count, size = items.counted(tx, found.space)
    definition = found.definition
    shown: dict[str, Any] = {
        "TableName": found.name,
        "TableArn": found.arn,
        "TableId": found.id,
        "TableStatus": found.status,
        "CreationDateTime": found.created,
        "ItemCount": count,
        "TableSizeBytes": size,
        "DeletionProtectionEnabled": definition.get("DeletionProtectionEnabled", False),
        **_capacity(tx, definition),
        **{member: definition[member] for member in _AS_SET if member in definition},
        **_billing(definition),
        **_stream(found),
    }
    if "SSE" in definition:
        shown["SSEDescription"] = definition["SSE"]
    if "TableClass" in definition:
        shown["TableClassSummary"] = definition["TableClass"]
    for member, members in (("GlobalSecondaryIndexes", _global), ("LocalSecondaryIndexes", _local)):
        if definition.get(member):
            shown[member] = [members(tx, found, each) for each in definition[member]]
    return shown  # type: ignore[return-value] # its members are those of the shape


def new(description: shapes.TableDescription) -> shapes.TableDescription:
    """As CreateTable answers: what is only decided later is not there yet."""
    indexes: list[Any] = [
        {name: value for name, value in each.items() if name != "WarmThroughput"}
        for each in description.get("GlobalSecondaryIndexes") or ()
    ]
    shown: dict[str, Any] = {**description, **({"GlobalSecondaryIndexes": indexes} if indexes else {})}
    if "BillingModeSummary" in shown:
        shown["BillingModeSummary"] = {"BillingMode": ON_DEMAND}
    return shown  # type: ignore[return-value] # as above


def _capacity(tx: Tx, of: Mapping[str, Any]) -> dict[str, Any]:
    """Of a table or a global index."""
    provisioned = of["ProvisionedThroughput"]
    today = decreases_today(provisioned, tx.now)
    shown = {"ProvisionedThroughput": {**provisioned, "NumberOfDecreasesToday": today}}
    return {**shown, **{name: of[name] for name in ("OnDemandThroughput", "WarmThroughput") if name in of}}


def _billing(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Of a table that has always been provisioned nothing is said."""
    since = definition.get("LastUpdateToPayPerRequestDateTime")
    if since is None:
        return {}
    summary = {"BillingMode": definition["BillingMode"], "LastUpdateToPayPerRequestDateTime": since}
    return {"BillingModeSummary": summary}


def _stream(found: Table) -> dict[str, Any]:
    """The latest stream stays named when it was disabled."""
    stream = found.definition.get("Stream")
    if stream is None:
        return {}
    label = stream["Label"]
    shown: dict[str, Any] = {"LatestStreamLabel": label, "LatestStreamArn": f"{found.arn}/stream/{label}"}
    if stream["StreamEnabled"]:
        shown["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
    return shown


def _local(tx: Tx, found: Table, index: Mapping[str, Any]) -> dict[str, Any]:
    count, size = items.counted(tx, index["Space"])
    return {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
        "IndexSizeBytes": size,
        "ItemCount": count,
        "IndexArn": f"{found.arn}/index/{index['IndexName']}",
    }


def _global(tx: Tx, found: Table, index: Mapping[str, Any]) -> dict[str, Any]:
    states = {member: index[member] for member in ("IndexStatus", "Backfilling") if member in index}
    return {**_local(tx, found, index), **states, **_capacity(tx, index)}
