"""UpdateTimeToLive and DescribeTimeToLive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceInUseException, ValidationException
from wakeful.services.dynamodb.tables import expiries, ttl
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def update_time_to_live(call: Call, tx: Tx, request: shapes.UpdateTimeToLiveInput) -> shapes.UpdateTimeToLiveOutput:
    """It holds when it is answered, and may be changed again at once."""
    wanted = request["TimeToLiveSpecification"]
    arn = table.arn_of(call, request["TableName"])
    table.lock(tx, arn)
    found = table.find_any(tx, arn)
    for status, what in ((table.CREATING, "created"), (table.DELETING, "deleted")):
        if found.status == status:
            raise ResourceInUseException(
                f"Attempt to change a resource which is still in use: Table {found.name} is being {what}"
            )
    before = expiries.setting(found)
    if before is None and not wanted["Enabled"]:
        raise ValidationException("TimeToLive is already disabled")
    if before is not None and before["AttributeName"] != wanted["AttributeName"]:
        raise ValidationException(
            "TimeToLive is active on a different AttributeName: current AttributeName is " + before["AttributeName"]
        )
    if before is not None and wanted["Enabled"]:
        raise ValidationException("TimeToLive is already enabled")
    if wanted["Enabled"]:
        ttl.enable(tx, found, wanted["AttributeName"])
    else:
        ttl.disable(tx, found)
    return {"TimeToLiveSpecification": {"Enabled": wanted["Enabled"], "AttributeName": wanted["AttributeName"]}}


@api.reads
def describe_time_to_live(
    call: Call, tx: Tx, request: shapes.DescribeTimeToLiveInput
) -> shapes.DescribeTimeToLiveOutput:
    found = table.find_any(tx, table.arn_of(call, request["TableName"]))
    if found.status in (table.CREATING, table.DELETING):
        raise ValidationException(
            f"Cannot describe time to live while table is in {found.status} state: Current table state is"
            f" {found.status}"
        )
    there = expiries.setting(found)
    if there is None:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": there["AttributeName"]}}
