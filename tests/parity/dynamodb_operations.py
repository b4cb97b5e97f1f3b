"""Random operations on DynamoDB, the same for the same seed: right ones, and wrong ones as people write them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from tests.parity import dynamodb_legacy as legacy
from tests.parity.dynamodb_statements import Statement
from tests.parity.dynamodb_tables import INDEX_KEYS, KEYS, LATER, TABLES
from tests.parity.dynamodb_writer import Request, Slips, Writer

LOOKED_AT = 100
"""After so many operations all items and all streams' records are looked at."""


def operations(seed: int, count: int, mistakes: float = 0.03) -> Iterator[tuple[str, Request]]:
    """So many operations on the tables, which are made first; among them, looks at all that is there."""
    pick = random.Random(seed)
    for name, definition in TABLES.items():
        yield "CreateTable", {"TableName": name, **definition}
    makers = list(_MAKERS)
    weights = [_MAKERS[each][0] for each in makers]
    for number in range(count):
        name = pick.choices(makers, weights)[0]
        writer = Writer(pick, Slips(pick, mistakes if pick.random() < 0.5 else 0.0))
        request = _MAKERS[name][1](writer, pick.choice(list(TABLES)))
        if name not in _WITHOUT_UNITS and writer.seldom():
            request["ReturnConsumedCapacity"] = pick.choice(("TOTAL", "INDEXES", "NONE"))
        yield name, request
        yield from _looked_after(name, request)
        if (number + 1) % LOOKED_AT == 0:
            yield from looks()


def _looked_after(operation: str, request: Request) -> Iterator[tuple[str, Request]]:
    """Whether an update that takes away has made an item, which no answer may have told."""
    updates = [each["Update"] for each in request.get("TransactItems", ()) if "Update" in each]
    for update in [request] if operation == "UpdateItem" else updates:
        if _is_only_taking_away(update):
            yield "GetItem", {"TableName": update["TableName"], "Key": update["Key"]}


def _is_only_taking_away(update: Request) -> bool:
    actions = [each.get("Action") for each in update.get("AttributeUpdates", {}).values()]
    text = update.get("UpdateExpression", "SET ")
    return set(actions) == {"DELETE"} or not re.search(r"\b(SET|ADD)\b", text)


def looks() -> Iterator[tuple[str, Request]]:
    """What tells all that is in the tables and their streams."""
    for table in TABLES:
        yield "ScanToTheEnd", {"TableName": table}
        yield "Records", {"TableName": table}


def _put(write: Writer, table: str) -> Request:
    request = {"TableName": table, "Item": write.item(table), "ReturnValues": write.one(("NONE", "ALL_OLD"))}
    if write.one((True, False, False)):
        request["ConditionExpression"] = write.condition()
    elif write.seldom():
        request.update(legacy.expected(write))
    return write.told(request)


def _get(write: Writer, table: str) -> Request:
    request: Request = {"TableName": table, "Key": write.key(table), "ConsistentRead": write.one((True, False))}
    if write.one((True, False)):
        request["ProjectionExpression"] = write.projection()
    elif write.seldom():
        request.update(legacy.attributes_to_get(write))
    return write.told(request)


def _update(write: Writer, table: str) -> Request:
    returned = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    request = {"TableName": table, "Key": write.key(table), "ReturnValues": write.one(returned)}
    if write.seldom():
        request.update(legacy.attribute_updates(write))
        if write.seldom():
            request.update(legacy.expected(write))
        return request
    request["UpdateExpression"] = write.update()
    if write.one((True, False, False)):
        request["ConditionExpression"] = write.condition()
    return write.told(request)


def _delete(write: Writer, table: str) -> Request:
    request = {"TableName": table, "Key": write.key(table), "ReturnValues": write.one(("NONE", "ALL_OLD"))}
    if write.one((True, False)):
        request["ConditionExpression"] = write.condition()
        request["ReturnValuesOnConditionCheckFailure"] = write.one(("NONE", "ALL_OLD"))
    return write.told(request)


def _query(write: Writer, table: str) -> Request:
    request: Request = {"TableName": table, "ScanIndexForward": write.one((True, False))}
    keys = KEYS[table]
    if table == "ranged" and write.one((True, False)):
        request["IndexName"] = write.one(list(INDEX_KEYS))
        keys = INDEX_KEYS[request["IndexName"]]
    if write.seldom():
        request.update(legacy.key_conditions(write, keys))
        if write.one((True, False)):
            request.update(legacy.filtered(write, "QueryFilter"))
        return request
    request["KeyConditionExpression"] = write.key_condition(keys)
    return _read(write, request)


def _scan(write: Writer, table: str) -> Request:
    request: Request = {"TableName": table}
    if table == "ranged" and write.seldom():
        request["IndexName"] = write.one(list(INDEX_KEYS))
    if write.seldom():
        request.update(legacy.filtered(write, "ScanFilter"))
        if write.one((True, False)):
            request.update(legacy.attributes_to_get(write))
        return request
    return _read(write, request)


def _paged(read: Callable[[Writer, str], Request]) -> Callable[[Writer, str], Request]:
    def paged(write: Writer, table: str) -> Request:
        return {**read(write, table), "Limit": write.one((1, 2, 3, 5))}

    return paged


