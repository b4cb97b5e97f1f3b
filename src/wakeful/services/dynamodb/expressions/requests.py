"""What a request asks for with its expressions, or with the parameters that there were before expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import conditions, key_conditions, legacy, projections, substitutes, updates
from wakeful.services.dynamodb.expressions.bound import Condition, KeyCondition, Path, Projection, Update
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.services.dynamodb.table import Table


@dataclass(frozen=True, slots=True)
class Asked:
    """Each is None where the request has none."""

    condition: Condition | None = None
    filter: Condition | None = None
    projection: Projection | None = None
    update: Update | None = None
    key_condition: KeyCondition | None = None


_NOTHING = Asked()


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

_SUBSTITUTES = ("ExpressionAttributeNames", "ExpressionAttributeValues")
_ALL_NAMES = {
    operation: frozenset((*each.expressions, *each.legacy, *_SUBSTITUTES)) for operation, each in OPERATIONS.items()
}


def asked(operation: str, request: Mapping[str, Any], keys: KeySchema, table: Table | None = None) -> Asked:
    """Of the operation, or the part of a transaction, by its name; `keys` are of the table or index that it is of, and
    `table` is the table, where the keys of its indexes matter too.

    Raises ValidationException where something is wrong with it, as AWS says it and in AWS's order.
    """
    parameters = OPERATIONS[operation]
    if operation != "Query" and _ALL_NAMES[operation].isdisjoint(request):
        return _NOTHING  # as most requests do
    _check_not_mixed(request, parameters)
    _check_substitutes_have_a_use(request, parameters)
    if operation == "Query" and request.get("KeyConditions") is None and request.get("KeyConditionExpression") is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    if any(request.get(name) is not None for name in parameters.expressions):
        return _of_expressions(request, keys, table)
    return _of_legacy(request, keys)


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


def _check_substitutes_have_a_use(request: Mapping[str, Any], parameters: _Parameters) -> None:
    if request.get("ExpressionAttributeNames") is not None and all(
        request.get(name) is None for name in parameters.expressions
    ):
        raise ValidationException("ExpressionAttributeNames can only be specified when using expressions")
    with_values = parameters.with_values
    if request.get("ExpressionAttributeValues") is not None and all(request.get(name) is None for name in with_values):
        raise ValidationException(
            "ExpressionAttributeValues can only be specified when using expressions:"
            f" {' and '.join(with_values)} {'is' if len(with_values) == 1 else 'are'} null"
        )


def _of_legacy(request: Mapping[str, Any], keys: KeySchema) -> Asked:
    """One after the other, as AWS reads them."""
    keyed = legacy.key_condition_of(request)
    condition = legacy.condition_of(request)
    query_filter, scan_filter = legacy.filter_of(request, "QueryFilter"), legacy.filter_of(request, "ScanFilter")
    legacy.check_operator(request)
    projection = legacy.projection_of(request)
    update = legacy.update_of(request)
    if update is not None:
        check_keys_stay(update.paths(), keys)
    key_condition = key_conditions.between(keyed, keys) if keyed is not None else None
    if query_filter is not None:
        _check_no_keys(query_filter.attributes(), keys, "QueryFilter")
    return Asked(
        condition, query_filter if query_filter is not None else scan_filter, projection, update, key_condition
    )


def _of_expressions(request: Mapping[str, Any], keys: KeySchema, table: Table | None) -> Asked:
    """The same; KeyConditions may be beside expressions."""
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
    for each in (condition, filtered, projection, keyed):
        if each is not None:
            key_conditions.check_scalars(each.paths(), keys, table)
    if update is not None:
        check_keys_stay(update.paths(), keys)
        key_conditions.check_scalars((*update.paths(), *update.read), keys, table)
    asked_of_keys = (
        key_conditions.of_keys(request["KeyConditionExpression"], given) if keyed else legacy.key_condition_of(request)
    )
    if asked_of_keys is None:
        return Asked(condition, filtered, projection, update)
    key_condition = key_conditions.between(asked_of_keys, keys)
    if filtered is not None:
        _check_no_keys(filtered.attributes(), keys, "Filter Expression")
    return Asked(condition, filtered, projection, update, key_condition)


def _check_no_keys(attributes: frozenset[str], keys: KeySchema, called: str) -> None:
    """Of a query: what is a key belongs into the key condition."""
    for key in keys.attributes:
        if key.name in attributes:
            raise ValidationException(
                f"{called} can only contain non-primary key attributes: Primary key attribute: {key.name}"
            )


def check_keys_stay(paths: tuple[Path, ...], keys: KeySchema) -> None:
    """Raises ValidationException where an update changes a key of its table."""
    names = {each.name for each in keys.attributes}
    for path in paths:
        if path[0] in names:
            raise ValidationException(
                f"One or more parameter values were invalid: Cannot update attribute {path[0]}."
                " This attribute is part of the key"
            )
