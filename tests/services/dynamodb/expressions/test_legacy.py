"""The parameters from before expressions: what they refuse, and that they mean what expressions mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.dynamodb.expressions.asking import ITEM, KEYS, refusal
from wakeful.services.dynamodb.expressions import asked

INVALID = "One or more parameter values were invalid: "
COUNT = f"{INVALID}Invalid number of argument(s) for the {{}} ComparisonOperator"
TYPE = f"{INVALID}ComparisonOperator {{}} is not valid for {{}} AttributeValue type"
UNKNOWN = "Comparison type does not exist in DynamoDB"
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"


def compared(operator: str, *values: Any) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


ONE, FIVE, SIX = {"N": "1"}, {"N": "5"}, {"N": "6"}
TEXT = {"S": "x"}
SET, LIST, MAP, BOOL, NULL = {"SS": ["a"]}, {"L": []}, {"M": {}}, {"BOOL": True}, {"NULL": True}  # type: ignore[var-annotated]

REFUSED = (
    ({"Exists": True}, f"{INVALID}Value must be provided when Exists is true for Attribute: n"),
    ({}, f"{INVALID}Value must be provided when Exists is null for Attribute: n"),
    ({"Exists": False, "Value": FIVE}, f"{INVALID}Value cannot be used when Exists is false for Attribute: n"),
    (
        {"AttributeValueList": [FIVE]},
        f"{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: n",
    ),
    (
        {**compared("EQ", FIVE), "Exists": True},
        f"{INVALID}Exists and ComparisonOperator cannot be used together for Attribute: n",
    ),
    (
        {**compared("EQ", FIVE), "Value": FIVE},
        f"{INVALID}Value and AttributeValueList cannot be used together for Attribute: n",
    ),
    (
        {"ComparisonOperator": "EQ"},
        f"{INVALID}Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: n",
    ),
    (compared("XX", FIVE), UNKNOWN),
    (compared("XX", {}), EMPTY),
    ({"Value": {}}, EMPTY),
    *((compared(operator), COUNT.format(operator)) for operator in ("EQ", "LT", "IN", "CONTAINS", "BEGINS_WITH")),
    *((compared(operator, ONE, ONE), COUNT.format(operator)) for operator in ("NE", "GE", "NULL", "NOT_CONTAINS")),
    (compared("BETWEEN", ONE), COUNT.format("BETWEEN")),
    (compared("NOT_NULL", ONE), COUNT.format("NOT_NULL")),
    *((compared("LT", each), TYPE.format("LT", next(iter(each)))) for each in (SET, LIST, MAP, BOOL, NULL)),
    *((compared("IN", TEXT, each), TYPE.format("IN", next(iter(each)))) for each in (SET, LIST, BOOL, NULL)),
    *((compared("CONTAINS", each), TYPE.format("CONTAINS", next(iter(each)))) for each in (SET, LIST, MAP)),
    *((compared("BEGINS_WITH", each), TYPE.format("BEGINS_WITH", next(iter(each)))) for each in (ONE, BOOL)),
    (compared("IN", ONE, TEXT), f"{INVALID}AttributeValues inside AttributeValueList must be of same type"),
    (
        compared("BETWEEN", SIX, ONE),
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    ),
)

TRUE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("n", {"Value": FIVE}),
    ("n", {"Exists": True, "Value": FIVE}),
    ("x", {"Exists": False}),
    ("n", {"ComparisonOperator": "EQ", "Value": FIVE}),
    ("n", compared("EQ", {"N": "5.0"})),
    ("n", compared("NE", SET)),
    ("x", compared("NE", ONE)),
    ("n", compared("GT", ONE)),
    ("n", compared("LE", FIVE)),
    ("n", compared("BETWEEN", ONE, FIVE)),
    ("n", compared("IN", ONE, FIVE)),
    ("n", {"ComparisonOperator": "NOT_NULL"}),
    ("x", compared("NULL")),
    ("s", compared("BEGINS_WITH", {"S": "he"})),
    ("s", compared("CONTAINS", {"S": "ell"})),
    ("l", compared("CONTAINS", ONE)),
    ("ns", compared("CONTAINS", ONE)),
    ("n", compared("NOT_CONTAINS", FIVE)),
    ("s", compared("NOT_CONTAINS", {"S": "z"})),
)
FALSE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("n", {"Value": SIX}),
    ("x", {"Value": FIVE}),
    ("n", {"Exists": False}),
    ("n", compared("LT", FIVE)),
    ("n", compared("LT", TEXT)),
    ("x", compared("NOT_NULL")),
    ("x", compared("NOT_CONTAINS", ONE)),
    ("l", compared("NOT_CONTAINS", ONE)),
    ("n", compared("CONTAINS", FIVE)),
    ("s", compared("BEGINS_WITH", TEXT)),
)


@pytest.mark.parametrize(("expected", "why"), REFUSED)
def test_what_is_expected_without_sense_is_refused(expected: dict[str, Any], why: str) -> None:
    assert refusal("PutItem", {"Expected": {"n": expected}}) == why


@pytest.mark.parametrize(("name", "expected"), TRUE)
def test_what_is_expected_is_so(name: str, expected: dict[str, Any]) -> None:
    condition = asked("PutItem", {"Expected": {name: expected}}, KEYS).condition
    assert condition is not None
    assert condition.holds(ITEM)


@pytest.mark.parametrize(("name", "expected"), FALSE)
def test_what_is_expected_is_not_so(name: str, expected: dict[str, Any]) -> None:
    condition = asked("PutItem", {"Expected": {name: expected}}, KEYS).condition
    assert condition is not None
    assert not condition.holds(ITEM)


def test_all_of_several_are_expected_or_one_of_them() -> None:
    both = {"n": compared("EQ", FIVE), "x": compared("NOT_NULL")}
    for operator, is_so in ((None, False), ("AND", False), ("OR", True)):
        request = {"ScanFilter": both, **({"ConditionalOperator": operator} if operator else {})}
        found = asked("Scan", request, KEYS).filter
        assert found is not None
        assert found.holds(ITEM) is is_so
        assert found.attributes() == {"n", "x"}


@pytest.mark.parametrize(
    ("operation", "request_", "why"),
    [
        ("PutItem", {"ConditionalOperator": "AND"}, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            "PutItem",
            {"ConditionalOperator": "OR", "Expected": {"n": {"Value": ONE}}},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        ("PutItem", {"Expected": {"": {"Exists": False}}}, "Empty attribute name"),
        (
            "Query",
            {"KeyConditions": {"p": compared("EQ", TEXT)}, "QueryFilter": {"r": compared("EQ", TEXT)}},
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: r",
        ),
        ("Query", {"KeyConditions": {}}, "Conditions can be of length 1 or 2 only"),
        ("Query", {"KeyConditions": {"r": compared("EQ", TEXT)}}, "Query condition missed key schema element: p"),
        ("Query", {"KeyConditions": {"p": compared("LT", TEXT)}}, "Query key condition not supported"),
        ("Query", {"KeyConditions": {"p": compared("NULL")}}, "Only scalar types can be used as Hash Key values"),
        (
            "Query",
            {"KeyConditions": {"p": compared("EQ", TEXT), "r": compared("NOT_NULL")}},
            "Only scalar types can be used as Range Key values",
        ),
        (
            "Query",
            {"KeyConditions": {"p": compared("EQ", TEXT), "r": compared("IN", TEXT)}},
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            "Query",
            {"KeyConditions": {"p": compared("EQ", ONE)}},
            f"{INVALID}Condition parameter type does not match schema type",
        ),
        ("GetItem", {"AttributesToGet": []}, "AttributesToGet cannot be empty"),
        ("GetItem", {"AttributesToGet": ["n", "n"]}, f"{INVALID}Duplicate value in attribute name: n"),
        (
            "UpdateItem",
            {"AttributeUpdates": {"x": {"Action": "ADD"}}},
            f"{INVALID}Only DELETE action is allowed when no attribute value is specified",
        ),
        (
            "UpdateItem",
            {"AttributeUpdates": {"x": {"Action": "ADD", "Value": TEXT}}},
            f"{INVALID}ADD action is not supported for the type STRING",
        ),
        (
            "UpdateItem",
            {"AttributeUpdates": {"x": {"Action": "DELETE", "Value": LIST}}},
            f"{INVALID}DELETE action with value is not supported for the type LIST",
        ),
        (
            "UpdateItem",
            {"AttributeUpdates": {"p": {"Value": TEXT}}},
            f"{INVALID}Cannot update attribute p. This attribute is part of the key",
        ),
        (
            "UpdateItem",
            {"AttributeUpdates": {"s": {"Action": "ADD", "Value": ONE}}},
            "Type mismatch for attribute to update",
        ),
        (
            "UpdateItem",
            {"AttributeUpdates": {"ss": {"Action": "DELETE", "Value": {"NS": ["1"]}}}},
            "Type mismatch for attribute to update",
        ),
    ],
)
def test_a_request_from_before_expressions_is_refused(operation: str, request_: dict[str, Any], why: str) -> None:
    assert refusal(operation, request_) == why


def test_attributes_are_put_added_and_deleted() -> None:
    updates = {
        "x": {"Value": TEXT},
        "n": {"Action": "ADD", "Value": ONE},
        "y": {"Action": "ADD", "Value": ONE},
        "l": {"Action": "ADD", "Value": {"L": [ONE]}},
        "ss": {"Action": "DELETE", "Value": SET},
        "ns": {"Action": "ADD", "Value": {"NS": ["10", "2"]}},
        "s": {"Action": "DELETE"},
        "m.k": {"Action": "PUT", "Value": ONE},
    }
    update = asked("UpdateItem", {"AttributeUpdates": updates}, KEYS).update
    assert update is not None
    after = update.apply(ITEM)
    assert after == {
        **{name: value for name, value in ITEM.items() if name != "s"},
        "x": TEXT,
        "n": SIX,
        "y": ONE,
        "l": {"L": [*ITEM["l"]["L"], ONE]},
        "ss": {"SS": ["b"]},
        "ns": {"NS": ["1", "2", "10"]},
        "m.k": ONE,
    }
    assert update.paths()[-1] == ("m.k",)


def test_an_update_of_no_item_that_only_deletes_makes_none() -> None:
    key = {"p": ITEM["p"], "r": ITEM["r"]}
    for updates, made in (
        ({"x": {"Action": "DELETE"}, "y": {"Action": "DELETE", "Value": SET}}, None),
        ({"x": {"Action": "DELETE"}, "y": {"Action": "ADD", "Value": ONE}}, {**key, "y": ONE}),
        ({}, key),
    ):
        update = asked("UpdateItem", {"AttributeUpdates": updates}, KEYS).update
        assert update is not None
        assert update.of_nothing(key) == made


def test_attributes_to_get_are_whole_names() -> None:
    projection = asked("GetItem", {"AttributesToGet": ["n", "m.k", "x"]}, KEYS).projection
    assert projection is not None
    assert projection.of({**ITEM, "m.k": ONE}) == {"n": FIVE, "m.k": ONE}
    assert projection.attributes() == {"n", "m.k", "x"}
