"""CreateTable and its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import ResourceInUseException
from wakeful.services.dynamodb.regions import replicas
from wakeful.services.dynamodb.tables import description, making, policies, states, tags, throughput, updates
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.writes
def create_table(call: Call, tx: Tx, request: shapes.CreateTableInput) -> shapes.CreateTableOutput:
    arn = table.arn_of(call, request["TableName"])
    made = making.definition_of(arn, request, tx.now)
    wanted = tags.of_new_table(request.get("Tags") or ())
    throughput.check_account(tx, arn, throughput.provisioned(made))
    found = making.insert(tx, arn, made, tags=wanted)
    if request.get("ResourcePolicy") is not None:
        policies.put(tx, call, arn, request["ResourcePolicy"], expected=None, is_lockout_meant=False)
    answer = description.new(description.described(tx, found))
    if request.get("WarmThroughput") is None:
        answer.pop("WarmThroughput")  # it is not there yet
    states.later(tx, found, {"settled": True})
    return {"TableDescription": answer}


@api.reads
def describe_table(call: Call, tx: Tx, request: shapes.DescribeTableInput) -> shapes.DescribeTableOutput:
    return {"Table": description.described(tx, table.find_any(tx, table.arn_of(call, request["TableName"])))}


@api.writes
def update_table(call: Call, tx: Tx, request: shapes.UpdateTableInput) -> shapes.UpdateTableOutput:
    arn = table.arn_of(call, request["TableName"])
    table.lock(tx, arn)
    if request.get("ReplicaUpdates"):
        return {"TableDescription": replicas.update(tx, call, table.find_any(tx, arn), request)}
    updates.check(request)
    return {"TableDescription": updates.update_everywhere(tx, table.find_any(tx, arn), request)}


@api.writes
def delete_table(call: Call, tx: Tx, request: shapes.DeleteTableInput) -> shapes.DeleteTableOutput:
    arn = table.arn_of(call, request["TableName"])
    table.lock(tx, arn)
    found = table.find_any(tx, arn)
    updates.check_is_idle(found)
    updates.check_is_unprotected(found)
    if any(index.status != table.ACTIVE for index in found.indexes):
        raise ResourceInUseException(
            "Attempt to change a resource which is still in use: Cannot delete table while indexes are being created,"
            " updated, or deleted."
        )
    found = table.save(tx, found, status=table.DELETING)
    answer = _deleting(description.described(tx, found))
    states.later(tx, found, {"gone": True})
    return {"TableDescription": answer}


@api.reads
def list_tables(call: Call, tx: Tx, request: shapes.ListTablesInput) -> shapes.ListTablesOutput:
    start = request.get("ExclusiveStartTableName")
    if start is not None:
        table.complain(
            [each.replace("'tableName'", "'exclusiveStartTableName'") for each in table.name_complaints(start)]
        )
    most = request.get("Limit", limits.DYNAMODB_TABLES_LISTED_MAX)
    rows = tx.all(
        "SELECT name FROM dynamodb_tables WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
        *(call.account, call.region, start or "", most + 1),
    )
    found = [row["name"] for row in rows]
    if len(found) <= most:
        return {"TableNames": found}
    return {"TableNames": found[:most], "LastEvaluatedTableName": found[most - 1]}


@api.reads
def describe_limits(call: Call, tx: Tx, request: shapes.DescribeLimitsInput) -> shapes.DescribeLimitsOutput:
    return {
        "AccountMaxReadCapacityUnits": limits.DYNAMODB_ACCOUNT_CAPACITY_MAX,
        "AccountMaxWriteCapacityUnits": limits.DYNAMODB_ACCOUNT_CAPACITY_MAX,
        "TableMaxReadCapacityUnits": limits.DYNAMODB_TABLE_CAPACITY_MAX,
        "TableMaxWriteCapacityUnits": limits.DYNAMODB_TABLE_CAPACITY_MAX,
    }


@api.reads
def describe_endpoints(
    call: Call, tx: Tx, request: shapes.DescribeEndpointsRequest
) -> shapes.DescribeEndpointsResponse:
    """The address that the client used: it is to come here again."""
    return {"Endpoints": [{"Address": call.endpoint.partition("://")[2], "CachePeriodInMinutes": 1440}]}


def _deleting(answer: shapes.TableDescription) -> Any:
    """Of a table that goes little more is told than that there was one."""
    told = (
        *("TableName", "TableArn", "TableId", "TableStatus", "ItemCount", "TableSizeBytes"),
        *("ProvisionedThroughput", "BillingModeSummary", "TableClassSummary", "DeletionProtectionEnabled"),
        *("LatestStreamArn", "LatestStreamLabel", "StreamSpecification"),
    )
    return {name: value for name, value in answer.items() if name in told}
