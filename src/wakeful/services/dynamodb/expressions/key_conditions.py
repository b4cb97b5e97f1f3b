"""Key conditions: which partition a query is of, and from where to where in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeful import limits
from wakeful.services.dynamodb import keys, sizes
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import conditions
from wakeful.services.dynamodb.expressions.bound import KeyCondition, Path, Substitutes
from wakeful.services.dynamodb.expressions.conditions import BoundCondition
from wakeful.services.dynamodb.expressions.kept import Names, kept
from wakeful.services.dynamodb.expressions.tree import (
    Attribute,
    Both,
    Call,
    Comparison,
    Condition,
    Not,
    Operand,
    Placeholder,
)
from wakeful.services.dynamodb.keys import Attribute as KeyAttribute
from wakeful.services.dynamodb.keys import KeySchema
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Value

CALLED = "KeyConditionExpression"

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_STANDARD_CONDITIONS_MAX = 2


@dataclass(frozen=True, slots=True)
class OfKey:
    """What is asked of one key attribute: `=`, `<`, `<=`, `>`, `>=`, BETWEEN or begins_with."""

    attribute: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The same, before the values are known."""

    attribute: str
    operator: str
    placeholders: tuple[str, ...]


def bound(text: str, substitutes: Substitutes) -> BoundCondition:
    """As any condition is; what is special of keys is said later (`of_keys`), as AWS does."""
    return conditions.bound(text, substitutes, CALLED)


def of_keys(text: str, substitutes: Substitutes) -> list[OfKey]:
    """Of a text that was bound. Raises ValidationException where it is no condition on keys."""
    values = substitutes.values
    return [
        OfKey(each.attribute, each.operator, tuple([values[name] for name in each.placeholders]))
        for each in _planned(text, CALLED, substitutes.names_as_key)
    ]


@kept
def _planned(text: str, called: str, names: Names) -> tuple[_Plan, ...]:
    by_placeholder = dict(names)
    asked: dict[str, _Plan] = {}
    for part in _parts(conditions.compiled(text, called, names).tree):
        one = _of_key(part, by_placeholder)
        if one.attribute in asked:
            raise ValidationException("KeyConditionExpressions must only contain one condition per key")
        asked[one.attribute] = one
    return tuple(asked.values())


def check_scalars(paths: Sequence[Path], schema: KeySchema, table: Table | None = None) -> None:
    """Key attributes have nothing in them that a path could lead to: those of the table, and those of its indexes."""
    own = (table.keys if table is not None else schema).attributes
    _check_scalars(paths, own, "Key")
    for index in table.indexes if table is not None else ():
        _check_scalars(paths, index.keys.attributes, "IndexKey")


def _check_scalars(paths: Sequence[Path], attributes: Sequence[KeyAttribute], called: str) -> None:
    for path in paths:
        if len(path) > 1 and any(each.name == path[0] for each in attributes):
            raise ValidationException(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed:"
                f" {called}: {path[0]}"
            )


# --- from a condition to what is asked of each attribute --------------------------------------------------------------


