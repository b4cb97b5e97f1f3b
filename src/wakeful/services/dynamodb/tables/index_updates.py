"""What UpdateTable changes of a table's global indexes: one comes, or one goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.services.dynamodb.tables import definition, making, spaces
from wakeful.services.dynamodb.tables.change import Change
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx

Request = Mapping[str, Any]
_ACTIONS = ("Update", "Create", "Delete")


def check(request: Request) -> None:
    """Raises ValidationException for what no table could be asked."""
    seen: set[str] = set()
    for each in request.get("GlobalSecondaryIndexUpdates") or ():
        actions = [each[action] for action in _ACTIONS if each.get(action) is not None]
        if not actions:
            named = ", ".join(f"GlobalSecondaryIndexUpdate.{action}" for action in _ACTIONS)
            raise ValidationException(f"{INVALID}One of {named} must not be null")
        if len(actions) > 1:
            raise ValidationException(
                f"{INVALID}Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"
            )
        name = actions[0]["IndexName"]
        if name in seen:
            raise ValidationException(
                f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        seen.add(name)
        if "Create" in each:
            definition.check_projection(each["Create"]["Projection"])


def creates_or_deletes(request: Request, *actions: str) -> bool:
    """Whether an index comes or goes."""
    return any(
        each.get(action)
        for each in request.get("GlobalSecondaryIndexUpdates") or ()
        for action in actions or _ACTIONS[1:]
    )


def apply(tx: Tx, change: Change, request: Request) -> None:
    updates = request.get("GlobalSecondaryIndexUpdates") or ()
    asked = [(action, each[action]) for each in updates for action in _ACTIONS[1:] if each.get(action)]
    for action, wanted in asked:
        if action == "Create":
            _check_creatable(change, wanted, request)
        else:
            _check_deletable(change, wanted["IndexName"])
    if not asked:
        return
    others = [each for each in change.found.indexes if each.status in (table.CREATING, table.DELETING)]
    is_cancelled = asked[0][0] == "Delete" and [each.name for each in others] == [asked[0][1]["IndexName"]]
    if len(asked) > 1 or (others and not is_cancelled):
        raise LimitExceededException(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        )
    action, wanted = asked[0]
    if action == "Create":
        _create(tx, change, wanted, request)
    else:
        change.set_index(wanted["IndexName"], {"IndexStatus": table.DELETING, "Backfilling": None})
        change.then["dropped"] = wanted["IndexName"]
    change.busy()


def _check_creatable(change: Change, wanted: Mapping[str, Any], request: Request) -> None:
    name = wanted["IndexName"]
    there = change.found.index(name)
    if there is not None and there.status == table.DELETING:
        raise _in_use(f"Index is being deleted. Table: {change.found.name} Index: {name}")
    if there is not None:
        raise ValidationException("Attempting to create an index which already exists")
    if not request.get("AttributeDefinitions"):
        raise ValidationException(f"{INVALID}AttributeDefinitions is not specified for index: {name}")
    definition.check_global_keys(wanted["KeySchema"], _types(change, request))
    indexes = change.indexes
    if len(indexes) >= limits.DYNAMODB_GLOBAL_INDEXES_MAX:
        raise LimitExceededException(
            "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of"
            f" {limits.DYNAMODB_GLOBAL_INDEXES_MAX}"
        )
    definition.check_projected((*indexes, wanted, *change.found.definition.get("LocalSecondaryIndexes", ())))


def _check_deletable(change: Change, name: str) -> None:
    index = change.found.index(name)
    if index is None:
        raise ResourceNotFoundException(f"Requested resource not found: Index {name} for table {change.found.name}")
    if not index.is_global:
        raise ValidationException(f"Cannot delete an index that is not a GlobalSecondaryIndex: {name}")
    if index.status == table.DELETING:
        raise _in_use(f"Index is being deleted. Table: {change.found.name} Index: {name}")
    is_allocated = next(each for each in change.indexes if each["IndexName"] == name).get("Backfilling")
    if index.status == table.CREATING and not is_allocated:
        raise _in_use(
            "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index"
            f" is active. Table: {change.found.name} Index: {name}"
        )


def _create(tx: Tx, change: Change, wanted: Mapping[str, Any], request: Request) -> None:
    """Its keys' attributes are defined now; what else the request defines is not looked at."""
    made = making.global_index(wanted, request.get("BillingMode") or change.found.definition["BillingMode"])
    made |= {"Backfilling": False, "Space": spaces.new(tx, change.found.id, wanted["IndexName"])}
    change.set("GlobalSecondaryIndexes", [*change.indexes, made])
    types = _types(change, request)
    used = definition.used(change.definition)
    change.set(
        "AttributeDefinitions",
        definition.attributes(
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items() if name in used
        ),
    )
    change.then["filled"] = wanted["IndexName"]


def _types(change: Change, request: Request) -> dict[str, str]:
    """Of what has a type already, that one counts."""
    definitions = (*(request.get("AttributeDefinitions") or ()), *change.found.definition["AttributeDefinitions"])
    return {each["AttributeName"]: each["AttributeType"] for each in definitions}


def _in_use(what: str) -> ResourceInUseException:
    return ResourceInUseException(f"Attempt to change a resource which is still in use: {what}")
