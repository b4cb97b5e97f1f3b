"""Key conditions: what they refuse, and which keys lie between their ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.services.dynamodb.expressions.asking import KEYS, refusal, refusals, used
from wakeful.services.dynamodb.expressions import KeyCondition, asked
from wakeful.services.dynamodb.keys import Attribute, KeySchema

REFUSED = refusals("key condition")

ONLY_PARTITION = KeySchema((Attribute("p", "S"),))
SEVERAL = KeySchema((Attribute("p", "S"), Attribute("q", "N")), (Attribute("r", "S"), Attribute("n", "N")))


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_key_condition_that_keys_cannot_answer_is_refused(text: str, why: str) -> None:
    assert refusal("Query", {"KeyConditionExpression": text, **used(text)}) == why


def test_a_table_without_a_sort_key_has_one_condition() -> None:
    text = "p = :p AND r = :r"
    request = {"KeyConditionExpression": text, **used(text)}
    assert refusal("Query", request, keys=ONLY_PARTITION) == "Query key condition not supported"
    assert refusal("Query", {"KeyConditionExpression": "p = :p", **used(":p")}, keys=ONLY_PARTITION) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p = :p AND q = :a", ""),
        ("n = :five AND r = :r AND q = :a AND p = :p", ""),
        ("p = :p AND q = :a AND r = :r AND n > :a", ""),
        ("p = :p AND q = :a AND begins_with(r, :r)", ""),
        ("p = :p", "Query condition missed key schema element: q"),
        ("p = :p AND q = :a AND n = :a", "Query condition missed key schema element: r"),
        ("p = :p AND q > :a", "Query key condition not supported"),
        ("p = :p AND q = :a AND r > :r AND n = :a", "Query key condition not supported"),
        ("p = :p AND q = :a AND r = :r AND n = :a AND s = :s", "Conditions can be of length 1 to 4 only"),
    ],
)
def test_of_several_sort_attributes_only_the_last_that_is_given_may_be_a_range(text: str, why: str) -> None:
    assert refusal("Query", {"KeyConditionExpression": text, **used(text)}, keys=SEVERAL) == why


def condition(text: str, values: dict[str, Any], keys: KeySchema) -> KeyCondition:
    found = asked("Query", {"KeyConditionExpression": text, "ExpressionAttributeValues": values}, keys).key_condition
    assert found is not None
    return found


strings = st.text("ab\x00\U0010ffff", max_size=4)
sorts = st.text("ab\x00\U0010ffff", min_size=1, max_size=4)
numbers = st.decimals(-1000, 1000, places=2).map(lambda number: f"{number:f}")
OPERATORS = {
    "r = :x": lambda r, x, y: r == x,
    "r < :x": lambda r, x, y: r < x,
    ":x > r": lambda r, x, y: r < x,
    "r <= :x": lambda r, x, y: r <= x,
    "r > :x": lambda r, x, y: r > x,
    "r >= :x": lambda r, x, y: r >= x,
    "r BETWEEN :x AND :y": lambda r, x, y: x <= r <= y,
    "begins_with(r, :x)": lambda r, x, y: r.startswith(x),
}


@examples(400)
@given(st.sampled_from(sorted(OPERATORS)), sorts, sorts, sorts, st.sampled_from(["a", "b"]))
def test_a_key_lies_between_the_ends_where_its_value_does(text: str, r: str, x: str, y: str, p: str) -> None:
    x, y = (x, y) if x <= y else (y, x)
    values = {":p": {"S": "a"}, ":x": {"S": x}, **({":y": {"S": y}} if ":y" in text else {})}
    found = condition(f"p = :p AND {text}", values, KEYS)
    key = KEYS.of({"p": {"S": p}, "r": {"S": r}})
    assert (found.low <= key < found.high) == (p == "a" and OPERATORS[text](r, x, y))
    assert found.values == ({"S": "a"},)


@examples(300)
@given(st.sampled_from([each for each in sorted(OPERATORS) if "begins" not in each]), numbers, numbers, numbers, sorts)
def test_the_same_of_numbers_that_come_after_an_equal_string(text: str, n: str, x: str, y: str, r: str) -> None:
    x, y = (x, y) if float(x) <= float(y) else (y, x)
    values = {":p": {"S": "a"}, ":q": {"N": "1"}, ":r": {"S": r}, ":x": {"N": x}}
    if ":y" in text:
        values[":y"] = {"N": y}
    asked_of_n = text.replace("r ", "n ").replace("> r", "> n")
    found = condition(f"p = :p AND q = :q AND r = :r AND {asked_of_n}", values, SEVERAL)
    key = SEVERAL.of({"p": {"S": "a"}, "q": {"N": "1"}, "r": {"S": r}, "n": {"N": n}}) + b"the key of the table's item"
    assert (found.low <= key < found.high) == OPERATORS[text](float(n), float(x), float(y))


def test_legacy_conditions_are_the_same_ranges() -> None:
    def legacy(operator: str, *values: str) -> KeyCondition:
        conditions = {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}
        of_sort = {"ComparisonOperator": operator, "AttributeValueList": [{"S": each} for each in values]}
        found = asked("Query", {"KeyConditions": {**conditions, "r": of_sort}}, KEYS).key_condition
        assert found is not None
        return found

    values = {":p": {"S": "a"}, ":x": {"S": "x"}}
    for name, text in {"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}.items():
        assert legacy(name, "x") == condition(f"p = :p AND r {text} :x", values, KEYS)
    assert legacy("BEGINS_WITH", "x") == condition("p = :p AND begins_with(r, :x)", values, KEYS)
    both = {**values, ":y": {"S": "y"}}
    assert legacy("BETWEEN", "x", "y") == condition("p = :p AND r BETWEEN :x AND :y", both, KEYS)
