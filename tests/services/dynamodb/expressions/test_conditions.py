"""Conditions and filters: what they refuse, and of which items they hold."""

from __future__ import annotations

import pytest

from tests.services.dynamodb.expressions.asking import ITEM, holds, refusal, refusals, used
from wakeful import limits

REFUSED = refusals("condition: what has no sense")

# Of two mistakes the one that DynamoDB speaks of.
FIRST_REFUSED = refusals("condition: of two mistakes, the one that is told")

TRUE = (
    "n = :five", "n <> :a", "n > :a", "n >= :five", "n <= :five", "n < :five OR n = :five", ":a < n",
    "n BETWEEN :a AND :five", ":two BETWEEN m.k AND n", "n IN (:a, :five)", "n IN (m.k, :five)",
    "s = s2 OR s <> s2", "x <> :a", "x <> y", "n <> s", "NOT x = :a", "NOT x < :a", "NOT x IN (:a)",
    "NOT x BETWEEN :a AND :a", "NOT x = y", "size(x) <> :a", "size(n) <> :a", "NOT size(n) < :a",
    "attribute_exists(m.d.e)", "attribute_exists(l[2].k)", "attribute_not_exists(l[3])", "attribute_not_exists(n.k)",
    "attribute_not_exists(m[0])", "attribute_type(n, :type)", "attribute_type(l[0], :type)",
    "begins_with(b, :b)", "begins_with(:ell, :empty)", "contains(s, :ell)", "contains(b, :b)", "contains(ss, :p)",
    "contains(ns, :a)", "contains(l, :a)", "contains(:l, n)", "size(s) = :five", "size(b) = :three", "size(l) = :three",
    "size(m) = :two", "size(ss) = :two", "size(ns) = :two", "t = :t", "z = :z", "z <> :t",
    "m.d = m.d2 OR m.d <> :m", "l[0] = m.k", ":a = :a", "contains(s, s2) OR n = :five",
)  # fmt: skip

FALSE = (
    "x = :a", "x = y", "x < :a", "x IN (:a)", "n = :s", "n < :s", "s < :five", "n BETWEEN :s AND :s", "n IN (:s, x)",
    "t < s", "size(n) = :a", "size(n) < :a", "size(z) = :a", "size(x) = :a", "size(s) = :s",
    "attribute_exists(x)", "attribute_exists(s[0])", "attribute_not_exists(p)", "attribute_type(x, :type)",
    "attribute_type(s, :type)", "begins_with(n, :s)", "begins_with(x, :s)", "begins_with(s, n)", "begins_with(s, :b)",
    "contains(s, n)", "contains(ss, :ss)", "contains(n, :a)", "contains(m, :s)", "contains(x, :s)", "contains(l, :l)",
    "contains(ns, :s)", "contains(s, :b)", "l = :l", "t = :z",
)  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_condition_without_sense_is_refused(text: str, why: str) -> None:
    request = {"ConditionExpression": text, **used(text)}
    assert refusal("PutItem", request) == f"Invalid ConditionExpression: {why}"


@pytest.mark.parametrize(("text", "why"), FIRST_REFUSED)
def test_of_two_mistakes_the_same_one_is_said_as_by_dynamodb(text: str, why: str) -> None:
    request = {"ConditionExpression": text, **used(text)}
    assert refusal("PutItem", request) == f"Invalid ConditionExpression: {why}"


def test_a_filter_is_called_a_filter() -> None:
    assert refusal("Scan", {"FilterExpression": "n = n"}).startswith("Invalid FilterExpression: The first operand")


@pytest.mark.parametrize("text", TRUE)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize("text", FALSE)
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_of_an_item_that_is_not_there_nothing_is_known() -> None:
    assert holds("attribute_not_exists(p)", None)
    assert holds("p <> :a", None)
    assert not holds("p = :p OR attribute_exists(p)", None)


def test_names_may_stand_for_anything() -> None:
    item = {**ITEM, "a.b[0]": {"M": {"and": {"S": "x"}}}}
    assert holds("#odd.#and = :s AND attribute_exists(#odd)", item, odd="a.b[0]", **{"and": "and"})


def test_numbers_compare_as_numbers_and_strings_by_their_bytes() -> None:
    assert holds("x > :five", {"x": {"N": "10"}})
    assert holds("x < :a", {"x": {"N": "-0.00000000000000000000000000000000000001"}})
    assert holds("x < y", {"x": {"S": "Z"}, "y": {"S": "a"}})
    assert holds("x < y", {"x": {"S": "\uffff"}, "y": {"S": "\U0001f600"}})  # in UTF-16 it is the other way round
    assert holds("x < y", {"x": {"B": "fw=="}, "y": {"B": "gA=="}})  # 127 and 128


@pytest.mark.parametrize(
    ("text", "most"),
    [("n=:a", 150), ("NOT n=:a", 100), ("n IN (:a)", 150), ("n BETWEEN :a AND :a", 150), ("size(s)=:a", 100)],
)
def test_a_condition_has_300_operators_at_most(text: str, most: int) -> None:
    def chain(count: int) -> dict[str, object]:
        return {"ConditionExpression": " AND ".join([text] * count), **used(text)}

    assert refusal("PutItem", chain(most)) == ""
    assert refusal("PutItem", chain(most + 1)) == (
        "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"
    )


def test_in_has_100_operands_at_most() -> None:
    def among(count: int) -> str:
        text = f"n IN ({','.join([':a'] * count)})"
        return refusal("PutItem", {"ConditionExpression": text, **used(text)})

    assert among(limits.DYNAMODB_IN_OPERANDS_MAX) == ""
    assert among(101) == (
        "Invalid ConditionExpression: The IN operator is provided with too many operands; number of operands: 101"
    )


def test_a_path_has_32_parts_at_most() -> None:
    def deep(parts: int) -> str:
        return refusal("PutItem", {"ConditionExpression": f"attribute_exists({'.'.join('x' * parts)})"})

    assert deep(32) == ""
    assert deep(33) == (
        "Invalid ConditionExpression: The document path has too many nesting levels; nesting levels: 33"
    )


def test_no_nesting_exhausts_the_stack() -> None:
    def nested(levels: int) -> dict[str, object]:
        return {"ConditionExpression": "n=b AND (n=b OR (" * levels + "n=b" + "))" * levels}

    assert refusal("PutItem", nested(70)) == ""
    for request in (nested(100), nested(210), {"ConditionExpression": "size(" * 290 + "n" + ")" * 290 + "=b"}):
        assert refusal("PutItem", request) == (
            "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"
        )