def _segmented(write: Writer, table: str) -> Request:
    request = _paged(_scan)(write, table)
    if write.one((True, False)):
        request["TotalSegments"] = write.one((1, 2, 3, 7))
    return request


def _read(write: Writer, request: Request) -> Request:
    if write.one((True, False)):
        request["FilterExpression"] = write.condition()
    if write.one((True, False, False)):
        request["ProjectionExpression"] = write.projection()
    elif write.one((True, False, False)):
        request["Select"] = write.one(("COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"))
    return write.told(request)


def _batch_write(write: Writer, table: str) -> Request:
    kinds: list[Callable[[], Request]] = [
        lambda: {"PutRequest": {"Item": write.item(table)}},
        lambda: {"DeleteRequest": {"Key": write.key(table)}},
    ]
    return {"RequestItems": {table: [write.one(kinds)() for _ in range(write.one((1, 2, 3)))]}}


def _batch_get(write: Writer, table: str) -> Request:
    asked: Request = {"Keys": [write.key(table) for _ in range(write.one((1, 2, 3)))]}
    if write.one((True, False)):
        asked["ProjectionExpression"] = write.projection()
        if write.names:
            asked["ExpressionAttributeNames"] = write.names
    return {"RequestItems": {table: asked}}


def _transact_write(write: Writer, table: str) -> Request:
    return {"TransactItems": [_step(write) for _ in range(write.one((1, 2, 3)))]}


def _step(outer: Writer) -> Request:
    write = outer.another()
    table = write.one(list(TABLES))
    kind = write.one(("Put", "Update", "Delete", "ConditionCheck"))
    step: Request = {"TableName": table}
    step.update({"Item": write.item(table)} if kind == "Put" else {"Key": write.key(table)})
    if kind == "Update":
        step["UpdateExpression"] = write.update()
    if kind == "ConditionCheck" or write.one((True, False, False)):
        step["ConditionExpression"] = write.condition()
        step["ReturnValuesOnConditionCheckFailure"] = write.one(("NONE", "ALL_OLD"))
    return {kind: write.told(step)}


def _transact_get(write: Writer, table: str) -> Request:
    return {"TransactItems": [{"Get": _got(write, table)} for _ in range(write.one((1, 2)))]}


def _got(outer: Writer, table: str) -> Request:
    write = outer.another()
    request: Request = {"TableName": table, "Key": write.key(table)}
    if write.seldom():
        request["ProjectionExpression"] = write.projection()
    return write.told(request)


def _statement(write: Writer, table: str) -> Request:
    one = Statement(write, table)
    return write.one((one.select, one.change))()  # type: ignore[no-any-return]


def _paged_statement(write: Writer, table: str) -> Request:
    return {**Statement(write, table).select(), "Limit": write.one((1, 2, 3))}


def _batch_statement(write: Writer, table: str) -> Request:
    reads = write.one((True, False))
    return {"Statements": [_batched(write, reads) for _ in range(write.one((1, 2, 3)))]}


def _batched(write: Writer, reads: bool) -> Request:
    one = Statement(write.another(), write.one(list(TABLES)))
    return one.select() if reads else one.change()


def _transaction(write: Writer, table: str) -> Request:
    return {"TransactStatements": [_transacted(write) for _ in range(write.one((1, 2, 3)))]}


def _transacted(write: Writer) -> Request:
    one = Statement(write.another(), write.one(list(TABLES)))
    return write.one((one.change, one.change, one.exists))()  # type: ignore[no-any-return]


def _change_table(write: Writer, table: str) -> Request:
    """The index that comes and goes does so."""
    name = write.one(("simple", "ranged"))
    if write.one((True, False)):
        return {"TableName": name, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": LATER["IndexName"]}}]}
    defined = [*TABLES[name]["AttributeDefinitions"], {"AttributeName": "d", "AttributeType": "S"}]
    made = [{"Create": LATER}]
    return {"TableName": name, "AttributeDefinitions": defined, "GlobalSecondaryIndexUpdates": made}


_MAKERS: dict[str, tuple[float, Callable[[Writer, str], Request]]] = {
    "PutItem": (25, _put),
    "UpdateItem": (25, _update),
    "GetItem": (8, _get),
    "DeleteItem": (6, _delete),
    "Query": (14, _query),
    "Scan": (8, _scan),
    "BatchWriteItem": (3, _batch_write),
    "BatchGetItem": (3, _batch_get),
    "TransactWriteItems": (6, _transact_write),
    "TransactGetItems": (2, _transact_get),
    "QueryToTheEnd": (4, _paged(_query)),
    "ScanToTheEnd": (4, _segmented),
    "ExecuteStatement": (8, _statement),
    "StatementToTheEnd": (2, _paged_statement),
    "BatchExecuteStatement": (2, _batch_statement),
    "ExecuteTransaction": (3, _transaction),
    "ChangeTable": (0.7, _change_table),
}
_WITHOUT_UNITS = frozenset(("ChangeTable", "QueryToTheEnd", "ScanToTheEnd", "StatementToTheEnd"))
