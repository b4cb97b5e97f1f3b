"""What an item must be to lie in a table, and a key to name one: DynamoDB's rules, in its words."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.bound import Update
from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import TOO_DEEP, Item, Value, decoded, kind

_INVALID = "One or more parameter values were invalid: "
_NOT_VALID = "One or more parameter values are not valid. "
_KINDS = {"S": "string", "B": "binary"}

EMPTY_KEY = "The AttributeValue for a key attribute cannot contain an empty "
"""In what is said to an empty key; such a request is refused as a whole, even by transactions."""

KEY_STAYS = "This attribute is part of the key"
"""In what is said to an update of a key attribute: of a transaction, it is that update's reason."""

SCHEMA_MISMATCH = "The provided key element does not match the schema"

_SHORT = 256
"""Bytes of a whole key below which no part of it can be too long."""


def key_of_item(table: Table, item: Item) -> bytes:
    """Where the item lies. Raises ValidationException where it may not lie in the table."""
    key = _key(table.keys, item)
    if key is None:
        for each in table.keys.attributes:
            value = item.get(each.name)
            if value is None:
                raise ValidationException(f"{_INVALID}Missing the key {each.name} in the item")
            if each.type not in value:
                raise ValidationException(
                    f"{_INVALID}Type mismatch for key {each.name} expected: {each.type} actual: {kind(value)}"
                )
        raise AssertionError("a key that has every attribute can be encoded")
    if table.indexes:
        check_indexed(table, item)
    return key


def key_of_key(table: Table, key: Item) -> bytes:
    """Where the item lies that a request names by its key. Raises ValidationException."""
    found = _key(table.keys, key) if len(key) == len(table.keys.attributes) else None
    if found is None:
        raise ValidationException(SCHEMA_MISMATCH)
    return found


def key_in(table: Table, item: Item) -> Item:
    """The attributes of an item that make its key."""
    return {each.name: item[each.name] for each in table.keys.attributes}


def check_indexed(table: Table, item: Item, update: Update | None = None) -> None:
    """Raises ValidationException where an attribute of the item cannot be a key of an index that it is one of; in
    other words where an update has made the item.
    """
    for index in sorted(table.indexes, key=lambda index: index.name):
        for each in index.keys.attributes:
            value = item.get(each.name)
            if value is None:
                continue
            if each.type not in value:
                if update is not None and each.name in update.copied():
                    raise ValidationException(
                        "The update expression attempted to update the secondary index key to unsupported type"
                    )
                raise ValidationException(
                    f"{_INVALID}Type mismatch for Index Key {each.name} Expected: {each.type} Actual: {kind(value)}"
                    f" IndexName: {index.name}"
                )
            if not value[each.type]:
                empty = f"{EMPTY_KEY}{_KINDS[each.type]} value."
                raise ValidationException(
                    f"{_NOT_VALID}The update expression attempted to update a secondary index key to a value that is"
                    f" not supported. {empty}"
                    if update is not None
                    else f"{_NOT_VALID}A value specified for a secondary index key is not supported. {empty}"
                    f" IndexName: {index.name}, IndexKey: {each.name}"
                )
        _check_lengths(index.keys, item)


def check_size(size: int, *, updated: bool = False) -> None:
    """Raises ValidationException for an item that is too large."""
    if size > limits.DYNAMODB_ITEM_BYTES_MAX:
        raise ValidationException(
            "Item size to update has exceeded the maximum allowed size"
            if updated
            else "Item size has exceeded the maximum allowed size"
        )


def check_depth(item: Item) -> None:
    """Raises ValidationException for an item whose values are nested too deeply."""
    level = list(item.values())
    for _ in range(limits.DYNAMODB_NESTING_MAX):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise ValidationException(TOO_DEEP)


def _inside(value: Value) -> Iterable[Value]:
    if "M" in value:
        held: dict[str, Value] = value["M"]
        return held.values()
    among: list[Value] = value.get("L", [])
    return among


def _key(schema: KeySchema, item: Item) -> bytes | None:
    """None where an attribute is missing or of another type."""
    key = schema.find(item)
    if key is None:
        return None
    for each in schema.attributes:
        if not item[each.name][each.type]:
            raise ValidationException(f"{_NOT_VALID}{EMPTY_KEY}{_KINDS[each.type]} value. Key: {each.name}")
    if len(key) > _SHORT:
        _check_lengths(schema, item)
    return key


def _check_lengths(schema: KeySchema, item: Item) -> None:
    if _length(schema.partition, item) > limits.DYNAMODB_PARTITION_KEY_BYTES_MAX:
        raise ValidationException(f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes")
    if _length(schema.sort, item) > limits.DYNAMODB_SORT_KEY_BYTES_MAX:
        raise ValidationException(
            f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
        )


def _length(attributes: tuple[Attribute, ...], item: Item) -> int:
    total = 0
    for each in attributes:
        held = item.get(each.name, {}).get(each.type, "")
        total += len(decoded(held)) if each.type == "B" else len(held.encode()) if each.type == "S" else 0
    return total
