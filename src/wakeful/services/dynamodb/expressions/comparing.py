"""How values compare: equal within a type, in order within strings, numbers and binaries ("Comparison operator and
function reference").

Values are as they are stored: a number has one way to be written and a set one order, so what is equal is the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.values import Value, decoded

ORDERED: Mapping[str, Callable[[Any], Any]] = {"S": str, "N": decimals.order, "B": decoded}
"""The types that have an order, and what makes their values ones of Python's with the same order."""

SIZED = frozenset(("S", "B", "SS", "NS", "BS", "L", "M"))
"""The types that `size` measures."""

_SET_OF = {"S": "SS", "N": "NS", "B": "BS"}

Test = Callable[["Value | None", "Value | None"], bool]


def equal(left: Value | None, right: Value | None) -> bool:
    return left is not None and left == right


def unequal(left: Value | None, right: Value | None) -> bool:
    """What is not there is unequal to everything."""
    return left is None or left != right


def _in_order(test: Callable[[Any, Any], bool]) -> Test:
    def holds(left: Value | None, right: Value | None) -> bool:
        if left is None or right is None:
            return False
        [(kind, held)] = left.items()
        as_python = ORDERED.get(kind)
        if as_python is None or kind not in right:
            return False
        return test(as_python(held), as_python(right[kind]))

    return holds


COMPARATORS: Mapping[str, Test] = {
    "=": equal,
    "<>": unequal,
    "<": _in_order(operator.lt),
    "<=": _in_order(operator.le),
    ">": _in_order(operator.gt),
    ">=": _in_order(operator.ge),
}

at_least, at_most = COMPARATORS[">="], COMPARATORS["<="]


def between(value: Value | None, low: Value | None, high: Value | None) -> bool:
    return at_least(value, low) and at_most(value, high)


def among(value: Value | None, others: Sequence[Value | None]) -> bool:
    return value is not None and value in others


def begins_with(value: Value | None, beginning: Value | None) -> bool:
    """Of strings and binaries."""
    if value is None or beginning is None:
        return False
    if "S" in value and "S" in beginning:
        return bool(value["S"].startswith(beginning["S"]))
    return "B" in value and "B" in beginning and decoded(value["B"]).startswith(decoded(beginning["B"]))


def contains(value: Value | None, part: Value | None) -> bool:
    """A string's or binary's part, a set's member, a list's element."""
    if value is None or part is None:
        return False
    [(kind, held)] = value.items()
    if kind == "L":
        return part in held
    [(part_kind, part_held)] = part.items()
    if _SET_OF.get(part_kind) == kind:
        return part_held in held
    if kind != part_kind or kind not in ("S", "B"):
        return False
    return part_held in held if kind == "S" else decoded(part_held) in decoded(held)


def size(value: Value | None) -> Value | None:
    """As a number; None of what has none."""
    if value is None:
        return None
    [(kind, held)] = value.items()
    if kind not in SIZED:
        return None
    if kind == "S":
        return {"N": str(len(held) if held.isascii() else len(held.encode()))}
    return {"N": str(len(decoded(held)) if kind == "B" else len(held))}
