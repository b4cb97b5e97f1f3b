"""Where a page began and where the next one begins: ExclusiveStartKey and LastEvaluatedKey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.keys import Attribute
from wakeful.services.dynamodb.pages import Range
from wakeful.services.dynamodb.table import Index, Table
from wakeful.services.dynamodb.values import Item, checked

_INVALID = "The provided starting key is invalid"


def attributes(table: Table, index: Index | None) -> tuple[Attribute, ...]:
    """What a key of a page names: of an index, its own keys and those of the table."""
    own = index.keys.attributes if index is not None else ()
    return tuple(dict.fromkeys((*table.keys.attributes, *own)))


def last_key(table: Table, index: Index | None, row: Stored) -> Item:
    """The LastEvaluatedKey of a page that ends with this row."""
    item = row.item
    return {each.name: item[each.name] for each in attributes(table, index)}


def row_key(table: Table, index: Index | None, key: Mapping[str, Any]) -> bytes:
    """The key of the row that a checked start key names, there or not."""
    own = table.keys.of(key)
    return own if index is None else index.keys.of(key) + own


def of_query(table: Table, index: Index | None, within: Range, partition: bytes, key: Item) -> bytes:
    """The key of the row behind which a query of a partition goes on. Raises ValidationException where none of its
    pages can have ended there.
    """
    _check(table, index, key, _INVALID)
    found = row_key(table, index, key)
    if within.has(found):
        return found
    if within == Range(partition, keys.after(partition)):
        raise ValidationException("The provided starting key is outside query boundaries based on provided conditions")
    given = (index.keys if index is not None else table.keys).partition_of(key)
    if given != partition and within.has(partition + found[len(given) :]):
        raise ValidationException("The query can return at most one row and cannot be restarted")
    raise ValidationException("The provided starting key does not match the range key predicate")


def of_scan(table: Table, index: Index | None, key: Item) -> bytes:
    """The same for a scan, of the whole or of a segment, which the caller looks to."""
    invalid = _INVALID if index is not None else f"{_INVALID}: The provided key element does not match the schema"
    _check(table, index, key, invalid)
    return row_key(table, index, key)


def _check(table: Table, index: Index | None, key: Item, invalid: str) -> None:
    """Raises ValidationException where it is not as a LastEvaluatedKey is."""
    try:
        checked(key)
    except ValidationException as error:
        if error.message.startswith(("Supplied AttributeValue", "One or more")):
            raise ValidationException(f"{_INVALID}: {error.message}") from None
        raise  # what is wrong with a number is said alone
    wanted = attributes(table, index)
    if len(key) != len(wanted):
        raise ValidationException(invalid)
    for each in wanted:
        value = key.get(each.name)
        if value is None or each.type not in value:
            raise ValidationException(invalid)
        if value[each.type] == "":
            what = "binary" if each.type == "B" else "string"
            raise ValidationException(
                f"{_INVALID}: One or more parameter values are not valid. The AttributeValue for a key attribute cannot"
                f" contain an empty {what} value. Key: {each.name}"
            )
