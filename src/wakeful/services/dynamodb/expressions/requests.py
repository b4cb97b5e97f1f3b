"""What a request asks for with its expressions, or with the parameters that there were before expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import conditions, key_conditions, legacy, projections, substitutes, updates
from wakeful.services.dynamodb.expressions.bound import Condition, KeyCondition, Path, Projection, Update
from wakeful.services.dynamodb.keys import KeySchema


@dataclass(frozen=True, slots=True)
class Asked:
    """Each is None where the request has none."""

    condition: Condition | None = None
    filter: Condition | None = None
    projection: Projection | None = None
    update: Update | None = None
    key_condition: KeyCondition | None = None


@dataclass(frozen=True, slots=True)
class _Parameters:
    """Of an operation: those of expressions and those from before, both in the order in which AWS names them.
    `with_values` are the expressions that may have values.
    """

    expressions: tuple[str, ...]
    legacy: tuple[str, ...] = ()
    with_values: tuple[str, ...] = ()


_WRITE = _Parameters(("ConditionExpression",), ("Expected", "ConditionalOperator"), ("ConditionExpression",))
_UPDATE = _Parameters(
    ("UpdateExpression", "ConditionExpression"),
    ("AttributeUpdates", "Expected", "ConditionalOperator"),
    ("UpdateExpression", "ConditionExpression"),
)
_GET = _Parameters(("ProjectionExpression",), ("AttributesToGet",))

OPERATIONS: Mapping[str, _Parameters] = {
    "PutItem": _WRITE,
    "DeleteItem": _WRITE,
    "UpdateItem": _UPDATE,
    "GetItem": _GET,
    "BatchGetItem": _GET,  # what it has for one table
    "Query": _Parameters(
        ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
        ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
        ("FilterExpression", "KeyConditionExpression"),
    ),
    "Scan": _Parameters(
        ("ProjectionExpression", "FilterExpression"),
        ("AttributesToGet", "ScanFilter", "ConditionalOperator"),
        ("FilterExpression",),
    ),
    # the parts of TransactWriteItems and TransactGetItems
    "Put": _WRITE,
    "Delete": _WRITE,
    "ConditionCheck": _WRITE,
    "Update": _UPDATE,
    "Get": _GET,
}


def asked(operation: str, request: Mapping[str, Any], keys: KeySchema) -> Asked:
    """Of the operation, or the part of a transaction, by its name; `keys` are of the table or index that it is of.

    Raises ValidationException where something is wrong with it, as AWS says it and in AWS's order.
    """
    parameters = OPERATIONS[operation]
    _check_not_mixed(request, parameters)
    expressions = [name for name in parameters.expressions if request.get(name) is not None]
    found = _of_legacy(request, keys)
    if expressions:
        found = _of_expressions(request, keys, found)
    else:
        _check_no_substitutes(request, parameters)
    if operation == "Query" and found.key_condition is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    return found


def _check_not_mixed(request: Mapping[str, Any], parameters: _Parameters) -> None:
    given = [name for name in parameters.expressions if request.get(name) is not None]
    before = [name for name in parameters.legacy if request.get(name) is not None]
    if "KeyConditionExpression" not in given:  # KeyConditions go with the others
        before = [name for name in before if name != "KeyConditions"]
    if given and before:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request:"
            f" Non-expression parameters: {{{', '.join(before)}}} Expression parameters: {{{', '.join(given)}}}"
        )


def _check_no_substitutes(request: Mapping[str, Any], parameters: _Parameters) -> None:
    if request.get("ExpressionAttributeNames") is not None:
        raise ValidationException("ExpressionAttributeNames can only be specified when using expressions")
    if request.get("ExpressionAttributeValues") is not None:
        what = "ExpressionAttributeValues can only be specified when using expressions"
        where = " and ".join(parameters.with_values)
        if where:
            what += f": {where} {'is' if len(parameters.with_values) == 1 else 'are'} null"
        raise ValidationException(what)


def _of_legacy(request: Mapping[str, Any], keys: KeySchema) -> Asked:
    query_filter = legacy.filter_of(request, "QueryFilter")
    if query_filter is not None:
        _check_no_keys(query_filter.attributes(), keys, "QueryFilter")
    scan_filter = legacy.filter_of(request, "ScanFilter")
    found = Asked(
        condition=legacy.condition_of(request),
        filter=query_filter if query_filter is not None else scan_filter,
        projection=legacy.projection_of(request),
        update=legacy.update_of(request),
        key_condition=legacy.key_condition_of(request, keys),
    )
    legacy.check_operator(request)
    if found.update is not None:
        _check_keys_stay(found.update.paths(), keys)
    return found


def _of_expressions(request: Mapping[str, Any], keys: KeySchema, found: Asked) -> Asked:
    """One after the other, as AWS reads them."""
    given = substitutes.of(request)
    update, condition, filtered, projection, keyed = None, None, None, None, None
    if (text := request.get("UpdateExpression")) is not None:
        update = updates.bound(text, given)
    if (text := request.get("ConditionExpression")) is not None:
        condition = conditions.bound(text, given, "ConditionExpression")
    if (text := request.get("FilterExpression")) is not None:
        filtered = conditions.bound(text, given, "FilterExpression")
    if (text := request.get("ProjectionExpression")) is not None:
        projection = projections.bound(text, given)
    if (text := request.get("KeyConditionExpression")) is not None:
        keyed = key_conditions.bound(text, given)
    given.check_used()
    for each in (condition, filtered, projection):
        if each is not None:
            key_conditions.check_scalars(each.paths(), keys)
    if update is not None:
        _check_keys_stay(update.paths(), keys)
    key_condition = found.key_condition
    if keyed is not None:
        key_condition = key_conditions.of_condition(keyed, given, keys)
    is_query = key_condition is not None
    if filtered is not None and is_query:  # that of a scan may look at keys
        _check_no_keys(filtered.attributes(), keys, "Filter Expression")
    return Asked(condition, filtered, projection, update, key_condition)


def _check_no_keys(attributes: frozenset[str], keys: KeySchema, called: str) -> None:
    """Of a query: what is a key belongs into the key condition."""
    for key in keys.attributes:
        if key.name in attributes:
            raise ValidationException(
                f"{called} can only contain non-primary key attributes: Primary key attribute: {key.name}"
            )


def _check_keys_stay(paths: tuple[Path, ...], keys: KeySchema) -> None:
    names = {each.name for each in keys.attributes}
    for path in paths:
        if path[0] in names:
            raise ValidationException(
                f"One or more parameter values were invalid: Cannot update attribute {path[0]}."
                " This attribute is part of the key"
            )
