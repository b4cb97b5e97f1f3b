"""What conditions of policies see of a request for items ("Specifying conditions: Using condition keys").

A request is read here as it is when it is carried out, by the same code: what conditions see is what will be done. One
that cannot be read shows less, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wakeful.services.dynamodb.expressions import requests
from wakeful.services.dynamodb.expressions.requests import Asked
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Value, checked_value
from wakeful.wire.errors import AwsError

Context = dict[str, str | Sequence[str]]

_MEMBERS = ("Item", "Key", "Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter")


def seen(
    found: Table | None, action: str, request: Mapping[str, Any], keys: Iterable[Any], *, enclosing: str = ""
) -> Context:
    """The keys of conditions that a request answers. `keys` are those of the items that it names, or the items."""
    schema = _schema(found, request.get("IndexName"))
    operation = action.removesuffix("Item") if action == "ConditionCheckItem" else action
    asked = _asked(operation, request, schema, found)
    keys = tuple(keys)
    context: Context = {"dynamodb:Attributes": sorted({*_members(request, keys), *_named(asked)})}
    if action in ("GetItem", "BatchGetItem"):
        context["dynamodb:Select"] = _select(request)
    if action in ("Query", "Scan"):
        of_all = "ALL_PROJECTED_ATTRIBUTES" if request.get("IndexName") else None
        context["dynamodb:Select"] = request.get("Select") or _select(request, of_all)
    if action in ("PutItem", "UpdateItem", "DeleteItem"):
        context["dynamodb:ReturnValues"] = request.get("ReturnValues", "NONE")
    context["dynamodb:ReturnConsumedCapacity"] = request.get("ReturnConsumedCapacity", "NONE")
    if enclosing:
        context["dynamodb:EnclosingOperation"] = enclosing
    leading = [*_leading(schema, keys)]
    if asked is not None and asked.key_condition is not None:
        leading += (text(value) for value in asked.key_condition.values)
    if leading:
        context["dynamodb:LeadingKeys"] = leading
    return context


def text(value: Value) -> str:
    """A checked key, as conditions compare it."""
    return str(next(iter(value.values())))


def _schema(found: Table | None, index: str | None) -> KeySchema:
    if found is None:
        return KeySchema(())
    there = found.index(index) if index is not None else None
    return there.keys if there is not None else found.keys


def _asked(operation: str, request: Mapping[str, Any], schema: KeySchema, found: Table | None) -> Asked | None:
    if operation not in requests.OPERATIONS:
        return None
    try:
        return requests.asked(operation, request, schema, found)
    except AwsError:
        return None  # it will be refused


def _members(request: Mapping[str, Any], keys: Iterable[Any]) -> Iterator[str]:
    yield from request.get("AttributesToGet") or ()
    for member in _MEMBERS:
        yield from request.get(member) or ()
    for key in keys:
        yield from key if isinstance(key, Mapping) else ()


def _named(asked: Asked | None) -> Iterator[str]:
    """The top-level attributes that expressions name, whatever they do with them."""
    if asked is None:
        return
    for each in (asked.condition, asked.filter, asked.projection):
        if each is not None:
            yield from each.attributes()
    if asked.update is not None:
        yield from (str(path[0]) for path in (*asked.update.paths(), *asked.update.read))
    if asked.key_condition is not None:
        yield from asked.key_condition.attributes


def _select(request: Mapping[str, Any], of_all: str | None = None) -> str:
    if request.get("ProjectionExpression") is not None or request.get("AttributesToGet") is not None:
        return "SPECIFIC_ATTRIBUTES"
    return of_all or "ALL_ATTRIBUTES"


def _leading(schema: KeySchema, keys: Iterable[Any]) -> Iterator[str]:
    """The partition keys of items, as they are when they are looked for."""
    for key in keys:
        for each in schema.partition:
            value = key.get(each.name) if isinstance(key, Mapping) else None
            try:
                yield text(checked_value(dict(value) if isinstance(value, Mapping) else value))
            except AwsError:
                pass  # it will be refused
