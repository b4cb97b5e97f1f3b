"""Auto scaling of the regions of a global table: settings that are kept and shown. Nothing here scales by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.regions import group
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import updates
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.services.dynamodb.tables.throughput import PROVISIONED
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_READ, _WRITE = "Read", "Write"


@api.reads
def describe_table_replica_auto_scaling(
    call: Call, tx: Tx, request: shapes.DescribeTableReplicaAutoScalingInput
) -> shapes.DescribeTableReplicaAutoScalingOutput:
    found = table.find_any(tx, table.arn_of(call, request["TableName"]))
    return {"TableAutoScalingDescription": _described(tx, found)}


@api.writes
def update_table_replica_auto_scaling(
    call: Call, tx: Tx, request: shapes.UpdateTableReplicaAutoScalingInput
) -> shapes.UpdateTableReplicaAutoScalingOutput:
    """How writes scale is the same in every region, how reads do each has for itself."""
    arn = table.arn_of(call, request["TableName"])
    table.lock(tx, arn)
    found = table.find_any(tx, arn)
    updates.check_is_idle(found)
    if found.definition["BillingMode"] != PROVISIONED:
        raise ValidationException(
            f"{INVALID}Auto scaling settings can only be specified when BillingMode is {PROVISIONED}"
        )
    members = {each.region: each for each in (found, *group.others(tx, found))}
    for region, index, kind, wanted in _changes(request, list(members)):
        member = members.get(region)
        if member is None:
            raise ValidationException(f"{INVALID}Replica not found in the Region: {region}")
        table.lock(tx, member.arn)
        members[region] = _set(tx, member, index, kind, wanted)
    return {"TableAutoScalingDescription": _described(tx, members[found.region])}


# --- below -----------------------------------------------------------------------------------------------------------


def _changes(
    request: Mapping[str, Any], regions: list[str]
) -> Iterator[tuple[str, str | None, str, Mapping[str, Any]]]:
    """Which region, which index (None: the table itself), reads or writes, and what is wanted."""
    for region in regions:
        if "ProvisionedWriteCapacityAutoScalingUpdate" in request:
            yield region, None, _WRITE, request["ProvisionedWriteCapacityAutoScalingUpdate"]
        for each in request.get("GlobalSecondaryIndexUpdates", ()):
            if "ProvisionedWriteCapacityAutoScalingUpdate" in each:
                yield region, each.get("IndexName", ""), _WRITE, each["ProvisionedWriteCapacityAutoScalingUpdate"]
    for replica in request.get("ReplicaUpdates", ()):
        region = replica["RegionName"]
        if "ReplicaProvisionedReadCapacityAutoScalingUpdate" in replica:
            yield region, None, _READ, replica["ReplicaProvisionedReadCapacityAutoScalingUpdate"]
        for each in replica.get("ReplicaGlobalSecondaryIndexUpdates", ()):
            if "ProvisionedReadCapacityAutoScalingUpdate" in each:
                yield region, each.get("IndexName", ""), _READ, each["ProvisionedReadCapacityAutoScalingUpdate"]


def _set(tx: Tx, found: Table, index: str | None, kind: str, wanted: Mapping[str, Any]) -> Table:
    has: dict[str, Any] = dict(found.definition.get("AutoScaling", {}))
    if index is None:
        has[kind] = _settings(found, kind, f"table/{found.name}", wanted, has.get(kind, {}))
    else:
        there = found.index(index)
        if there is None or not there.is_global:
            raise ValidationException(f"{INVALID}The table does not have the specified index: {index}")
        indexes = dict(has.get("Indexes", {}))
        before = indexes.get(index, {})
        name = f"table/{found.name}/index/{index}"
        indexes[index] = {**before, kind: _settings(found, kind, name, wanted, before.get(kind, {}))}
        has["Indexes"] = indexes
    return table.save(tx, found, definition={**found.definition, "AutoScaling": has})


def _settings(
    found: Table, kind: str, resource: str, wanted: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """As the description has them. What is not said stays as it was."""
    if wanted.get("AutoScalingDisabled"):
        return {"AutoScalingDisabled": True}
    role = (
        f"arn:aws:iam::{found.account}:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
    )
    after = {"AutoScalingRoleArn": role, **before, "AutoScalingDisabled": False}
    after |= {name: wanted[name] for name in ("MinimumUnits", "MaximumUnits", "AutoScalingRoleArn") if name in wanted}
    for member in ("MinimumUnits", "MaximumUnits"):
        if member not in after:
            raise ValidationException(f"{INVALID}{member} must be specified to enable auto scaling")
    if after["MinimumUnits"] > after["MaximumUnits"]:
        raise ValidationException(f"{INVALID}MinimumUnits must not be greater than MaximumUnits")
    if "ScalingPolicyUpdate" in wanted:
        policy = {"PolicyName": f"DynamoDB{kind}CapacityUtilization:{resource}", **wanted["ScalingPolicyUpdate"]}
        after["ScalingPolicies"] = [policy]
    return after


def _described(tx: Tx, found: Table) -> Any:
    members = sorted((found, *group.others(tx, found)), key=lambda each: each.region)
    return {
        "TableName": found.name,
        "TableStatus": found.status,
        "Replicas": [_replica(each) for each in members],
    }


def _replica(found: Table) -> dict[str, Any]:
    has = found.definition.get("AutoScaling", {})
    told: dict[str, Any] = {"RegionName": found.region, "ReplicaStatus": found.status}
    for kind in (_READ, _WRITE):
        if kind in has:
            told[f"ReplicaProvisioned{kind}CapacityAutoScalingSettings"] = has[kind]
    told["GlobalSecondaryIndexes"] = [
        {
            "IndexName": index.name,
            "IndexStatus": index.status,
            **{
                f"Provisioned{kind}CapacityAutoScalingSettings": settings
                for kind, settings in has.get("Indexes", {}).get(index.name, {}).items()
            },
        }
        for index in found.indexes
        if index.is_global
    ]
    return told
