"""Answers of two systems to the same operation, made comparable: what may differ is taken out, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_ITEMS = frozenset(("Items", "Responses"))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def is_to_be_compared(operation: str, request: dict[str, Any], theirs: Answer) -> bool:
    """Whether the answer of DynamoDB Local says what DynamoDB does. Where it fails itself, it does not."""
    return theirs.status != 500


def comparable(operation: str, answer: Answer) -> Any:
    """What must be the same: of errors the type and the message, of all else everything but order that says nothing."""
    if answer.status != 200:
        kind = str(answer.body.get("__type", "")).rpartition("#")[2]
        message = answer.body.get("message", answer.body.get("Message"))
        return {"error": kind, "message": message, **_reasons(answer.body)}
    if operation == "CreateTable":
        return {"made": answer.body["TableDescription"]["TableName"]}
    return _sorted(answer.body, ordered=operation == "Query")


def _reasons(body: dict[str, Any]) -> dict[str, Any]:
    found = {name: body[name] for name in ("CancellationReasons", "Item") if name in body}
    return {name: _sorted(value, ordered=True) for name, value in found.items()}


def _sorted(value: Any, *, ordered: bool) -> Any:
    """With sets, and with items of a scan or a batch, in an order of their own."""
    if isinstance(value, dict):
        return {key: _members(key, each, ordered=ordered) for key, each in value.items()}
    if isinstance(value, list):
        return [_sorted(each, ordered=ordered) for each in value]
    return value


def _members(key: str, value: Any, *, ordered: bool) -> Any:
    if key in ("SS", "NS", "BS") and isinstance(value, list):
        return sorted(value)
    if key in _ITEMS and not ordered:
        if isinstance(value, dict):
            return {name: _in_order([_sorted(each, ordered=ordered) for each in some]) for name, some in value.items()}
        if value and "Item" not in value[0]:
            return _in_order([_sorted(each, ordered=ordered) for each in value])
    return _sorted(value, ordered=ordered)


def _in_order(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda each: json.dumps(each, sort_keys=True))
