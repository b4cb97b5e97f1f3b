"""Tables as requests find them before any transaction: kept from the rows until somebody changes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import ResourceNotFoundException
from wakeful.services.dynamodb.expressions import requests
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.services.dynamodb.table import Table

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.requests import Asked

_PLAIN = frozenset(
    (
        *("TableName", "Item", "Key", "Keys", "ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"),
        *("ReturnValuesOnConditionCheckFailure", "ConsistentRead"),
    )
)
"""Members of requests that have no expressions, nor what said the same before there were any."""

_NO_KEYS = KeySchema(())


async def known(call: Call, node: Node, name: str) -> Table:
    """The table of that name or ARN. Raises ResourceNotFoundException."""
    arn = table.arn_of(call, name)

    async def find() -> Table:
        return await node.store.read(table.find, arn)

    return await node.caches.get(table.CHANGED, arn, find)


async def asked_of(
    call: Call, node: Node, operation: str, request: Mapping[str, Any], name: str
) -> tuple[Table, Asked | None]:
    """The table, and what the request's expressions ask for; None where it has none, as most have none.

    What is wrong with an expression is said even where there is no such table.
    """
    try:
        found = await known(call, node, name)
    except ResourceNotFoundException:
        asked(operation, request, _NO_KEYS)
        raise
    return found, asked(operation, request, found.keys, found)


def asked(operation: str, request: Mapping[str, Any], keys: KeySchema, found: Table | None = None) -> Asked | None:
    return None if _PLAIN.issuperset(request) else requests.asked(operation, request, keys, found)
