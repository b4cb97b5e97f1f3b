"""How large items are, as DynamoDB counts ("DynamoDB item sizes and formats")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wakeful.services.dynamodb.values import Item, Value, kind


def item_size(item: Item) -> int:
    """Bytes: names and values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    what = kind(value)
    held = value[what]
    return _SIZES[what](held)


def _number(text: str) -> int:
    """About one byte for two significant digits, and one more."""
    digits = text.lstrip("-").partition("E")[0].replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def _binary(text: str) -> int:
    return len(text) * 3 // 4 - text.count("=")


def _map(held: Mapping[str, Value]) -> int:
    return 3 + sum(len(name.encode()) + value_size(value) + 1 for name, value in held.items())


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda held: len(held.encode()),
    "N": _number,
    "B": _binary,
    "SS": lambda held: sum(len(each.encode()) for each in held),
    "NS": lambda held: sum(map(_number, held)),
    "BS": lambda held: sum(map(_binary, held)),
    "BOOL": lambda held: 1,
    "NULL": lambda held: 1,
    "M": _map,
    "L": lambda held: 3 + sum(value_size(each) + 1 for each in held),
}