def _parts(tree: Condition) -> Iterator[Comparison | Call]:
    """What AND joins, from the left to the right. Raises ValidationException for other operators."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Both) and node.operator == "AND":
            waiting += [node.right, node.left]
        elif isinstance(node, Both):
            raise _invalid_operator(node.operator)
        elif isinstance(node, Not):
            raise _invalid_operator("NOT")
        else:
            yield node


def _of_key(part: Comparison | Call, names: Mapping[str, str]) -> _Plan:
    operator = part.operator if isinstance(part, Comparison) else part.function
    if operator not in (*_MIRRORED, "BETWEEN", "begins_with"):
        raise _invalid_operator(operator)
    if any(isinstance(each, Call) for each in part.operands):
        raise ValidationException("KeyConditionExpressions cannot contain nested operations")
    named = [place for place, each in enumerate(part.operands) if isinstance(each, Attribute)]
    if not named:
        first = part.operands[0]
        if operator in ("BETWEEN", "begins_with") and isinstance(first, Placeholder):
            raise _must_be_first(operator)
        raise _invalid("No key attribute specified")
    if operator in ("BETWEEN", "begins_with") and named[0] != 0:
        raise _must_be_first(operator)
    if len(named) > 1:
        raise _invalid("Multiple attribute names used in one condition")
    if named[0] != 0:
        operator = _MIRRORED[operator]
    placeholders = tuple(each.name for each in part.operands if isinstance(each, Placeholder))
    return _Plan(_name(part.operands[named[0]], names), operator, placeholders)


def _name(operand: Operand, names: Mapping[str, str]) -> str:
    assert isinstance(operand, Attribute)
    if len(operand.parts) > 1:
        raise ValidationException(f"{CALLED}s cannot have conditions on nested attributes")
    part = str(operand.parts[0])
    return names[part] if part[0] == "#" else part


def _must_be_first(operator: str) -> ValidationException:
    return _invalid(f"{operator} operator must have the key attribute as its first operand")


def _invalid(why: str) -> ValidationException:
    return ValidationException(f"Invalid condition in {CALLED}: {why}")


def _invalid_operator(operator: str) -> ValidationException:
    return ValidationException(f"Invalid operator used in {CALLED}: {operator}")


# --- from there to a range --------------------------------------------------------------------------------------------


def between(asked: Sequence[OfKey], schema: KeySchema) -> KeyCondition:
    """The range of keys. Raises ValidationException where the attributes of the partition are not all given, or
    something else is asked than these keys can answer.
    """
    count_max = max(len(schema.attributes), _STANDARD_CONDITIONS_MAX)
    if not 1 <= len(asked) <= count_max:
        lengths = "1 or 2" if count_max == _STANDARD_CONDITIONS_MAX else f"1 to {count_max}"
        raise ValidationException(f"Conditions can be of length {lengths} only")
    if not schema.sort and len(asked) > len(schema.partition):
        raise _not_supported()
    by_name = {each.attribute: each for each in asked}
    for attribute in schema.partition:
        asked_of = _given(by_name, attribute)
        _check_types(asked_of, attribute, "Hash")
        if asked_of.operator != "=":
            raise _not_supported()
        _check_contents(asked_of, attribute, is_partition=True)
    sorted_by = _sort_conditions(by_name, schema)
    partition = schema.partition_of({each.name: by_name[each.name].values[0] for each in schema.partition})
    low, high = _range(partition, sorted_by, schema)
    values = tuple(by_name[each.name].values[0] for each in schema.partition)
    return KeyCondition(low, high, values, frozenset(by_name))


def _sort_conditions(by_name: Mapping[str, OfKey], schema: KeySchema) -> list[OfKey]:
    """Of the sort attributes, in their order: none may be left out before one that is given, and only the last
    may be asked for something else than to be equal.
    """
    found: list[OfKey] = []
    for attribute in schema.sort[: len(by_name) - len(schema.partition)]:
        asked = _given(by_name, attribute)
        _check_types(asked, attribute, "Range")
        _check_contents(asked, attribute, is_partition=False)
        if found and found[-1].operator != "=":
            raise _not_supported()
        if asked.operator not in _RANGES:
            raise ValidationException("Attempted conditional constraint is not an indexable operation")
        found.append(asked)
    return found


def _given(by_name: Mapping[str, OfKey], attribute: keys.Attribute) -> OfKey:
    if attribute.name not in by_name:
        raise ValidationException(f"Query condition missed key schema element: {attribute.name}")
    return by_name[attribute.name]


def _check_types(asked: OfKey, attribute: keys.Attribute, kind_of_key: str) -> None:
    if not asked.values:
        raise ValidationException(f"Only scalar types can be used as {kind_of_key} Key values")
    if any(attribute.type not in value for value in asked.values):
        raise ValidationException(
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
        )


def _check_contents(asked: OfKey, attribute: keys.Attribute, *, is_partition: bool) -> None:
    for value in asked.values:
        if not value[attribute.type]:
            raise ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain"
                f" an empty {'string' if attribute.type == 'S' else 'binary'} value. Key: {attribute.name}"
            )
        size = sizes.value_size(value)
        if is_partition and size > limits.DYNAMODB_PARTITION_KEY_BYTES_MAX:
            raise ValidationException(
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of"
                f"{limits.DYNAMODB_PARTITION_KEY_BYTES_MAX} bytes"  # AWS has no space there
            )
        if not is_partition and size > limits.DYNAMODB_SORT_KEY_BYTES_MAX:
            raise ValidationException(
                "One or more parameter values were invalid: Aggregated size of all range keys has exceeded"
                f" the size limit of {limits.DYNAMODB_SORT_KEY_BYTES_MAX} bytes"
            )


def _range(partition: bytes, sorted_by: Sequence[OfKey], schema: KeySchema) -> tuple[bytes, bytes]:
    """From where to before where. What follows in a key of an index does not matter: it lies between the same two."""
    low, high = partition, keys.after(partition)
    for asked, attribute in zip(sorted_by, schema.sort, strict=False):
        encode = keys.prefix if asked.operator == "begins_with" else keys.encode
        encoded = [low + encode(attribute.type, each[attribute.type]) for each in asked.values]
        low, high = _RANGES[asked.operator](low, high, *encoded)
    return low, high


# From the ends of what was asked so far, and a value's key or two, to the ends of what is left.
_RANGES: Mapping[str, Callable[..., tuple[bytes, bytes]]] = {
    "=": lambda low, high, key: (key, keys.after(key)),
    "<": lambda low, high, key: (low, key),
    "<=": lambda low, high, key: (low, keys.after(key)),
    ">": lambda low, high, key: (keys.after(key), high),
    ">=": lambda low, high, key: (key, high),
    "BETWEEN": lambda low, high, key, other: (key, keys.after(other)),
    "begins_with": lambda low, high, key: (key, keys.after(key)),
}


def _not_supported() -> ValidationException:
    return ValidationException("Query key condition not supported")
