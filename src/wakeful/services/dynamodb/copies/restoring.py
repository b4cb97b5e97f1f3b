"""A table is made again from what a space held at a moment: a backup, or another table's past.

The table is there at once and CREATING; its items come in portions, and then it is ACTIVE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, table
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.copies import filling, history
from wakeful.services.dynamodb.errors import LimitExceededException, ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import spaces
from wakeful.services.dynamodb.values import parsed
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

KIND = "dynamodb.restore"
"""The kind of work row that fills a restored table."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is restored: the space, at which moment (None: it does not change any more), as what table."""

    space: int
    definition: Mapping[str, Any]
    table_arn: str
    at: float | None = None
    backup_arn: str | None = None
    of_table: Table | None = None
    """The table whose past it is, where it still changes."""


def begin(tx: Tx, call: Call, request: Mapping[str, Any], source: Source) -> Table:
    """The table `TargetTableName` is there, and will be filled."""
    _check_others(tx, call)
    summary = {
        "SourceTableArn": source.table_arn,
        "RestoreDateTime": source.at if source.at is not None else tx.now,
        "RestoreInProgress": True,
    }
    if source.backup_arn is not None:
        summary["SourceBackupArn"] = source.backup_arn
    wanted = {"TableName": request["TargetTableName"], **_wanted(source.definition, request)}
    made = filling.create(tx, call, wanted, {"RestoreSummary": summary})
    if source.of_table is not None:
        history.begin(tx, source.of_table)
    else:
        spaces.hold(tx, source.space)
    body = {
        "target": made.arn,
        "into": made.space,
        "from": source.space,
        "at": source.at,
        "of": source.table_arn if source.of_table is not None else None,
        "low": "",
        "trace": [call.effects.id, call.effects.cause],
    }
    due = tx.now if source.at is None else max(tx.now, history.settled(tx, source.at))
    work.put(tx, KIND, body, due=due, name=f"{KIND} {made.arn}")
    return made


# --- below -----------------------------------------------------------------------------------------------------------

_KEPT = ("AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
"""What a restored table has of the other one's settings; streams, time to live, tags, policies, protection it has not,
and it is always of the standard class ("Restoring a DynamoDB table from a backup").
"""
_OF_INDEXES = ("IndexName", "KeySchema", "Projection", "OnDemandThroughput")


def _check_others(tx: Tx, call: Call) -> None:
    row = tx.one(
        "SELECT count(*) AS count FROM dynamodb_tables WHERE account = ? AND region = ? AND status = ?",
        *(call.account, call.region, table.CREATING),
    )
    if row is not None and row["count"] >= limits.DYNAMODB_RESTORES_AT_A_TIME:
        raise LimitExceededException(
            f"Subscriber limit exceeded: Only {limits.DYNAMODB_RESTORES_AT_A_TIME} restores can run simultaneously."
        )


def _wanted(definition: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """As CreateTable would be asked for the table."""
    if "VectorIndexOverride" in request:
        raise NotImplementedHere("Wakeful does not have VectorIndexOverride yet.")
    wanted = {name: definition[name] for name in _KEPT if name in definition}
    wanted |= _units(definition)
    for kind, override in (
        ("GlobalSecondaryIndexes", "GlobalSecondaryIndexOverride"),
        ("LocalSecondaryIndexes", "LocalSecondaryIndexOverride"),
    ):
        indexes = _indexes(definition.get(kind, ()), request.get(override), kind)
        if indexes:
            wanted[kind] = indexes
    _override_capacity(wanted, request)
    if "SSESpecificationOverride" in request:
        wanted["SSESpecification"] = request["SSESpecificationOverride"]
    elif "SSE" in definition:
        key = definition["SSE"]["KMSMasterKeyArn"]
        wanted["SSESpecification"] = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    used = {each["AttributeName"] for each in wanted["KeySchema"]}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        used.update(part["AttributeName"] for each in wanted.get(kind, ()) for part in each["KeySchema"])
    wanted["AttributeDefinitions"] = [
        each for each in definition["AttributeDefinitions"] if each["AttributeName"] in used
    ]
    return wanted


def _indexes(
    has: Sequence[Mapping[str, Any]], override: Sequence[Mapping[str, Any]] | None, kind: str
) -> list[dict[str, Any]]:
    own = [{name: each[name] for name in _OF_INDEXES if name in each} | _units(each) for each in has]
    if override is None:
        return own
    known = {each["IndexName"]: each for each in own}
    for each in override:
        same = known.get(each["IndexName"])
        if same is None or same["KeySchema"] != each["KeySchema"] or same["Projection"] != each["Projection"]:
            raise ValidationException(
                f"One or more parameter values were invalid: {kind} of the restored table must match those of the"
                f" source table: {each['IndexName']}"
            )
    return [dict(each) for each in override]


def _units(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a table or an index has provisioned, as CreateTable is told; nothing where it is paid by request."""
    provisioned = found.get("ProvisionedThroughput")
    if not provisioned or not provisioned.get("ReadCapacityUnits"):
        return {}
    units = {name: provisioned[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")}
    return {"ProvisionedThroughput": units}


def _override_capacity(wanted: dict[str, Any], request: Mapping[str, Any]) -> None:
    mode = request.get("BillingModeOverride")
    if mode is not None:
        wanted["BillingMode"] = mode
    if "ProvisionedThroughputOverride" in request:
        wanted["ProvisionedThroughput"] = request["ProvisionedThroughputOverride"]
    if "OnDemandThroughputOverride" in request:
        wanted["OnDemandThroughput"] = request["OnDemandThroughputOverride"]
    if wanted.get("BillingMode") == "PAY_PER_REQUEST":
        wanted.pop("ProvisionedThroughput", None)
        for each in wanted.get("GlobalSecondaryIndexes", ()):
            each.pop("ProvisionedThroughput", None)
    elif mode is not None and "OnDemandThroughputOverride" not in request:
        wanted.pop("OnDemandThroughput", None)


async def _carry_out(node: Node, item: work.Item) -> Done | Again:
    """One portion, in a transaction of its own. Done twice it is as good."""
    body: dict[str, Any] = item.body
    low = await node.store.write(_fill_some, body)
    if low is not None:
        return Again(node.clock.now(), {**body, "low": low.hex()})
    return Done(lambda tx: _end(tx, body))


def _fill_some(tx: Tx, body: dict[str, Any]) -> bytes | None:
    target = table.get(tx, body["target"])
    if target is None or target.space != body["into"]:
        return None  # it was deleted before it was there
    trace_id, cause = body["trace"]
    why = Cause(Trace(trace_id, cause))
    some = history.portion(tx, body["from"], bytes.fromhex(body["low"]), body["at"], limits.DYNAMODB_COPIED_AT_ONCE)
    for each in some.items:
        before = changes.locked(tx, target, each.key)
        changes.apply(tx, target, each.key, parsed(before) if before is not None else None, parsed(each.raw), why)
    return some.next


def _end(tx: Tx, body: dict[str, Any]) -> None:
    filling.finish(tx, body["target"], body["into"])
    if body["of"] is not None:
        history.end(tx, body["of"], body["from"])
    else:
        spaces.release(tx, body["from"])


worker = Worker(KIND, _carry_out, slots=limits.DYNAMODB_COPY_SLOTS)
