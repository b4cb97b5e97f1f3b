"""Values and items, in the form that the API has: `{"S": "text"}`, `{"N": "1"}`, `{"M": {…}}`; binaries stay base64.

Above the wire nothing is converted: what a client sent is what is stored, but for numbers, which get AWS's one way to
write them. What is wrong with a value is said here, in DynamoDB's words.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

Value: TypeAlias = dict[str, Any]
"""One AttributeValue: one key, its type, and what that type holds."""

Item: TypeAlias = dict[str, Value]


def parsed(raw: bytes) -> Item:
    item: Item = orjson.loads(raw)
    return item


def raw(item: Item) -> bytes:
    """As it is stored, and answered without being read again (`orjson.Fragment`)."""
    return orjson.dumps(item)


def answered(raw: bytes) -> Item:
    """An item as it is stored, for an answer: the wire writes it as it stands, and nobody reads it before."""
    return orjson.Fragment(raw)  # type: ignore[return-value] # JSON that is ready, where an item would be


def kind(value: Value) -> str:
    """S, N, B, SS, NS, BS, M, L, BOOL or NULL."""
    return next(iter(value))
