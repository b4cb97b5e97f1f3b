"""The parameters from before expressions: Expected, AttributeUpdates, ScanFilter, QueryFilter, KeyConditions,
AttributesToGet, ConditionalOperator ("Legacy conditional parameters").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import arithmetic, comparing, projections
from wakeful.services.dynamodb.expressions.bound import Path
from wakeful.services.dynamodb.expressions.key_conditions import OfKey
from wakeful.services.dynamodb.expressions.projections import PathsProjection
from wakeful.services.dynamodb.values import Item, Value, checked_value, kind

_INVALID = "One or more parameter values were invalid: "

Test: TypeAlias = Callable[["Value | None", Sequence[Value]], bool]

_SCALARS = frozenset(("S", "N", "B"))
_CONTAINED = frozenset((*_SCALARS, "BOOL", "NULL"))
_ANY = frozenset(("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"))


@dataclass(frozen=True, slots=True)
class _Operator:
    """`count` is how many operands there are, `types` what they may be."""

    test: Test
    count: tuple[int, int] = (1, 1)
    types: frozenset[str] = _ANY


_MANY = 2**31
_OPERATORS: Mapping[str, _Operator] = {
    "EQ": _Operator(lambda value, given: comparing.equal(value, given[0])),
    "NE": _Operator(lambda value, given: comparing.unequal(value, given[0])),
    "LT": _Operator(lambda value, given: comparing.COMPARATORS["<"](value, given[0]), types=_SCALARS),
    "LE": _Operator(lambda value, given: comparing.COMPARATORS["<="](value, given[0]), types=_SCALARS),
    "GT": _Operator(lambda value, given: comparing.COMPARATORS[">"](value, given[0]), types=_SCALARS),
    "GE": _Operator(lambda value, given: comparing.COMPARATORS[">="](value, given[0]), types=_SCALARS),
    "BETWEEN": _Operator(lambda value, given: comparing.between(value, *given), (2, 2), _SCALARS),
    "IN": _Operator(comparing.among, (1, _MANY), _SCALARS),
    "NULL": _Operator(lambda value, given: value is None, (0, 0)),
    "NOT_NULL": _Operator(lambda value, given: value is not None, (0, 0)),
    "BEGINS_WITH": _Operator(lambda value, given: comparing.begins_with(value, given[0]), types=frozenset(("S", "B"))),
    "CONTAINS": _Operator(lambda value, given: comparing.contains(value, given[0]), types=_CONTAINED),
    "NOT_CONTAINS": _Operator(
        lambda value, given: value is not None and not comparing.contains(value, given[0]), types=_CONTAINED
    ),
}

_KEY_OPERATORS = {
    "EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=", "BETWEEN": "BETWEEN", "BEGINS_WITH": "begins_with",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Clause:
    attribute: str
    operator: str
    values: Sequence[Value]

    def holds(self, item: Item) -> bool:
        return _OPERATORS[self.operator].test(item.get(self.attribute), self.values)


@dataclass(frozen=True, slots=True)
class Clauses:
    """A condition: every clause holds, or one of them does."""

    clauses: tuple[_Clause, ...]
    is_any: bool

    def holds(self, item: Item | None) -> bool:
        if item is None:
            item = {}
        joined = any if self.is_any else all
        return joined(clause.holds(item) for clause in self.clauses)

    def attributes(self) -> frozenset[str]:
        return frozenset(clause.attribute for clause in self.clauses)


# --- conditions and filters -------------------------------------------------------------------------------------------


def condition_of(request: Mapping[str, Any]) -> Clauses | None:
    """Of Expected; None where there is nothing in it."""
    expected = request.get("Expected")
    if not expected:
        return None
    clauses = [_expected(_checked_name(name), what) for name, what in expected.items()]
    return Clauses(tuple(clauses), request.get("ConditionalOperator") == "OR")


def filter_of(request: Mapping[str, Any], called: str) -> Clauses | None:
    """Of ScanFilter or QueryFilter; None where there is nothing in it."""
    given = request.get(called)
    if not given:
        return None
    clauses = [
        _clause(_checked_name(name), what.get("ComparisonOperator"), what.get("AttributeValueList") or ())
        for name, what in given.items()
    ]
    return Clauses(tuple(clauses), request.get("ConditionalOperator") == "OR")


def check_operator(request: Mapping[str, Any]) -> None:
    """A ConditionalOperator joins two clauses or more."""
    if request.get("ConditionalOperator") is None:
        return
    joined = [name for name in ("Expected", "QueryFilter", "ScanFilter") if request.get(name)]
    if not joined:
        raise ValidationException("ConditionalOperator cannot be used without Filter or Expected")
    if len(request[joined[0]]) == 1:
        raise ValidationException(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )


def _expected(name: str, what: Mapping[str, Any]) -> _Clause:
    operator, exists = what.get("ComparisonOperator"), what.get("Exists")
    value, listed = what.get("Value"), what.get("AttributeValueList")

    def refused(why: str) -> ValidationException:
        return ValidationException(f"{_INVALID}{why} for Attribute: {name}")

    if operator is None:
        if listed is not None:
            raise refused("AttributeValueList can only be used with a ComparisonOperator")
        if exists is False:
            if value is not None:
                raise refused("Value cannot be used when Exists is false")
            return _Clause(name, "NULL", ())
        if value is None:
            raise refused(f"Value must be provided when Exists is {'true' if exists else 'null'}")
        return _clause(name, "EQ", [value])
    if exists is not None:
        raise refused("Exists and ComparisonOperator cannot be used together")
    if value is not None and listed is not None:
        raise refused("Value and AttributeValueList cannot be used together")
    if value is None and listed is None and _OPERATORS[_known(operator)].count != (0, 0):
        raise refused(f"Value or AttributeValueList must be used with ComparisonOperator: {operator}")
    return _clause(name, operator, [value] if value is not None else listed or ())


def _clause(name: str, operator: str | None, values: Sequence[Any]) -> _Clause:
    checked = [checked_value(each) for each in values]
    known = _known(operator)
    _check_operands(known, checked)
    return _Clause(name, known, checked)


def _known(operator: str | None) -> str:
    if operator is None or operator not in _OPERATORS:
        raise ValidationException("Comparison type does not exist in DynamoDB")
    return operator


def _check_operands(operator: str, values: Sequence[Value]) -> None:
    """How many they are, of which types, and how two of them go together."""
    takes = _OPERATORS[operator]
    if not takes.count[0] <= len(values) <= takes.count[1]:
        raise ValidationException(f"{_INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    for each in values:
        if kind(each) not in takes.types:
            raise ValidationException(
                f"{_INVALID}ComparisonOperator {operator} is not valid for {kind(each)} AttributeValue type"
            )
    if len({kind(each) for each in values}) > 1:
        raise ValidationException(f"{_INVALID}AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN" and not comparing.at_most(*values):
        raise ValidationException(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )


def _checked_name(name: str) -> str:
    if not name:
        raise ValidationException("Empty attribute name")
    if len(name.encode()) > limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX:
        raise ValidationException(
            f"Attribute name is too large, must be less than {limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX + 1} bytes"
        )
    return name


# --- keys and projections ---------------------------------------------------------------------------------------------


def key_condition_of(request: Mapping[str, Any]) -> list[OfKey] | None:
    """What KeyConditions ask of each attribute; whether they are the keys is seen later."""
    given = request.get("KeyConditions")
    if given is None:
        return None
    clauses = [
        _clause(name, what.get("ComparisonOperator"), what.get("AttributeValueList") or ())
        for name, what in given.items()
    ]
    return [
        OfKey(each.attribute, _KEY_OPERATORS.get(each.operator, each.operator), tuple(each.values)) for each in clauses
    ]


def projection_of(request: Mapping[str, Any]) -> PathsProjection | None:
    names = request.get("AttributesToGet")
    if names is None:
        return None
    if not names:
        raise ValidationException("AttributesToGet cannot be empty")
    seen: set[str] = set()
    for name in names:
        if _checked_name(name) in seen:
            raise ValidationException(f"{_INVALID}Duplicate value in attribute name: {name}")
        seen.add(name)
    return projections.of_paths(tuple((name,) for name in names))


# --- updates ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Put:
    """What AttributeUpdates says of one attribute; a value of None deletes it."""

    attribute: str
    action: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class AttributeUpdates:
    puts: tuple[_Put, ...]

    @property
    def read(self) -> tuple[Path, ...]:
        return ()

    def apply(self, item: Item) -> Item:
        after = dict(item)
        for put in self.puts:
            value = _after(put, after.get(put.attribute))
            if value is not None:
                after[put.attribute] = value
            else:
                after.pop(put.attribute, None)
        return after

    def of_nothing(self, key: Item) -> Item | None:
        is_taking_away = bool(self.puts) and all(put.action == "DELETE" for put in self.puts)
        return None if is_taking_away else self.apply(key)

    def paths(self) -> tuple[Path, ...]:
        return tuple((put.attribute,) for put in self.puts)

    def copied(self) -> frozenset[str]:
        return frozenset()


_ADDED = arithmetic.ADDED | {"L"}


def update_of(request: Mapping[str, Any]) -> AttributeUpdates | None:
    given = request.get("AttributeUpdates")
    if given is None:
        return None
    return AttributeUpdates(tuple(_put(_checked_name(name), what) for name, what in given.items()))


def _put(name: str, what: Mapping[str, Any]) -> _Put:
    action, value = what.get("Action") or "PUT", what.get("Value")
    if action not in ("ADD", "DELETE", "PUT"):
        raise ValidationException("Member must satisfy enum value set: [ADD, DELETE, PUT]")
    if value is None:
        if action != "DELETE":
            raise ValidationException(f"{_INVALID}Only DELETE action is allowed when no attribute value is specified")
        return _Put(name, action, None)
    checked = checked_value(value)
    if action == "DELETE" and kind(checked) not in arithmetic.SETS:
        raise ValidationException(
            f"{_INVALID}DELETE action with value is not supported for the type {arithmetic.TYPE_WORDS[kind(checked)]}"
        )
    if action == "ADD" and kind(checked) not in _ADDED:
        raise ValidationException(
            f"{_INVALID}ADD action is not supported for the type {arithmetic.TYPE_WORDS[kind(checked)]}"
        )
    return _Put(name, action, checked)


def _after(put: _Put, before: Value | None) -> Value | None:
    if put.action == "PUT" or put.value is None:
        return put.value
    if before is None:
        return put.value if put.action == "ADD" else None
    if kind(before) != kind(put.value):
        raise ValidationException("Type mismatch for attribute to update")
    if put.action == "DELETE":
        return arithmetic.without(before, put.value)
    if "L" in before:
        return {"L": [*before["L"], *put.value["L"]]}
    return arithmetic.added(before, put.value)
