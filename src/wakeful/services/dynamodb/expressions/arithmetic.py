"""What updates make of numbers and sets: sums, unions, what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.values import Value, decoded, kind

# So many digits that no sum of two numbers is rounded; whether DynamoDB can hold it is seen afterwards.
_EXACT = Context(
    prec=limits.DYNAMODB_NUMBER_EXPONENT_MAX - limits.DYNAMODB_NUMBER_EXPONENT_MIN + limits.DYNAMODB_NUMBER_DIGITS_MAX,
    traps=[Inexact],
)

_ORDER: Mapping[str, Callable[[Any], Any]] = {"SS": str, "NS": decimals.order, "BS": decoded}

SETS = frozenset(_ORDER)
ADDED = frozenset(("N", *SETS))
"""The types that ADD takes."""


TYPE_WORDS = {
    "S": "STRING", "N": "NUMBER", "B": "BINARY", "SS": "STRING_SET", "NS": "NUMBER_SET", "BS": "BINARY_SET",
    "M": "MAP", "L": "LIST", "BOOL": "BOOLEAN", "NULL": "NULL",
}  # fmt: skip
"""What AWS calls the types where it speaks of what ADD and DELETE take."""


def plus(one: str, other: str) -> str:
    """Raises ValidationException for what is more than a number can hold."""
    return _written(_EXACT.add(Decimal(one), Decimal(other)))


def minus(one: str, other: str) -> str:
    """The same."""
    return _written(_EXACT.subtract(Decimal(one), Decimal(other)))


def _written(result: Decimal) -> str:
    if len("".join(map(str, result.as_tuple().digits)).strip("0")) > limits.DYNAMODB_NUMBER_DIGITS_MAX:
        raise ValidationException(
            # what DynamoDB says to too many digits of a result, though not to those of a value
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    return decimals.normalised(str(result))


def added(before: Value | None, value: Value) -> Value | None:
    """The sum, or the union; None where the two do not go together."""
    if before is None:
        return value
    [(what, held)] = before.items()
    if kind(value) != what:
        return None
    if what == "N":
        return {"N": plus(held, value["N"])}
    return {what: sorted({*held, *value[what]}, key=_ORDER[what])}


def without(before: Value, value: Value) -> Value | None:
    """A set without the members of another of its type; None where none is left."""
    [(what, held)] = before.items()
    gone = set(value[what])
    left = [each for each in held if each not in gone]
    return {what: left} if left else None
