"""Random requests with the parameters that came before expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.parity.dynamodb_writer import NAMES, Request, Writer

_ALONE = ("NULL", "NOT_NULL")
_KEY_COMPARISONS = ("EQ", "LT", "LE", "GT", "GE", "BETWEEN", "BEGINS_WITH")
_COMPARISONS = (*_KEY_COMPARISONS, *_ALONE, "NE", "IN", "CONTAINS", "NOT_CONTAINS")
_LISTED = ("IN", "BETWEEN")


def expected(write: Writer) -> Request:
    """`Expected` of a write, with what joins its conditions."""
    conditions = {write.one(NAMES): _expectation(write) for _ in range(write.one((1, 1, 2)))}
    return _joined(write, "Expected", conditions)


def filtered(write: Writer, parameter: str) -> Request:
    """`QueryFilter` or `ScanFilter`, with what joins its conditions."""
    conditions = {write.one(NAMES[5:]): _condition(write) for _ in range(write.one((1, 1, 2)))}
    return _joined(write, parameter, conditions)


def attribute_updates(write: Writer) -> Request:
    return {"AttributeUpdates": {write.one(NAMES[2:]): _change(write) for _ in range(write.one((1, 1, 2)))}}


def key_conditions(write: Writer, keys: Sequence[tuple[str, str]]) -> Request:
    (name, kind), *more = keys
    said: Request = {name: {"ComparisonOperator": "EQ", "AttributeValueList": [write.key_value(kind)]}}
    if more and write.one((True, False)):
        second, kind = more[0]
        comparison = write.one(_COMPARISONS if write.errs() else _KEY_COMPARISONS)
        values = [write.key_value(kind) for _ in range(2 if comparison == "BETWEEN" else 1)]
        said[second] = {"ComparisonOperator": comparison, "AttributeValueList": values}
    return {"KeyConditions": said}


def attributes_to_get(write: Writer) -> Request:
    return {"AttributesToGet": write.pick.sample(NAMES, write.one((1, 2, 3)))}


def _joined(write: Writer, parameter: str, conditions: dict[str, Any]) -> Request:
    said: Request = {parameter: conditions}
    if len(conditions) > 1:
        said["ConditionalOperator"] = write.one(("AND", "OR"))
    return said


def _expectation(write: Writer) -> Request:
    kinds = (lambda: {"Value": write.value()}, lambda: {"Exists": False}, lambda: _condition(write))
    said: Request = write.one(kinds)()
    if write.errs():
        said["Exists"] = write.one((True, False))
    return said


def _condition(write: Writer) -> Request:
    comparison = write.one(_COMPARISONS)
    said: Request = {"ComparisonOperator": comparison}
    many = {"BETWEEN": 2, "IN": write.one((1, 2, 3))}.get(comparison, 0 if comparison in _ALONE else 1)
    if write.errs():
        many = write.one((0, 1, 2))
    if many:
        said["AttributeValueList"] = [write.value(write.one("SNB")) for _ in range(many)]
        if comparison not in _LISTED:
            said["AttributeValueList"][0] = write.value()
    return said


def _change(write: Writer) -> Request:
    action = write.one(("PUT", "ADD", "DELETE"))
    said: Request = {"Action": action}
    kinds = {"PUT": (None,), "ADD": ("N", "NS", "SS", "L"), "DELETE": ("SS", "NS")}[action]
    if action != "DELETE" or write.one((True, False)):
        said["Value"] = write.value(write.one(kinds))
    if write.errs():
        said.pop(write.one(list(said)))
    return said
