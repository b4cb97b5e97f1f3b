"""Answers of two systems to the same operation, made comparable: what says nothing is taken out, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, InvalidOperation
from typing import Any

_ITEMS = frozenset(("Items", "Responses"))
_ORDERED = frozenset(("Query", "QueryToTheEnd"))
_IN_PLACE = frozenset(("BatchExecuteStatement", "ExecuteTransaction", "TransactGetItems"))
_OF_DESCRIPTIONS = ("TableName", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_OF_INDEXES = ("IndexName", "KeySchema", "Projection")
_EXACT = Context(prec=40)
_OF_RECORDS = ("Keys", "NewImage", "OldImage", "StreamViewType")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def comparable(operation: str, request: dict[str, Any], answer: Answer) -> Any:
    """What must be the same: of errors status, type and message, of all else everything but order that says nothing."""
    if answer.status != 200:
        kind = str(answer.body.get("__type", "")).rpartition("#")[2]
        message = answer.body.get("message", answer.body.get("Message"))
        return {"status": answer.status, "error": kind, "message": message, **_told_with(answer.body)}
    return _SHAPES.get(operation, _answered)(operation, request, _plain(answer.body))


def _told_with(body: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(body[name]) for name in ("CancellationReasons", "Item") if name in body}


def _answered(operation: str, request: dict[str, Any], body: Any) -> Any:
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        body.pop("ConsumedCapacity", None)
    if operation in _ORDERED and "IndexName" in request:
        return {**body, "Items": _in_order(body.get("Items", []))}
    if operation in _ORDERED or operation in _IN_PLACE:
        return body
    return {key: _listed(value) if key in _ITEMS else value for key, value in body.items()}


def _described(operation: str, request: dict[str, Any], body: Any) -> Any:
    described = {name: body["TableDescription"].get(name) for name in _OF_DESCRIPTIONS}
    described["AttributeDefinitions"] = _in_order(described["AttributeDefinitions"])
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        indexes = described[kind] or []
        described[kind] = _in_order([{name: each[name] for name in _OF_INDEXES} for each in indexes])
    return described


def _recorded(operation: str, request: dict[str, Any], body: Any) -> Any:
    """Of each item what happened to it; of those that are named, nothing."""
    left_out = [json.dumps(_plain(key), sort_keys=True) for key in request.get("Without", ())]
    told: dict[str, list[Any]] = {}
    for record in body["Records"]:
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True)
        if key not in left_out:
            told.setdefault(key, []).append(_record(record))
    return told


def _record(record: Any) -> Any:
    return {"event": record["eventName"], **{name: record["dynamodb"].get(name) for name in _OF_RECORDS}}


_SHAPES: dict[str, Callable[[str, dict[str, Any], Any], Any]] = {
    "CreateTable": _described,
    "ChangeTable": _described,
    "Records": _recorded,
}


def _listed(value: Any) -> Any:
    """Items of one list, or of each table, in an order of their own."""
    if isinstance(value, dict):
        return {name: _in_order(items) for name, items in value.items()}
    return _in_order(value)


def _plain(value: Any) -> Any:
    """With numbers in one form, and sets in an order of their own."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _PLAIN_VALUES.get(key, _plain)(each) for key, each in value.items()}


def _number(text: Any) -> Any:
    if not isinstance(text, str):
        return _plain(text)
    try:
        number = _EXACT.create_decimal(text)
    except InvalidOperation:
        return text
    return str(number.normalize(_EXACT)) if number else "0"


def _members(values: Any) -> Any:
    return sorted(values) if isinstance(values, list) else _plain(values)


def _numbers(values: Any) -> Any:
    return sorted(map(_number, values)) if isinstance(values, list) else _plain(values)


_PLAIN_VALUES: dict[str, Callable[[Any], Any]] = {"N": _number, "NS": _numbers, "SS": _members, "BS": _members}


def _in_order(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda each: json.dumps(each, sort_keys=True))
