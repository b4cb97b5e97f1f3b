"""How large items are, as DynamoDB counts ("DynamoDB item sizes and formats")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.values import Item, Value


def item_size(item: Item) -> int:
    """Bytes: names and values."""
    total = 0
    for name, value in item.items():
        total += _text(name)
        for what, held in value.items():
            total += _text(held) if what == "S" else _SIZES[what](held)
    return total


def value_size(value: Value) -> int:
    for what, held in value.items():
        return _SIZES[what](held)
    raise AssertionError("a value has a type")


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _binary(text: str) -> int:
    return len(text) * 3 // 4 - text.count("=")


def _map(held: Mapping[str, Value]) -> int:
    return 3 + sum(_text(name) + value_size(value) + 1 for name, value in held.items())


_SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": _text,
    "N": decimals.size,
    "B": _binary,
    "SS": lambda held: sum(map(_text, held)),
    "NS": lambda held: sum(map(decimals.size, held)),
    "BS": lambda held: sum(map(_binary, held)),
    "BOOL": lambda held: 1,
    "NULL": lambda held: 1,
    "M": _map,
    "L": lambda held: 3 + sum(value_size(each) + 1 for each in held),
}
