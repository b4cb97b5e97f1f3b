"""Which rights a request to DynamoDB, or to its streams, needs ("Actions, resources, and condition keys for Amazon
DynamoDB").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from wakeful import names
from wakeful.fabric.service import Call, Need, Request
from wakeful.services.dynamodb import rights_context, table
from wakeful.services.dynamodb.partiql import rights
from wakeful.services.dynamodb.rights_context import Context
from wakeful.store.tx import Tx

_ON_EVERYTHING = frozenset(
    {
        *("DescribeEndpoints", "DescribeLimits", "ListTables", "ListBackups", "ListExports", "ListImports"),
        *("ListGlobalTables", "ListContributorInsights", "ListBulkOperations"),
    }
)
_BY_ARN = {
    "TagResource": "ResourceArn",
    "UntagResource": "ResourceArn",
    "ListTagsOfResource": "ResourceArn",
    "PutResourcePolicy": "ResourceArn",
    "GetResourcePolicy": "ResourceArn",
    "DeleteResourcePolicy": "ResourceArn",
    "DescribeBackup": "BackupArn",
    "DeleteBackup": "BackupArn",
    "DescribeExport": "ExportArn",
    "DescribeImport": "ImportArn",
    "ExportTableToPointInTime": "TableArn",
    "DescribeBulkOperation": "BulkOperationArn",
    "CancelBulkOperation": "BulkOperationArn",
}
_RESTORED = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
"""What whoever restores a table must be allowed on it, beside the restore itself."""

_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


_OF_OTHERS_TOO = frozenset(
    {
        *("DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem", "BatchGetItem", "BatchWriteItem"),
        *("TransactGetItems", "TransactWriteItems", "DeleteTable", "DescribeTable", "UpdateTable"),
        *("ListTagsOfResource", "TagResource", "UntagResource"),
    }
)
"""What a table's policy can let another account do; all else is its own account's, whatever the policy says ("DynamoDB
API operations supported by resource-based policies").
"""


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    is_owners = operation not in _OF_OTHERS_TOO
    for need in _needs(call, operation, request):
        yield replace(need, is_owners=True) if is_owners else need


def _needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    special = _SPECIAL.get(operation)
    if special is not None:
        yield from special(call, operation, request)
    elif operation in _ON_EVERYTHING:
        yield Need(f"dynamodb:{operation}", "*")
    elif operation in _BY_ARN:
        arn = request[_BY_ARN[operation]]
        yield Need(f"dynamodb:{operation}", arn, _tag_keys(request), known=partial(_tags, arn=arn))
    else:
        name = request.get("TableName") or request.get("GlobalTableName")
        yield Need(f"dynamodb:{operation}", "*") if name is None else _on(call, operation, name)


def stream_needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """Of the operations of DynamoDB Streams, whose actions are DynamoDB's."""
    if operation == "ListStreams":
        name = request.get("TableName")
        resource = "*" if name is None else f"{table.arn_of(call, name)}/stream/*"
    elif operation == "GetRecords":
        resource = request["ShardIterator"].partition("|")[0]
    else:
        resource = request["StreamArn"]
    yield Need(f"dynamodb:{operation}", resource if names.is_arn(resource) else "*")


# --- tables ----------------------------------------------------------------------------------------------------------


def _on(call: Call, action: str, name: str, context: Context | None = None) -> Need:
    arn = table.arn_of(call, name)
    return Need(f"dynamodb:{action}", arn, context or {}, known=partial(_tags, arn=arn))


def _create(call: Call, operation: str, request: Request) -> Iterator[Need]:
    yield _on(call, operation, request["TableName"], _tag_keys(request))
    if request.get("Tags"):
        yield _on(call, "TagResource", request["TableName"], _tag_keys(request))
    if request.get("ResourcePolicy") is not None:
        yield _on(call, "PutResourcePolicy", request["TableName"])


def _update(call: Call, operation: str, request: Request) -> Iterator[Need]:
    yield _on(call, operation, request["TableName"])
    for each in request.get("ReplicaUpdates") or ():
        for kind in ("Create", "Update", "Delete", "Disassociate"):
            if each.get(kind):
                arn = names.parse_arn(table.arn_of(call, request["TableName"]))
                action = "UpdateTable" if kind == "Update" else f"{kind}TableReplica"
                replica = f"arn:aws:dynamodb:{each[kind]['RegionName']}:{arn.account}:{arn.resource}"
                yield Need(f"dynamodb:{action}", replica)


def _restore(call: Call, operation: str, request: Request) -> Iterator[Need]:
    source = request.get("BackupArn") or request.get("SourceTableArn")
    if source is None:
        source = table.arn_of(call, request["SourceTableName"])
    yield Need(f"dynamodb:{operation}", source)
    for action in (operation, *_RESTORED):
        yield _on(call, action, request["TargetTableName"])


def _import(call: Call, operation: str, request: Request) -> Iterator[Need]:
    yield _on(call, operation, request["TableCreationParameters"]["TableName"])


def _to_kinesis(call: Call, operation: str, request: Request) -> Iterator[Need]:
    """Whoever sends a table's changes to a stream must be allowed to write there."""
    yield _on(call, operation, request["TableName"])
    if operation == "EnableKinesisStreamingDestination":
        for action in ("DescribeStream", "PutRecord", "PutRecords"):
            yield Need(f"kinesis:{action}", request["StreamArn"])


# --- items -----------------------------------------------------------------------------------------------------------


def _item(call: Call, operation: str, request: Request) -> Iterator[Need]:
    key = request.get("Item") or request.get("Key") or {}
    yield _of_items(call, operation, request["TableName"], request, [key])


def _many(call: Call, operation: str, request: Request) -> Iterator[Need]:
    for name, asked in request["RequestItems"].items():
        if operation == "BatchGetItem":
            yield _of_items(call, operation, name, {**asked, **_consumed(request)}, asked.get("Keys") or ())
        else:
            written = [
                each.get("PutRequest", {}).get("Item") or each.get("DeleteRequest", {}).get("Key") for each in asked
            ]
            items = [each for each in written if isinstance(each, Mapping)]
            yield _of_items(call, operation, name, {"Keys": items, **_consumed(request)}, items)


def _transaction(call: Call, operation: str, request: Request) -> Iterator[Need]:
    """A transaction has no action of its own; each of its parts has the one it would have alone."""
    for each in request["TransactItems"]:
        for kind, part in each.items():
            action = "GetItem" if kind == "Get" else _TRANSACTED[kind]
            key = part.get("Item") or part.get("Key") or {}
            asked = {**part, **_consumed(request)}
            yield _of_items(call, action, part["TableName"], asked, [key], enclosing=operation)


def _of_items(
    call: Call, action: str, name: str, request: Mapping[str, Any], items: Iterable[Any], enclosing: str = ""
) -> Need:
    arn = table.arn_of(call, name)
    known = partial(_known, arn=arn, action=action, request=request, keys=items, enclosing=enclosing)
    return Need(f"dynamodb:{action}", arn, known=known)


def _read(call: Call, operation: str, request: Request) -> Iterator[Need]:
    """Query and Scan: of an index, on the index."""
    arn, index = table.arn_of(call, request["TableName"]), request.get("IndexName")
    known = partial(_known, arn=arn, action=operation, request=request)
    yield Need(f"dynamodb:{operation}", f"{arn}/index/{index}" if index else arn, known=known)


def _consumed(request: Request) -> dict[str, Any]:
    return {name: request[name] for name in ("ReturnConsumedCapacity",) if name in request}


# --- PartiQL ---------------------------------------------------------------------------------------------------------


def _statements(call: Call, operation: str, request: Request) -> Iterator[Need]:
    """What every statement asks for, which is read as it is when it is carried out."""
    for each in request.get("Statements") or request.get("TransactStatements") or [request]:
        asked = rights.asked(each)
        if asked is None:
            yield Need(f"dynamodb:{operation}", "*")  # which will be said to be no statement
            continue
        arn = table.arn_of(call, asked.table)
        enclosing = "" if operation == "ExecuteStatement" else operation
        resource = f"{arn}/index/{asked.index}" if asked.index else arn
        yield Need(
            f"dynamodb:{asked.action}", resource, known=partial(_of_statement, asked=asked, arn=arn, of=enclosing)
        )


def _of_statement(tx: Tx, asked: rights.Asked, arn: str, of: str) -> Context:
    context = {**_tags(tx, arn), **asked.context(table.get(tx, arn))}
    return {**context, "dynamodb:EnclosingOperation": of} if of else context


# --- what conditions ask for -----------------------------------------------------------------------------------------


def _known(
    tx: Tx, arn: str, action: str, request: Mapping[str, Any], keys: Iterable[Any] = (), enclosing: str = ""
) -> Context:
    """What the request says of a table as it is."""
    return {**_tags(tx, arn), **rights_context.seen(table.get(tx, arn), action, request, keys, enclosing=enclosing)}


def _tags(tx: Tx, arn: str) -> Context:
    """The tags of the table that the ARN is of, or of something in."""
    found = table.get(tx, "/".join(arn.split("/")[:2]))
    return {} if found is None else {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}


def _tag_keys(request: Request) -> Context:
    tags = request.get("Tags") or ()
    found: Context = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    keys = [tag["Key"] for tag in tags] or list(request.get("TagKeys") or ())
    return {**found, "aws:TagKeys": keys} if keys else found


_SPECIAL: Mapping[str, Callable[[Call, str, Request], Iterator[Need]]] = {
    "CreateTable": _create,
    "UpdateTable": _update,
    "ImportTable": _import,
    **dict.fromkeys(("RestoreTableFromBackup", "RestoreTableToPointInTime"), _restore),
    **dict.fromkeys(
        tuple(f"{verb}KinesisStreamingDestination" for verb in ("Enable", "Disable", "Update")), _to_kinesis
    ),
    **dict.fromkeys(("GetItem", "PutItem", "UpdateItem", "DeleteItem"), _item),
    **dict.fromkeys(("BatchGetItem", "BatchWriteItem"), _many),
    **dict.fromkeys(("TransactGetItems", "TransactWriteItems"), _transaction),
    **dict.fromkeys(("Query", "Scan"), _read),
    **dict.fromkeys(("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"), _statements),
}
