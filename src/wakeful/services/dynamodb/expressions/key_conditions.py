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
from wakeful.services.dynamodb.keys import KeySchema
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


def bound(text: str, substitutes: Substitutes) -> BoundCondition:
    """As any condition is; what is special of keys is said later (`of_condition`), as AWS does."""
    return conditions.bound(text, substitutes, CALLED)


def of_condition(condition: BoundCondition, substitutes: Substitutes) -> list[OfKey]:
    """Raises ValidationException where it is no condition on keys."""
    asked: dict[str, OfKey] = {}
    for part in _parts(condition.program.tree):
        one = _of_key(part, substitutes)
        if one.attribute in asked:
            raise ValidationException("KeyConditionExpressions must only contain one condition per key")
        asked[one.attribute] = one
    return list(asked.values())


def check_scalars(paths: Sequence[Path], schema: KeySchema) -> None:
    """Key attributes have nothing in them that a path could lead to."""
    names = {each.name for each in schema.attributes}
    for path in paths:
        if len(path) > 1 and path[0] in names:
            raise ValidationException(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed:"
                f" Key: {path[0]}"
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


def _of_key(part: Comparison | Call, substitutes: Substitutes) -> OfKey:
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
    values = tuple(substitutes.values[each.name] for each in part.operands if isinstance(each, Placeholder))
    return OfKey(_name(part.operands[named[0]], substitutes), operator, values)


def _name(operand: Operand, substitutes: Substitutes) -> str:
    assert isinstance(operand, Attribute)
    if len(operand.parts) > 1:
        raise ValidationException(f"{CALLED}s cannot have conditions on nested attributes")
    part = str(operand.parts[0])
    return substitutes.names[part] if part[0] == "#" else part


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
        _check_values(_given(by_name, attribute), schema)
    sorted_by = _sort_conditions(by_name, schema)
    if any(by_name[attribute.name].operator != "=" for attribute in schema.partition):
        raise _not_supported()
    partition = schema.partition_of({each.name: by_name[each.name].values[0] for each in schema.partition})
    low, high = _range(partition, sorted_by, schema)
    return KeyCondition(low, high, tuple(by_name[each.name].values[0] for each in schema.partition))


def _sort_conditions(by_name: Mapping[str, OfKey], schema: KeySchema) -> list[OfKey]:
    """Of the sort attributes, in their order: none may be left out before one that is given, and only the last
    may be asked for something else than to be equal.
    """
    found: list[OfKey] = []
    for attribute in schema.sort[: len(by_name) - len(schema.partition)]:
        asked = _given(by_name, attribute)
        _check_values(asked, schema)
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


def _check_values(asked: OfKey, schema: KeySchema) -> None:
    types = {each.name: each.type for each in schema.attributes}
    is_partition = any(each.name == asked.attribute for each in schema.partition)
    if not asked.values:
        raise ValidationException(f"Only scalar types can be used as {'Hash' if is_partition else 'Range'} Key values")
    for value in asked.values:
        [(what, held)] = value.items()
        if what != types[asked.attribute]:
            raise ValidationException(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        if not held:
            raise ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain"
                f" an empty {'string' if what == 'S' else 'binary'} value. Key: {asked.attribute}"
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
